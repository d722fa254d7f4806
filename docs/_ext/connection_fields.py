"""The directive ``connection-fields``: a table of the connection's extras, from the code that declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from airflow_provider_sam.connection import EXTRAS, ConnectionField

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEADINGS = ("Extra", "In the form", "Type", "Default", "Meaning")
WIDTHS = (18, 18, 10, 14, 40)


def cells_of(field: ConnectionField) -> list[nodes.Node]:
    """Put one field into the table's columns."""
    default = nodes.Text("none") if field.default is None else nodes.literal(text=str(field.default))
    return [
        nodes.literal(text=field.name),
        nodes.Text(field.label),
        nodes.Text(field.kind),
        default,
        nodes.Text(field.description),
    ]


def row(cells: list[nodes.Node]) -> nodes.row:
    """Make a row of one paragraph a cell."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


class ConnectionFields(SphinxDirective):
    """Render `EXTRAS` as a table."""

    option_spec: ClassVar[dict[str, Any]] = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in WIDTHS), cols=len(WIDTHS))
        group += nodes.thead("", row([nodes.Text(heading) for heading in HEADINGS]))
        group += nodes.tbody("", *(row(cells_of(field)) for field in EXTRAS))
        return [nodes.table("", group, classes=self.options.get("class", []))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("connection-fields", ConnectionFields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
