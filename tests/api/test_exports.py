"""The API's package offers all public names, and loads what is behind a name only when it is used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_sam import api

LIGHT = """
import sys
from airflow_provider_sam import api
from airflow_provider_sam.api import MessageCreateParams, SamRateLimitError, Tool
from airflow_provider_sam.api import limits
print(sorted({"httpx", "msgspec", "pydantic"} & set(sys.modules)))
"""


def test_no_name_is_offered_twice():
    assert [name for name, times in Counter(api.__all__).items() if times > 1] == []


def test_each_name_is_what_its_module_defines():
    for home in api._HOMES:
        module = importlib.import_module(f"{api.__name__}.{home}")
        assert [name for name in module.__all__ if getattr(api, name) is not getattr(module, name)] == []


def test_type_checkers_read_the_same_modules():
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    starred = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    assert sorted(starred) == sorted(f"{api.__name__}.{home}" for home in api._HOMES)


def test_errors_and_types_of_parameters_load_no_library():
    program = [sys.executable, "-c", LIGHT]
    assert subprocess.run(program, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'SamClients'"):
        _ = api.SamClients
    assert {"SamClient", "_HOMES"} <= set(dir(api))
