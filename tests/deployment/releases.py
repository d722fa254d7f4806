"""`make matrix`: the wheel beside each Airflow's own pins, as on the day of its release: installed, imported, run.

A deployment pins what its Airflow was released with. Each file `constraints/release-*.txt` is one such environment; a
plain install of the wheel may add packages to it but change none. The emulator runs where this program does, since it
needs packages that are not there.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import complaints
from tests.deployment.local import LocalSam, emulator
from tests.deployment.processes import ending_on_signals
from tests.deployment.release import Release, ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints"
RELEASES = sorted(file.stem.removeprefix("release-") for file in CONSTRAINTS.glob("release-*.txt"))
PROBE = Path(__file__).with_name("release_probe.py")
OURS = "airflow-provider-sam"
DAG_ID = "classify_reviews"
AT_ONCE = 2  # releases; each keeps about one core busy
INTERRUPTED = 130


def main() -> int:
    """Try the releases that are named, or all; the exit code is 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, required=True, help="the program that makes the environments")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"of Airflow: {', '.join(RELEASES)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.releases) - set(RELEASES):
        parser.error(f"no constraints file for {', '.join(sorted(unknown))}; there are {', '.join(RELEASES)}")
    try:
        with ending_on_signals(), tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            return run_all(arguments.releases or RELEASES, Path(folder), arguments.uv.absolute())
    except KeyboardInterrupt:
        return INTERRUPTED


def run_all(names: list[str], folder: Path, uv: Path) -> int:
    """Build the wheel, try it beside each release's pins, and print what was found."""
    wheel = build(folder)
    with emulator(folder) as sam, ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(lambda name: run_one(Release(name, folder / name, uv), wheel, sam), names))
    print(f"\n{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return int(not all(passed))


def build(folder: Path) -> Path:
    """Build the wheel, and return where it is."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run_one(release: Release, wheel: Path, sam: LocalSam) -> bool:
    """Take one release through all steps; return whether each did what it should."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("installed, nothing pinned changed", partial(install, release, wheel)),
        ("imported and parsed", partial(probe, release)),
        ("README's Dag run", partial(run_readme, release, sam)),
    ]
    lines, passed = [f"\nAirflow {release.name}, pins of {release.day}"], True
    for title, step in steps:
        began = time.monotonic()
        try:
            found = step()
        except ReleaseError as problem:
            lines.append(f"  FAILED: {title}\n{problem}")
            passed = False
            break
        lines.append(f"  {title} ({time.monotonic() - began:.0f} s): {found}")
    print("\n".join(lines), flush=True)
    return passed


def install(release: Release, wheel: Path) -> str:
    """Install the wheel beside the pins; return what came with it.

    What it needs beyond the pins is as new as they are, so that a run says the same on any day.
    """
    release.create()
    before = release.packages()
    release.pip("install", "--exclude-newer", release.day, wheel)
    after = release.packages()
    if changed := {name: after.get(name) for name, version in before.items() if after.get(name) != version}:
        raise ReleaseError(f"Pinned packages that the install has changed: {changed}")
    added = {name: version for name, version in after.items() if name not in before}
    if added.pop(OURS, None) is None:
        raise ReleaseError(f"{OURS} is not installed: {sorted(after)}")
    return f"{len(before)} packages as they were; added {', '.join(map('=='.join, added.items())) or 'none'}"


def probe(release: Release) -> str:
    """Import all that a Dag may import, and parse the README's Dag and the examples that this Airflow can run."""
    dags = release.folder / "dags"
    dags.mkdir()
    (dags / "readme.py").write_text(readme_dag(release.folder), encoding="utf-8")
    for example in (ROOT / "example_dags").glob("*.py"):
        text = example.read_text(encoding="utf-8")
        if not (release.name.startswith("2.") and "\nfrom airflow.sdk import" in text):
            (dags / example.name).write_text(text, encoding="utf-8")
    release.run(release.python.with_name("airflow"), "db", "migrate")
    found = release.run(release.python, PROBE, dags)
    return found.splitlines()[-1]


def readme_dag(folder: Path) -> str:
    """Return the README's Dag, with its results going into `folder`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (dag,) = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    return str(dag).replace("file:///tmp/reviews/", f"{folder.as_uri()}/reviews/")


def run_readme(release: Release, sam: LocalSam) -> str:
    """Run the README's Dag against the emulator, and look at what it has logged and published."""
    connection = sam.environment()["AIRFLOW_CONN_SAM_DEFAULT"]
    airflow = release.python.with_name("airflow")
    said = release.run(airflow, "dags", "test", DAG_ID, stderr=subprocess.STDOUT, AIRFLOW_CONN_SAM_DEFAULT=connection)
    if complained := complaints(said):
        raise ReleaseError("\n".join(["It complains:", *complained]))
    results = list((release.folder / "reviews").glob("*.jsonl"))
    outcomes = {
        row["custom_id"]: row["result"]["type"]
        for file in results
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    }
    if outcomes != {"r1": "succeeded", "r2": "succeeded"}:
        raise ReleaseError(f"Results: {outcomes}")
    return "two requests, two results, no complaint"


if __name__ == "__main__":
    sys.exit(main())
