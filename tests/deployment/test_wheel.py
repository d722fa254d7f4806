"""The wheel, installed into a clean environment, is a provider that Airflow knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSTRAINTS = f"--constraint={ROOT / 'constraints' / 'airflow-3.3.txt'}"


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """A function that runs an Airflow command in an environment with the wheel and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / "bin"
    install = [str(programs / "python"), "-m", "pip", "install", "--quiet", CONSTRAINTS, str(wheel)]
    subprocess.run(install, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"AIRFLOW_HOME": str(folder / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    def run(*arguments: str) -> str:
        command = [str(programs / "airflow"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder).stdout

    return run


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["providers", "get", "airflow-provider-sam"], "airflow-provider-sam"),
        (["providers", "list"], "airflow-provider-sam"),
        (["providers", "hooks"], "airflow_provider_sam.hooks.sam.SamHook"),
        (["providers", "hooks"], "Sam API"),
    ],
)
def test_airflow_lists_the_provider(airflow, arguments, shown):
    assert shown in airflow(*arguments, "--output", "json")
