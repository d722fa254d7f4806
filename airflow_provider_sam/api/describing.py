"""How an operation's description is put together: the connection's defaults, betas, bodies checked and encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sam.api import limits as checks
from airflow_provider_sam.api import routes
from airflow_provider_sam.api.bodies import BatchBody, encode
from airflow_provider_sam.api.operation import Effect, Request, operation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam.api.operation import Operation
    from airflow_provider_sam.api.settings import ClientSettings

T = TypeVar("T")


class OperationBuilder:
    """Describes operations with the timeouts, retries and limits of one connection."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._limits = settings.limits

    def _message_body(self, params: Mapping[str, Any], required: tuple[str, ...], *, stream: bool = False) -> bytes:
        if stream and isinstance(params, Mapping):
            params = {name: value for name, value in params.items() if name != "stream"}
        checks.check_params(params, required)
        # Counting takes no `stream` at all, and a message that is not to be streamed means the same without it.
        rest = {name: value for name, value in params.items() if name != "stream"}
        body = encode({**rest, "stream": True} if stream else rest)
        checks.check_size(len(body), self._limits.max_message_bytes, what="the request")
        return body

    def _operation(self, operation: str, path: str, read: Callable[[bytes], T], **more: Any) -> Operation[T]:
        return operation_of(self._request(operation, path, **more), read)

    def _request(
        self,
        operation: str,
        path: str,
        *,
        method: str | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | BatchBody | None = None,
        effect: Effect = Effect.SAME,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
        read_timeout: float | None = None,
    ) -> Request:
        return Request(
            operation=operation,
            method=method or ("GET" if body is None else "POST"),
            path=path,
            query={**(query or {}), **routes.beta_query(betas)},
            headers={**(headers or {}), **routes.beta_header(betas)},
            body=body,
            effect=effect,
            retry_for=self._settings.retry_for if retry_for is None else retry_for,
            read_timeout=read_timeout or self._settings.read_timeout,
        )
