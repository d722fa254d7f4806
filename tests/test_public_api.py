"""What users may rely on is written down: public names and signatures, the same on every Airflow and Python.

Read from the source rather than from live objects, whose signatures Airflow's metaclasses change from version to
version. After an intended change: ``python tests/test_public_api.py > tests/public_api.txt``
"""

from __future__ import annotations

import ast
import importlib
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "airflow_provider_sam"
ROOT = Path(__file__).parent.parent
SNAPSHOT = Path(__file__).with_name("public_api.txt")

# Files whose public names are promised; what other files define may change at any time.
PROMISED = (
    "__init__.py",
    "api/__init__.py",
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
    "rows/sql.py",
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


def source_of(module: str) -> str:
    """Read the source of one of our modules."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")


@cache
def statements_of(source: str) -> list[ast.stmt]:
    """Parse a source into its statements, those for type checkers only included."""
    statements: list[ast.stmt] = []
    for statement in ast.parse(source).body:
        statements += statement.body if isinstance(statement, ast.If) else [statement]
    return statements


def body_of(module: str) -> list[ast.stmt]:
    """Return the statements of one of our modules."""
    return statements_of(source_of(module))


def names_of(statement: ast.stmt) -> list[str]:
    """Name what a statement defines; an import defines nothing of its own."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def public_names(module: str) -> list[str]:
    """Name what a module offers: its ``__all__``; or what it has by ``*``, and what it defines, but for ``_names``."""
    defined = {name: statement for statement in body_of(module) for name in names_of(statement)}
    if isinstance(listed := defined.get("__all__"), ast.Assign):
        return sorted(ast.literal_eval(listed.value))
    everything = [name for home in starred(module) for name in public_names(home)]
    return sorted([*everything, *(name for name in defined if not name.startswith("_"))])


def starred(module: str) -> list[str]:
    """Name the modules whose names a module offers by ``import *``."""
    imports = [statement for statement in body_of(module) if isinstance(statement, ast.ImportFrom)]
    return [str(each.module) for each in imports if [alias.name for alias in each.names] == ["*"]]


def definition(module: str, name: str) -> tuple[str, ast.stmt]:
    """Find where a name is defined, following imports from one of our modules to another."""
    for statement in body_of(module):
        if name in names_of(statement):
            return module, statement
        if isinstance(statement, ast.ImportFrom) and name in {alias.name for alias in statement.names}:
            return definition(str(statement.module), name)
    for home in starred(module):
        if name in public_names(home):
            return definition(home, name)
    raise LookupError(f"{module} defines no {name}")


def home_of(module: str, expression: ast.expr) -> tuple[str, ast.stmt] | None:
    """Find what an expression such as ``Base``, ``Base[T]`` or ``module.Base`` names, if it is ours."""
    if isinstance(expression, ast.Subscript):
        return home_of(module, expression.value)
    if isinstance(expression, ast.Name):
        with suppress(LookupError, FileNotFoundError):
            return definition(module, expression.id)
    if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
        for statement in body_of(module):
            if isinstance(statement, ast.ImportFrom) and expression.value.id in {each.name for each in statement.names}:
                with suppress(LookupError, FileNotFoundError):
                    return definition(f"{statement.module}.{expression.value.id}", expression.attr)
    return None


def describe(module: str, name: str) -> Iterator[str]:
    """Write down one public name: a signature, a class with its public members, a value, or where it is from."""
    home, statement = definition(module, name)
    if home != module and home in promised_modules():
        yield f"{name} from {home}"
    elif isinstance(statement, ast.ClassDef):
        marks = "".join(f"@{ast.unparse(mark)} " for mark in statement.decorator_list)
        yield f"{marks}class {name}({', '.join(map(ast.unparse, [*statement.bases, *statement.keywords]))})"
        yield from sorted(f"    {line}" for line in members(home, statement))
    else:
        for each in overloads(home, name) or [statement]:
            yield from lines_of(home, each)


def overloads(module: str, name: str) -> list[ast.stmt]:
    """Find the signatures of a function that has several."""
    return [
        each
        for each in body_of(module)
        if isinstance(each, ast.FunctionDef)
        and each.name == name
        and [ast.unparse(mark) for mark in each.decorator_list] == ["overload"]
    ]


def written_down() -> set[str]:
    """Return all names that some promised module offers."""
    return {name for module in promised_modules() for name in public_names(module)}


def members(module: str, cls: ast.ClassDef) -> Iterator[str]:
    """Write down the public members of a class, and those it has from bases of ours that are not public themselves."""
    for base in cls.bases:
        found = home_of(module, base)
        if found and isinstance(found[1], ast.ClassDef) and found[1].name not in written_down():
            yield from members(found[0], found[1])
    for statement in cls.body:
        if any(name == "__init__" or not name.startswith("_") for name in names_of(statement)):
            yield from lines_of(module, statement)
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            yield from attributes(statement)


def attributes(constructor: ast.FunctionDef) -> Iterator[str]:
    """Write down the public attributes that a constructor sets."""
    for node in ast.walk(constructor):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_"):
            yield ast.unparse(node)


def lines_of(module: str, statement: ast.stmt) -> Iterator[str]:
    """Write down one function, or one assignment with its type and, unless it is long, its value."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        marks = "".join(f"@{ast.unparse(mark)} " for mark in statement.decorator_list)
        keyword = "async def" if isinstance(statement, ast.AsyncFunctionDef) else "def"
        yield f"{marks}{keyword} {statement.name}{signature_of(statement)}"
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        kind = f": {ast.unparse(statement.annotation)}" if isinstance(statement, ast.AnnAssign) else ""
        value = f" = {ast.unparse(statement.value)}" if is_told(statement.value) else ""
        signature = derived_signature(module, statement.value)
        yield from (f"{name}{kind}{value}{signature}" for name in names_of(statement))


def signature_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Write down the parameters of a function, with kinds, types and defaults, and what it returns."""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"({ast.unparse(function.args)}){returns}"


def derived_signature(module: str, value: ast.expr | None) -> str:
    """Write down the signature of the method ``call(Class.method)`` that a method is derived from, if it is one."""
    described = value.args[0] if isinstance(value, ast.Call) and value.args else None
    if isinstance(described, ast.Attribute) and (found := home_of(module, described.value)):
        for statement in getattr(found[1], "body", []):
            if isinstance(statement, ast.FunctionDef) and statement.name == described.attr:
                return f" of {signature_of(statement)}"
    return ""


def is_told(value: ast.expr | None) -> bool:
    """Tell values worth writing down, and aliases of types, from long tables."""
    return isinstance(value, ast.BinOp | ast.Subscript) or (value is not None and len(ast.unparse(value)) <= 100)


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


OF_THIS_AIRFLOW = [name for name in promised_modules() if TASKS_TAKE_RETRY_POLICIES or "retry_policies" not in name]


@pytest.mark.parametrize("module", OF_THIS_AIRFLOW)
def test_every_public_name_can_be_imported(module):
    offered = importlib.import_module(module)
    assert [name for name in public_names(module) if not hasattr(offered, name)] == []


CHANGES = {
    "the name of an endpoint's parameter": (
        "api.endpoints",
        "before_id: str | None = None",
        "newer_than: str | None = None",
    ),
    "the kind of an endpoint's parameter": ("api.endpoints", "*,\n        offset: int", "offset: int"),
    "a default of the client's settings": ("api.settings", "retry_for: float = 600.0", "retry_for: float = 60.0"),
    "the type of a message's parameter": ("api.params", "temperature: float", "temperature: int"),
    "a member of a union": ("api.param_blocks", "    | RequestToolUseBlock\n", ""),
    "a field of an answer": ("api.models", "stop_reason: str | None = None", "stop_reason: str"),
    "a method of a stream": ("api.streaming", "def get_final_message", "def final_message"),
    "an inherited member of a stream": ("api.streaming", "def text_stream", "def texts"),
    "a parameter of the hook": ("hooks.sam", "sam_conn_id: str", "conn_id: str"),
    "a parameter of an operator": ("operators.batch", "requests: ", "prompts: "),
    "a parameter of a decorator": ("decorators.message", "system: ", "rules: "),
    "a parameter of the sensor": ("sensors.batch", "cancel_on_timeout: bool", "cancel: bool"),
    "a parameter of a trigger": ("triggers.batch", "poll_interval: ", "every: "),
    "a parameter of a transfer": ("transfers.batch_to_object_storage", "path: ", "target: "),
    "a parameter of a function": ("results", "storage_conn_id: ", "conn_id: "),
}


@pytest.mark.parametrize(("module", "before", "after"), CHANGES.values(), ids=CHANGES)
def test_a_changed_signature_shows(monkeypatch, module, before, after):
    original, changed = source_of, f"{PACKAGE}.{module}"
    assert before in original(changed)
    monkeypatch.setitem(
        globals(),
        "source_of",
        lambda name: original(name).replace(before, after) if name == changed else original(name),
    )
    assert snapshot().splitlines() != SNAPSHOT.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    sys.stdout.write(snapshot())
