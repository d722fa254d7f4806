"""What landed results mean to the task that landed them. Judged after landing, so that nothing paid for is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, kw_only=True)
class ResultsPolicy:
    """When landed results make a task fail.

    :param fail_on_partial_error: fail when a single result is failed.
    :param max_failed_ratio: fail when a larger part of the results is failed, from 0 to 1; None for any part.
    :param treat_stop_reasons_as_failed: succeeded results with one of these stop reasons, such as `max_tokens`, count
        as failed too.
    :raises SamRequestError: the ratio is none, or the stop reasons are no list.
    """

    fail_on_partial_error: bool = False
    max_failed_ratio: float | None = None
    treat_stop_reasons_as_failed: Collection[str] = ()

    def __post_init__(self) -> None:
        """Refuse a ratio that is none, such as a percentage, and a lone stop reason, which is a list of letters."""
        if self.max_failed_ratio is not None and not 0 <= self.max_failed_ratio <= 1:
            raise SamRequestError(f"max_failed_ratio must be from 0 to 1, got {self.max_failed_ratio}")
        check_stop_reasons(self.treat_stop_reasons_as_failed)

    def failures(self, total: Mapping[str, Any]) -> dict[str, int]:
        """Count what is failed, by outcome or stop reason; all but `succeeded` is.

        :param total: the sums of a manifest.
        """
        failed = {name: count for name, count in total["counts"].items() if count and name != "succeeded"}
        for reason in sorted(self.treat_stop_reasons_as_failed):
            if count := total["stop_reasons"].get(reason, 0):
                failed[f"stopped by {reason}"] = count
        return failed

    def failure_reason(self, total: Mapping[str, Any]) -> str | None:
        """Say why the task is to fail; None where it is not.

        :param total: the sums of a manifest.
        """
        failed, lines = self.failures(total), total["lines"]
        count = sum(failed.values())
        if not count:
            return None
        allowed = 0.0 if self.fail_on_partial_error else self.max_failed_ratio
        if allowed is None or count <= allowed * lines:
            return None
        kinds = ", ".join(f"{number} {name}" for name, number in failed.items())
        errors = "; ".join(f"{error['count']} x {error['type']}: {error['message']}" for error in total["errors"][:3])
        limit = f"{allowed:.1%}" if allowed else "none"
        return f"{count} of {lines} results failed ({kinds}); allowed: {limit}{f'. {errors}' if errors else ''}"


def check_stop_reasons(value: Collection[str]) -> None:
    """Refuse a lone string, whose letters would be taken for stop reasons.

    :raises SamRequestError: it is one.
    """
    if isinstance(value, str):
        raise SamRequestError(f"treat_stop_reasons_as_failed must be a list, got {value!r}; write [{value!r}]")
