"""What is wrong with the parameters of one request, alone or in a batch: one rule for all routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.emulator import contract
from airflow_provider_sam.emulator.errors import ApiError, invalid, not_found
from airflow_provider_sam.emulator.reading import read_json

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True, slots=True)
class Checks:
    """How requests are checked.

    :param schema: the name of the schema that the parameters must have
    :param models: the ids and aliases of models that are answered; None for any. With them, parameters that the
        contract does not have are refused as well
    """

    schema: str
    models: AbstractSet[str] | None = None

    @property
    def strict(self) -> bool:
        """Whether what is unknown is refused."""
        return self.models is not None

    def is_fine(self, text: bytes) -> bool:
        """Return whether a request is answered, without saying why not."""
        try:
            params = read_json(text)
        except ApiError:
            return False  # such as a number out of all range: JSON by its grammar, but not to be read
        return contract.is_valid(self.schema, params, strict=self.strict) and self._is_offered(params)

    def refusal(self, params: Any) -> ApiError | None:
        """Return the 400 or 404 that a request is answered with; None when nothing is wrong with it."""
        wrong = contract.violation(self.schema, params, strict=self.strict)
        if wrong is not None:
            return invalid(wrong)
        return None if self._is_offered(params) else not_found(f"model: {params['model']}")

    def refusal_of(self, text: bytes) -> ApiError | None:
        """Return the refusal of a request that has not been read yet."""
        try:
            return self.refusal(read_json(text, where="params"))
        except ApiError as error:
            return error

    def _is_offered(self, params: Any) -> bool:
        return self.models is None or params["model"] in self.models
