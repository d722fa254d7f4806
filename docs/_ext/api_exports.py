"""The directive ``api-exports``: the public names of some modules of `api`, as they are imported from the package."""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Union, get_args, get_origin

from sphinx.util.docutils import SphinxDirective

from airflow_provider_sam import api

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


HOME = api.__name__


def entry(name: str) -> str:
    """Return what describes a public name: one of autodoc's directives, or the members of a union."""
    value = getattr(api, name)
    if isinstance(value, type) and not get_args(value):
        return f".. autoexception:: {HOME}.{name}" if issubclass(value, Exception) else f".. autoclass:: {HOME}.{name}"
    if isfunction(value):
        return f".. autofunction:: {HOME}.{name}"
    return f".. py:data:: {HOME}.{name}\n\n   One of {', '.join(f'`{member}`' for member in members_of(value))}."


def members_of(alias: object) -> list[str]:
    """Name the types that an alias stands for, without what pydantic reads of them."""
    if get_origin(alias) is Annotated:
        return members_of(get_args(alias)[0])
    if get_origin(alias) in {Union, UnionType}:
        return [name for member in get_args(alias) for name in members_of(member)]
    return [str(getattr(alias, "__name__", alias))]


class ApiExports(SphinxDirective):
    """Describe the public names of the modules that are given, in the order in which they are defined."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Hand each name to autodoc."""
        names = [name for home in self.arguments[0].split() for name in import_module(f"{HOME}.{home}").__all__]
        return self.parse_text_to_nodes("```{eval-rst}\n" + "\n\n".join(map(entry, names)) + "\n```")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("api-exports", ApiExports)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
