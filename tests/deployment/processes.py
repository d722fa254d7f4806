"""Programs are started with their whole family in view, so that nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GRACE = 20  # seconds; Airflow's standalone needs about 4 to stop its parts in order


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into `KeyboardInterrupt`, so that every ``finally`` runs undisturbed.

    Handlers are set even where SIGINT is ignored, as it is for whatever a shell script starts with ``&``: an ignored
    signal would stay ignored in every program started from here.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_signal: int, _frame: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def running(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[str] | None = None,
    user: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run `command` in a session of its own while the block lasts; then end it and all that it started.

    :param env: its whole environment; None means ours
    :param output: a file for what it prints on stdout and stderr; None means ours
    :param user: the id of the user that runs it; None means us
    """
    errors = subprocess.STDOUT if output else None
    process = subprocess.Popen(
        command, env=env, stdout=output, stderr=errors, text=True, start_new_session=True, user=user
    )
    try:
        yield process
    finally:
        stop(process)


def family_of(process: subprocess.Popen[str]) -> set[psutil.Process]:
    """Find what `process` started: its descendants, and orphans that are still in its session."""
    family: set[psutil.Process] = set()
    with suppress(psutil.NoSuchProcess):
        family.update(psutil.Process(process.pid).children(recursive=True))
    for candidate in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(candidate.pid) == process.pid:
                family.add(candidate)
    return family


def stop(process: subprocess.Popen[str], grace: float = GRACE) -> None:
    """Interrupt `process`, as Ctrl-C would; kill what is left of its family after `grace` seconds."""
    family = family_of(process)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    for survivor in family | family_of(process):
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(family, timeout=grace)
    process.wait(grace)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill `process` and all that it started, as a lost machine would."""
    for each in (*family_of(process), process):
        each.kill()
    process.wait()
