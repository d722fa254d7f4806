"""What users may rely on is written down: public names and signatures, the same on every Airflow and Python.

Read from the source rather than from live objects, whose signatures Airflow's metaclasses change from version to
version. After an intended change: ``python tests/test_public_api.py > tests/public_api.txt``
"""

from __future__ import annotations

import ast
import importlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "airflow_provider_sam"
ROOT = Path(__file__).parent.parent
SNAPSHOT = Path(__file__).with_name("public_api.txt")

# Files whose public names are promised; what other files define may change at any time.
PROMISED = (
    "__init__.py",
    "api/client.py",
    "api/errors.py",
    "api/models.py",
    "decorators/*.py",
    "emulator/__init__.py",
    "exceptions.py",
    "hooks/*.py",
    "links/*.py",
    "operators/*.py",
    "results.py",
    "retry_policies.py",
    "sensors/*.py",
    "tasks/*.py",
    "task_groups/*.py",
    "transfers/*.py",
    "triggers/*.py",
)


def promised_modules() -> list[str]:
    """Name the modules that exist of the promised ones."""
    files = {file for pattern in PROMISED for file in (ROOT / PACKAGE).glob(pattern)}
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    return sorted(name.removesuffix(".__init__") for name in names)


@cache
def body_of(module: str) -> list[ast.stmt]:
    """Parse a module into its statements, those for type checkers only included."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    statements: list[ast.stmt] = []
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        statements += statement.body if isinstance(statement, ast.If) else [statement]
    return statements


def names_of(statement: ast.stmt) -> list[str]:
    """Name what a statement defines; an import defines nothing of its own."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def public_names(module: str) -> list[str]:
    """Name what a module offers: its ``__all__``, or what it defines without a leading underscore."""
    defined = {name: statement for statement in body_of(module) for name in names_of(statement)}
    if isinstance(listed := defined.get("__all__"), ast.Assign):
        return sorted(ast.literal_eval(listed.value))
    return sorted(name for name in defined if not name.startswith("_"))


def definition(module: str, name: str) -> tuple[str, ast.stmt]:
    """Find where a name is defined, following imports from one of our modules to another."""
    for statement in body_of(module):
        if name in names_of(statement):
            return module, statement
        if isinstance(statement, ast.ImportFrom) and name in {alias.name for alias in statement.names}:
            return definition(str(statement.module), name)
    raise LookupError(f"{module} defines no {name}")


def describe(module: str, name: str) -> Iterator[str]:
    """Write down one public name: a signature, a class with its public members, or a value."""
    home, statement = definition(module, name)
    if isinstance(statement, ast.ClassDef):
        yield f"class {name}({', '.join(ast.unparse(base) for base in statement.bases)})"
        yield from sorted(f"    {line}" for line in members(home, statement))
    else:
        yield from lines_of(statement)


def members(module: str, cls: ast.ClassDef) -> Iterator[str]:
    """Write down the public members of a class and those it has from private bases of its module."""
    for base in cls.bases:
        if isinstance(base, ast.Name) and base.id.startswith("_"):
            home, parent = definition(module, base.id)
            if isinstance(parent, ast.ClassDef):
                yield from members(home, parent)
    for statement in cls.body:
        if any(name == "__init__" or not name.startswith("_") for name in names_of(statement)):
            yield from lines_of(statement)


def lines_of(statement: ast.stmt) -> Iterator[str]:
    """Write down one function, or one assignment with its literal value or its type."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        marks = "".join(f"@{ast.unparse(mark)} " for mark in statement.decorator_list)
        keyword = "async def" if isinstance(statement, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(statement.returns)}" if statement.returns else ""
        yield f"{marks}{keyword} {statement.name}({ast.unparse(statement.args)}){returns}"
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        kind = f": {ast.unparse(statement.annotation)}" if isinstance(statement, ast.AnnAssign) else ""
        value = f" = {ast.unparse(statement.value)}" if is_short(statement.value) else ""
        yield from (f"{name}{kind}{value}" for name in names_of(statement))


def is_short(value: ast.expr | None) -> bool:
    """Tell values worth writing down from long tables."""
    return value is not None and len(ast.unparse(value)) <= 100


def snapshot() -> str:
    """Write down all public names of all promised modules."""
    blocks = []
    for module in promised_modules():
        lines = [line for name in public_names(module) if name != "__all__" for line in describe(module, name)]
        if lines:
            blocks.append("\n".join([f"# {module}", *lines]))
    return "\n\n".join(blocks) + "\n"


def test_the_public_api_is_the_one_written_down():
    assert snapshot().splitlines() == SNAPSHOT.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("module", promised_modules())
def test_every_public_name_can_be_imported(module):
    offered = importlib.import_module(module)
    assert [name for name in public_names(module) if not hasattr(offered, name)] == []


if __name__ == "__main__":
    sys.stdout.write(snapshot())
