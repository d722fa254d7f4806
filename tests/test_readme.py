"""What the README says has been tried."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import complaints, run_dag

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_readme_is_short_and_so_is_its_dag():
    assert len(README.splitlines()) < 90
    (dag,) = blocks("python")
    assert len(dag.splitlines()) < 25


def test_every_file_it_names_is_there():
    named = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_make_target_it_names_is_there():
    named = set(re.findall(r"^make ([a-z]+)$|`make ([a-z]+)`", README, re.MULTILINE))
    named = {name for pair in named for name in pair if name}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "airflow"} <= named <= targets


@pytest.mark.parametrize("page", ["README.md", "docs/connection.md"])
def test_the_connection_it_shows_can_be_read(monkeypatch, page):
    from airflow_provider_sam.hooks.sam import SamHook

    (value,) = re.findall(r"AIRFLOW_CONN_SAM_DEFAULT='(.*)'", (ROOT / page).read_text(encoding="utf-8"))
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(json.loads(value) | {"password": "key"}))
    assert SamHook().config.settings.base_url == "https://api.sam.example"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_its_dag_runs_to_its_end(sam_emulator, tmp_path):
    (dag,) = blocks("python")
    assert "file:///tmp/reviews/" in dag
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "readme.py").write_text(dag.replace("file:///tmp/reviews/", f"{tmp_path.as_uri()}/"))
    said = run_dag("classify_reviews", sam_emulator, AIRFLOW__CORE__DAGS_FOLDER=str(folder))
    (results,) = tmp_path.glob("*.jsonl")
    assert sorted(json.loads(line)["custom_id"] for line in results.read_bytes().splitlines()) == ["r1", "r2"]
    assert complaints(said) == []


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_its_demo_runs_to_its_end_and_complains_of_nothing():
    command = [sys.executable, "-m", "tests.deployment.demo"]
    demo = subprocess.run(command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert demo.returncode == 0, demo.stdout
    assert complaints(demo.stdout) == []
    assert "Where they lie" in demo.stdout
