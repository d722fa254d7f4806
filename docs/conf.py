"""How the documentation is built: MyST pages, the code's own docstrings, and no network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from airflow_provider_sam import __version__

project = "airflow-provider-sam"
author = "The airflow-provider-sam authors"
release = version = __version__

extensions = ["connection_fields", "myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "__new__"}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
# Names of other projects: their documentation is on other sites, and a build fetches nothing.
nitpick_ignore_regex = [
    (r"py:.*", r"(airflow|collections|datetime|httpx|httpx_sse|msgspec|pendulum|pydantic|typing|uvicorn)\..*"),
    (r"py:.*", r"(bool|bytes|dict|float|int|list|object|set|str|tuple|type|None|Any|\.\.\.)"),
]
