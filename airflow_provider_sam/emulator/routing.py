"""Which route a request means: matched on the path as it came, so that an escaped slash stays part of a name."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_sam.emulator.errors import ApiError, not_found

if TYPE_CHECKING:
    from starlette.responses import Response

    from airflow_provider_sam.emulator.contract import Operation
    from airflow_provider_sam.emulator.service import Call

Handler = Callable[["Call"], Awaitable["Response"]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with ``{names}`` in it, and who answers.

    :param operation: None for a control route
    :param needs_key: whether the key is asked for
    """

    method: str
    path: str
    handler: Handler
    operation: Operation | None = None
    needs_key: bool = True


class Router:
    """Finds routes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(_pattern(route.path), route) for route in routes]

    def match(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request and the names found in its path.

        :raises ApiError: 404 for an unknown path, 405 for a known one with another method
        """
        allowed = []
        for pattern, route in self._routes:
            found = pattern.fullmatch(raw_path)
            if found is not None and route.method == method:
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
            if found is not None:
                allowed.append(route.method)
        if allowed:
            raise ApiError(405, f"Method {method} is not allowed here.", headers={"allow": ", ".join(allowed)})
        raise not_found("No such route.")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
