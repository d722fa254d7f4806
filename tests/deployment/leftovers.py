"""`.ci/run` ends with a look for processes that it left behind, whatever they call themselves by now."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil


def leftovers(since: float, folders: list[Path]) -> list[str]:
    """Describe the processes that began after `since` (seconds of the epoch) and work in one of `folders`.

    Programs of Airflow rename themselves and leave their session, but not the directory that they were started in.
    We and our parents are not counted.
    """
    me = psutil.Process()
    family = {me, *me.parents()}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            here = Path(process.cwd())
            if process not in family and process.create_time() >= since and any(map(here.is_relative_to, folders)):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


def main(since: str, *folders: str) -> str | None:
    """Return what to complain about, or None."""
    found = leftovers(float(since), [Path(folder).resolve() for folder in folders])
    return "\n".join(["Still running:", *found]) if found else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
