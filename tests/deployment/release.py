"""An environment with the pins of one release's day, and commands that run in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[2] / "constraints"


class ReleaseError(Exception):
    """A step did not do what it should; the text holds what it printed."""


@dataclass(frozen=True)
class Release:
    """One Airflow as it is deployed, in a folder of its own."""

    name: str
    """The version of Airflow."""
    folder: Path
    uv: Path

    @property
    def pins(self) -> Path:
        """The file of what it is made of."""
        return CONSTRAINTS / f"release-{self.name}.txt"

    @property
    def day(self) -> str:
        """The day that the pins are from; their file names it."""
        (day,) = re.findall(r"as of (\d{4}-\d\d-\d\d)", self.pins.read_text(encoding="utf-8"))
        return str(day)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "venv" / "bin" / "python"

    def create(self) -> None:
        """Make it, with the pinned packages and no other."""
        self.folder.mkdir()
        self.run(self.uv, "venv", "--quiet", "--python", sys.executable, self.folder / "venv")
        self.pip("sync", self.pins)

    def packages(self) -> dict[str, str]:
        """Return the version of each package that is installed."""
        listed = (line.split() for line in self.pip("list").splitlines()[2:])
        return {name: version for name, version, *_ in listed}

    def pip(self, command: str, *arguments: str | Path) -> str:
        """Run a command of `uv pip` on it."""
        return self.run(self.uv, "pip", command, "--python", self.python, *arguments)

    def run(self, *command: str | Path, stderr: int = subprocess.PIPE, **variables: str) -> str:
        """Run a program beside an Airflow home of its own, and return what it prints on stdout.

        :param stderr: `subprocess.STDOUT` returns what it prints on stderr, too.
        :raises ReleaseError: it has failed.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        own = {
            "AIRFLOW_HOME": str(self.folder / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        environment = kept | own | variables
        done = subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
        )
        if done.returncode:
            raise ReleaseError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr or ''}")
        return done.stdout
