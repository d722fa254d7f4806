"""One word has one meaning: words that were given up do not come back, in code, texts or documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    path
    for pattern in ("airflow_provider_sam/**/*.py", "example_dags/*.py", "docs/*.md", "*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "changelog.md"
]

# What was given up, and the word that stands for it now.
GIVEN_UP = {
    r"\bglances?\b|Glance": "status",
    r"\bpatience\b": "visibility_timeout, retry_for",
    r"\bretry_deadline\b": "retry_for",
    r"\b(SamMessageOperator|SamOneBatchOperator|SamSubmitTask)\b": "BaseSam...",
    r"\b(Asker|Looker|Surveyor|Board|Told|Access|Watch|Place)\b": "StatusFetcher, Reconciler, WorkspacePoller, ...",
    r"\b[Ww]ishes\b|\bTerms\b": "SubmitOptions, InputOptions",
    r"\b(NoMemory|ObjectMemory|TaskStateMemory)\b|: Memory\b": "NullStore, ObjectStore, TaskStateRecords",
    r"\b(Lane|Beside)\b": "Writer, ThreadedWriter",
    r"\bsettle[sd]?\b": "flush, finish_waits, ensure_batch, snapshot, ambiguous_creates, advance",
    r"\bcomplaint\(|\boutlook\b|\bhappened\(\)": "failure_reason, retry_hint, summary",
    r"\b(Persistence|Describer)\b": "RetryState, OperationBuilder",
    r'"""(Give|Tell whether) ': "Return",
}


@pytest.mark.parametrize("word", GIVEN_UP)
def test_a_word_that_was_given_up_does_not_come_back(word):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}; say {GIVEN_UP[word]}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(word, line)
    ]
    assert found == []
