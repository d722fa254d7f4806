"""The distribution says what it is: metadata, entry points, and what lies in its wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import airflow_provider_sam

ROOT = Path(__file__).parent.parent
NAME = "airflow-provider-sam"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = ROOT / "constraints"
WORKSHOPS = sorted(file for file in CONSTRAINTS.glob("*.txt") if not file.stem.startswith(("release-", "s3-server")))
"""The environments that tests, benchmarks and tools run in."""
GROUPS = {
    "bench": ("emulator", "build", "bench"),  # the rivals' newest versions do not fit beside what the tests need
    "neighbours": ("emulator", "common-ai", "build", "neighbours"),
    "lowest": ("emulator", "parquet", "s3", "zstd", "build", "test"),
    "stores": ("azure", "emulator", "gcs", "s3", "build", "stores"),
}
RELEASES = sorted(CONSTRAINTS.glob("release-*.txt"))


def test_the_installed_version_is_the_package_s_own():
    assert distribution(NAME).version == airflow_provider_sam.__version__


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("apache_airflow_provider", "provider_info", "airflow_provider_sam.get_provider_info:get_provider_info"),
        ("pytest11", "sam_emulator", "airflow_provider_sam.emulator.pytest_plugin"),
    ],
)
def test_an_entry_point_leads_to_what_it_names(group, name, value):
    (entry_point,) = distribution(NAME).entry_points.select(group=group, name=name)
    assert entry_point.value == value
    assert entry_point.load() is not None


def test_the_adapter_for_common_ai_is_found_without_being_loaded():
    (entry_point,) = distribution(NAME).entry_points.select(group="airflow.providers.common.ai.batch_adapters")
    assert (entry_point.name, entry_point.value) == ("sam", "airflow_provider_sam.common_ai.adapter:SamBatchAdapter")


def test_the_provider_calls_itself_by_the_distribution_s_name():
    (entry_point,) = distribution(NAME).entry_points.select(group="apache_airflow_provider")
    assert entry_point.load()()["package-name"] == NAME


def pins(path):
    """Return name and version of each package that a constraints file pins."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize("path", WORKSHOPS, ids=lambda path: path.name)
def test_constraints_pin_every_direct_dependency(path):
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *PYPROJECT["build-system"]["requires"]]
    groups = project["optional-dependencies"] | PYPROJECT["dependency-groups"]
    others = ("airflow-", "azure", "bench", "common-ai", "gcs", "lowest", "neighbours", "stores")
    chosen = GROUPS.get(path.stem) or [name for name in groups if not name.startswith(others)]
    for name in chosen:
        wanted += [requirement for requirement in groups[name] if isinstance(requirement, str)]
    assert {re.split(r"[\[<>=]", requirement)[0] for requirement in wanted} - set(pins(path)) == set()


def test_the_lowest_versions_are_those_that_the_package_allows():
    lowest = pins(CONSTRAINTS / "lowest.txt")
    project = PYPROJECT["project"]
    extras = [requirement for extra in GROUPS["lowest"][:4] for requirement in project["optional-dependencies"][extra]]
    bounds = dict(re.split(r"(?:\[.*\])?>=", requirement) for requirement in [*project["dependencies"], *extras])
    assert {name: plain(lowest[name]) for name in bounds} == {name: plain(bound) for name, bound in bounds.items()}


def plain(version):
    """Return a version without the zeros at its end, which mean nothing."""
    return re.sub(r"(\.0)+$", "", version)


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.name)
def test_a_release_s_constraints_are_of_that_release_and_name_their_day(path):
    assert pins(path)["apache-airflow"] == path.stem.removeprefix("release-")
    assert re.search(r"as of \d{4}-\d\d-\d\d$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted(CONSTRAINTS.glob("*.txt")), ids=lambda path: path.name)
def test_constraints_name_no_address(path):
    assert "://" not in path.read_text(encoding="utf-8")


def build(target: Path) -> Path:
    """Build the sdist, and from that the wheel; give the wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


@pytest.mark.long
def test_a_wheel_built_from_the_sdist_holds_the_package_and_nothing_else(tmp_path):
    wheel = build(tmp_path)
    info = f"airflow_provider_sam-{airflow_provider_sam.__version__}.dist-info"
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "airflow_provider_sam").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if not name.startswith(f"{info}/")} == ours
    assert {"airflow_provider_sam/py.typed", "airflow_provider_sam/emulator/sam-openapi.json"} <= ours
    assert f"{info}/licenses/LICENSE" in names
