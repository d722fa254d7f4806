"""How the documentation is built: MyST pages, the code's own docstrings, and no network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from airflow_provider_sam import __version__

project = "airflow-provider-sam"
author = "The airflow-provider-sam authors"
release = version = __version__

extensions = ["api_exports", "connection_fields", "myst_parser", "program_help", "rooms", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "code"  # a name in single backticks, as docstrings write it

autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "model_config, redact, Page[MessageBatch], Page[Model]"}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
# Annotations give names as the source does, without their modules, and types of other projects are documented on sites
# that a build does not fetch. What is checked is every reference to a name of ours in full, but for the emulator's
# inner types, which are on no page.
nitpick_ignore_regex = [(r"py:.*", r"(?!airflow_provider_sam\.).*|airflow_provider_sam\.emulator\.\w+\..*")]
