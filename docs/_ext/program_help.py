"""The directive ``program-help``: what a module of the package prints for ``--help``, so that options stand once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

COLUMNS = "100"


class ProgramHelp(SphinxDirective):
    """Render ``python -m MODULE --help``; the argument is the module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Run the program and show what it says."""
        command = [sys.executable, "-m", self.arguments[0], "--help"]
        environment = os.environ | {"COLUMNS": COLUMNS}
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        return [nodes.literal_block(shown, shown, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("program-help", ProgramHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
