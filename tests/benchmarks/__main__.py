"""`python -m tests.benchmarks [SUBJECT ...]`: run the subjects asked for, or all."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

SUBJECTS = ("submit", "waits", "land", "tables")

if __name__ == "__main__":
    here = Path(__file__).parent
    for subject in sys.argv[1:] or [name for name in SUBJECTS if (here / f"{name}.py").exists()]:
        importlib.import_module(f"tests.benchmarks.{subject}").main()
