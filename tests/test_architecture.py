"""The house keeps its shape: who may import whom, what a Dag's parse may load, and how large a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rooms import MAY_IMPORT

PACKAGE = "airflow_provider_sam"
ROOT = Path(__file__).parent.parent / PACKAGE
LONGEST_FILE = 300

BATCHES = {room for room in MAY_IMPORT if room.partition(".")[0] == "batches"}
ROWS = {room for room in MAY_IMPORT if room.partition(".")[0] == "rows"}
WITHOUT_AIRFLOW = BATCHES | {"", "api", "connection", "emulator", "exceptions", "get_provider_info", "results"}
MOST_FILES = 15

# Whoever uses one of these names, or catches one of these errors, asks what is installed. `_compat` may; the emulator
# may ask for the libraries of its own extra, since it imports nothing of ours.
VERSION_NAMES = {"AIRFLOW_VERSION", "find_spec", "version_info"}
MISSING_ERRORS = {"ImportError", "ModuleNotFoundError"}
MAY_ASK = {"emulator": {"find_spec"}}

# What a Dag file may import, and what must not load when it does.
DAG_FACING = (
    *("decorators", "hooks", "links", "operators", "results", "sensors"),
    *("task_groups", "tasks", "transfers", "triggers"),
)
HEAVY = {"anyio", "fsspec", "httpx", "httpx_sse", "msgspec", "pyarrow", "pydantic", "tenacity", "upath", "zstandard"}


@dataclass(frozen=True)
class Import:
    """One imported module; `at_parse` says whether importing the file imports it."""

    module: str
    at_parse: bool


def imports_of(module: str, source: str, *, is_package: bool) -> list[Import]:
    """List what `source` imports, wherever in the file; names of a `from` import count as modules too."""
    home = module if is_package else module.rpartition(".")[0]
    found: list[Import] = []

    def visit(node: ast.AST, *, at_parse: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, at_parse) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.append(Import(base, at_parse))
            found.extend(Import(f"{base}.{alias.name}", at_parse) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, at_parse=False)
            for child in node.orelse:
                visit(child, at_parse=at_parse)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_parse=at_parse and not inside)

    visit(ast.parse(source), at_parse=True)
    return found


def room_of(module: str) -> str:
    """Return the room that a module of the package belongs to; the package itself is the room ``""``."""
    parts = module.removeprefix(PACKAGE).lstrip(".").split(".")
    inner = ".".join(parts[:2])
    return inner if inner in MAY_IMPORT else parts[0]


def is_under(module: str, top: str) -> bool:
    return module == top or module.startswith(f"{top}.")


def direction_faults(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Say which imports of `source` go where the rooms' table does not lead."""
    room = room_of(module)
    if room not in MAY_IMPORT:
        return [f"{module}: no room {room!r} in the table"]
    faults = set()
    for found in imports_of(module, source, is_package=is_package):
        if is_under(found.module, PACKAGE):
            target = room_of(found.module)
            if target in MAY_IMPORT and target not in {"", room} | MAY_IMPORT[room]:
                faults.add(f"{module}: {room or 'the package'} may not import {target}")
        elif is_under(found.module, "airflow") and room in WITHOUT_AIRFLOW:
            faults.add(f"{module}: {room or 'the package'} may not import Airflow")
    return sorted(faults)


def idle_allowances(sources: dict[str, str], packages: set[str]) -> list[str]:
    """Return the allowances of the table that no import uses, and its rooms that do not exist."""
    idle = {(room, target) for room, targets in MAY_IMPORT.items() for target in targets}
    for module, source in sources.items():
        for found in imports_of(module, source, is_package=module in packages):
            idle.discard((room_of(module), room_of(found.module)))
    missing = set(MAY_IMPORT) - {room_of(module) for module in sources}
    return sorted(
        [f"{room} need not import {target}" for room, target in idle] + [f"no room {room}" for room in missing]
    )


def circles(sources: dict[str, str], packages: set[str]) -> set[str]:
    """Return the modules that import each other in a circle, or import such a module; packages count as none."""
    edges = {
        module: {found.module for found in imports_of(module, source, is_package=False)} & set(sources) - {module}
        for module, source in sources.items()
        if module not in packages
    }
    while free := [module for module, targets in edges.items() if not targets & set(edges)]:
        for module in free:
            del edges[module]
    return set(edges)


def version_faults(module: str, source: str) -> list[str]:
    """Say where `source` asks what is installed, which only `_compat` may."""
    asked = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in VERSION_NAMES or name.startswith("AIRFLOW_V_"):
                asked.add(name)
        elif isinstance(node, ast.ExceptHandler | ast.withitem):
            caught = node.type if isinstance(node, ast.ExceptHandler) else node.context_expr
            mentioned = {part.id for part in ast.walk(caught) if isinstance(part, ast.Name)} if caught else set()
            asked |= mentioned & MISSING_ERRORS
    allowed = asked if room_of(module) == "_compat" else MAY_ASK.get(room_of(module), set())
    return [f"{module}: only _compat may know {name}" for name in sorted(asked - allowed)]


def parse_time_faults(sources: dict[str, str], packages: set[str]) -> list[str]:
    """Follow the imports that run when a Dag-facing module is imported, and say where they reach a heavy library."""
    edges = {
        module: [found.module for found in imports_of(module, source, is_package=module in packages) if found.at_parse]
        for module, source in sources.items()
    }
    faults = set()
    for start in sources:
        if room_of(start) not in DAG_FACING:
            continue
        seen, waiting = {start}, [start]
        while waiting:
            module = waiting.pop()
            for target in edges[module]:
                if target.partition(".")[0] in HEAVY:
                    faults.add(f"{start}: parsing a Dag would load {target.partition('.')[0]} through {module}")
                elif target in sources and target not in seen:
                    seen.add(target)
                    waiting.append(target)
    return sorted(faults)


