"""Draws the rooms of the package from the table that the architecture test holds."""

from __future__ import annotations

import html
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.rooms import MAY_IMPORT

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WIDTH, HEIGHT, GAP, FLOOR = 150, 34, 16, 84


def floors(table: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms floor by floor, from the ground up: each stands above all that it imports.

    :raises ValueError: rooms import each other in a circle.
    """
    left, built, found = dict(table), set(), []
    while left:
        floor = sorted(room for room, below in left.items() if below <= built)
        if not floor:
            raise ValueError(f"rooms import each other in a circle: {sorted(left)}")
        found.append(floor)
        built |= set(floor)
        for room in floor:
            del left[room]
    return found


def reach(room: str, table: dict[str, set[str]]) -> set[str]:
    """Return all rooms that can be reached from `room` by imports."""
    return set().union(*({below} | reach(below, table) for below in table[room]))


def arrows(room: str, table: dict[str, set[str]]) -> list[str]:
    """Return what `room` imports, without what it reaches through another room anyway."""
    return sorted(table[room] - set().union(*(reach(below, table) for below in table[room])))


def picture(table: dict[str, set[str]]) -> str:
    """Return the rooms as SVG: the ground at the bottom, lines for the imports that do not follow from others."""
    rows = floors(table)
    wide = max(map(len, rows)) * (WIDTH + GAP)
    places = {
        room: ((wide - len(row) * (WIDTH + GAP)) / 2 + at * (WIDTH + GAP), (len(rows) - 1 - level) * FLOOR + GAP)
        for level, row in enumerate(rows)
        for at, room in enumerate(row)
    }
    lines, boxes = [], []
    for room, (x, y) in places.items():
        boxes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" class="room"/>'
            f'<text x="{x + WIDTH / 2:g}" y="{y + 22:g}" text-anchor="middle">{html.escape(room)}</text>'
        )
        for below in arrows(room, table):
            to_x, to_y = places[below]
            lines.append(f'<line x1="{x + WIDTH / 2:g}" y1="{y + HEIGHT:g}" x2="{to_x + WIDTH / 2:g}" y2="{to_y:g}"/>')
    style = (
        ".rooms line{stroke:currentColor;stroke-opacity:.45}.rooms .room{fill:#efe6fb;stroke:#6b4fa0}"
        ".rooms text{font:13px sans-serif;fill:#2b1d47}"
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rooms" role="img" viewBox="0 0 {wide:g} {len(rows) * FLOOR}">'
    )
    return "".join([svg, f"<style>{style}</style>", *lines, *boxes, "</svg>"])


class Rooms(SphinxDirective):
    """The picture, and the table below it for those who cannot see it."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the picture as raw HTML and the table as a list."""
        table = {room: below for room, below in MAY_IMPORT.items() if room}
        items = nodes.bullet_list()
        for room, below in table.items():
            text = ", ".join(sorted(below)) or "nothing of the package"
            items += nodes.list_item(
                "", nodes.paragraph("", "", nodes.literal(text=room), nodes.Text(f" imports {text}"))
            )
        return [nodes.raw("", picture(table), format="html"), items]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True}
