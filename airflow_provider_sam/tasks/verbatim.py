"""An argument that is data, not a template: it reaches the API as it is, and Airflow's pages show only its size.

Airflow renders every string inside a template field, so that a prompt with two braces would be changed or fail, and
20,000 prompts would take seconds. Yet only a template field draws the dependency on an upstream task's XCom. This
argument is in between: XComs inside it are resolved, and nothing else of it is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

from airflow_provider_sam._compat import Context, ResolveMixin, XComArg


class Verbatim(ResolveMixin):
    """Holds a value for a template field.

    :param value: any data, an upstream task's output, data with such outputs inside, or a callable that takes the
        task's context and gives data; it is called when the task runs.
    """

    def __init__(self, value: Any) -> None:
        self.value: Any = value.value if isinstance(value, Verbatim) else value
        self._references: list[tuple[Any, str]] | None = None

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Name the upstream outputs inside, from which Airflow draws the dependencies; the data is searched once."""
        if self._references is None:
            self._references = [found for output in _outputs_in(self.value) for found in output.iter_references()]
        yield from self._references

    def resolve(self, context: Context, **_: Any) -> Verbatim:
        """Replace the upstream outputs inside by what they hold; Airflow calls this instead of rendering."""
        if any(True for _ in self.iter_references()):
            return Verbatim(_resolved(self.value, context))
        return self

    def read(self, context: Context) -> Any:
        """Return the value, from the callable where it is one."""
        return self.value(context) if callable(self.value) else self.value

    def __str__(self) -> str:
        """Say what kind of value this is, without its content, the same in every process."""
        if callable(self.value):
            return f"given by {getattr(self.value, '__qualname__', type(self.value).__qualname__)}"
        if isinstance(self.value, XComArg):
            return "given by an upstream task"
        if self.value is None:
            return ""
        if isinstance(self.value, Sized):
            return f"{type(self.value).__name__} of {len(self.value)}"
        return type(self.value).__name__

    __repr__ = __str__


def _outputs_in(value: Any) -> Iterator[ResolveMixin]:
    """Return what `_resolved` would replace, without a call for each of a million strings."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            continue
        if isinstance(each, ResolveMixin):
            yield each
        elif isinstance(each, dict):
            left += each.values()
        elif isinstance(each, (list, tuple)):
            left += each


def _resolved(value: Any, context: Context) -> Any:
    if isinstance(value, ResolveMixin):
        return value.resolve(context)
    if isinstance(value, dict):
        return {key: _resolved(item, context) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(item, context) for item in value]
    return value