def read_package() -> tuple[dict[str, str], set[str]]:
    """Read every module's source by its name, and the names of those that are packages."""
    sources, packages = {}, set()
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = path.read_text(encoding="utf-8")
        if parts[-1] == "__init__":
            packages.add(name)
    return sources, packages


SOURCES, PACKAGES = read_package()


@pytest.mark.parametrize("module", SOURCES)
def test_a_room_imports_only_from_rooms_below_it(module):
    assert direction_faults(module, SOURCES[module], is_package=module in PACKAGES) == []


def test_no_allowance_is_idle_and_no_room_is_missing():
    assert idle_allowances(SOURCES, PACKAGES) == []


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_no_modules_of_a_room_import_each_other_in_a_circle(room):
    assert circles({name: text for name, text in SOURCES.items() if room_of(name) == room}, PACKAGES) == set()


@pytest.mark.parametrize("room", sorted(BATCHES | ROWS))
def test_no_room_of_batches_or_rows_is_two_rooms(room):
    modules = [name for name in SOURCES if room_of(name) == room and name not in PACKAGES]
    assert len(modules) <= MOST_FILES


@pytest.mark.parametrize("module", SOURCES)
def test_only_compat_knows_what_is_installed(module):
    assert version_faults(module, SOURCES[module]) == []


@pytest.mark.parametrize("module", SOURCES)
def test_no_file_is_two_things(module):
    assert len(SOURCES[module].splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_opens_with_its_sentence(module):
    assert ast.get_docstring(ast.parse(SOURCES[module]))


def test_no_heavy_library_is_reached_when_a_dag_is_parsed():
    assert parse_time_faults(SOURCES, PACKAGES) == []


def test_importing_all_a_dag_needs_loads_no_heavy_library_that_airflow_has_not_loaded():
    modules = [name for name in SOURCES if room_of(name) in DAG_FACING]
    program = (
        "import importlib, json, sys\n"
        f"import {PACKAGE}._compat.taskflow\n"  # on Airflow 2, its decorators load pydantic
        "before = set(sys.modules)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(json.dumps(sorted({HEAVY!r} & (set(sys.modules) - before))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("api.errors", "import airflow", "api may not import Airflow"),
        ("api.errors", "def f():\n    from airflow.sdk import x", "api may not import Airflow"),
        ("api.errors", "from airflow_provider_sam.connection import x", "api may not import connection"),
        ("api.errors", "from airflow_provider_sam import exceptions", "api may not import exceptions"),
        ("emulator.app", "from airflow_provider_sam.api import models", "emulator may not import api"),
        ("hooks.sam", "from airflow_provider_sam import emulator", "hooks may not import emulator"),
        ("operators.batch", "from ..sensors.batch import x", "operators may not import sensors"),
        ("operators.batch", "import airflow_provider_sam.transfers.x", "operators may not import transfers"),
        ("tasks.submit", "import airflow_provider_sam.operators.x", "tasks may not import operators"),
        ("batches.ids", "import airflow_provider_sam.batches.land.x", "batches may not import batches.land"),
        ("batches.land.x", "import airflow_provider_sam.batches.wait.y", "batches.land may not import batches.wait"),
        (
            "batches.wait.x",
            "from airflow_provider_sam.batches.submit import y",
            "batches.wait may not import batches.submit",
        ),
        ("transfers.x", "from airflow_provider_sam.operators.batch import x", "transfers may not import operators"),
        (
            "batches.ids",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import airflow",
            "batches may not import Airflow",
        ),
        ("cellar.x", "", "no room 'cellar' in the table"),
    ],
)
def test_a_wrong_direction_is_caught(module, source, fault):
    full = f"{PACKAGE}.{module}"
    assert direction_faults(full, source) == [f"{full}: {fault}"]


def test_an_idle_allowance_is_caught():
    package = {f"{PACKAGE}.{room}": "" for room in MAY_IMPORT}
    assert "tasks need not import hooks" in idle_allowances(package, set())
    assert "no room tasks" in idle_allowances({PACKAGE: ""}, set())


def test_a_circle_is_caught():
    assert circles({"a": "import b", "b": "def f():\n    import a", "c": ""}, set()) == {"a", "b"}


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import x\nexcept ImportError:\n    x = None",
        "try:\n    import x\nexcept (OSError, ModuleNotFoundError):\n    x = None",
        "import sys\nif sys.version_info > (3, 12): pass",
        "from x import AIRFLOW_V_3_0_PLUS\nif AIRFLOW_V_3_0_PLUS: pass",
        "import importlib.util\nimportlib.util.find_spec('x')",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import x",
    ],
)
def test_a_second_place_that_knows_versions_is_caught(source):
    assert len(version_faults(f"{PACKAGE}.hooks.sam", source)) == 1
    assert version_faults(f"{PACKAGE}._compat", source) == []


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("from airflow_provider_sam.api import client", True),
        ("import airflow_provider_sam.api.client", True),
        ("from airflow_provider_sam.api.client import SamClient", True),
        ("class A:\n    from airflow_provider_sam.api.client import SamClient", True),
        ("def f():\n    from airflow_provider_sam.api.client import SamClient", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import airflow_provider_sam.api.client", False),
    ],
)
def test_a_heavy_library_behind_another_module_is_caught(source, caught):
    sources = {f"{PACKAGE}.operators.x": source, f"{PACKAGE}.api.client": "import httpx"}
    assert bool(parse_time_faults(sources, packages=set())) is caught
