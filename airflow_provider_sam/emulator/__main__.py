"""The emulator as a program: ``python -m airflow_provider_sam.emulator --port 8089``, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from airflow_provider_sam.emulator import missing_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sam.emulator import SamEmulator

KEY_VARIABLE = "SAM_EMULATOR_API_KEY"

_DEFAULT_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until a signal comes.

    :param arguments: of the command line; None for those of this process
    :return: the exit status: 0; 1 when it cannot listen; 2 when libraries are missing
    """
    options = _parser().parse_args(arguments)
    if missing := missing_libraries():
        _say(f"Missing: {', '.join(missing)}. Run: pip install 'airflow-provider-sam[emulator]'", sys.stderr)
        return 2
    emulator = _emulator(options)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        emulator.start()
    except OSError as error:
        emulator.close()
        _say(f"Cannot listen on {options.host} port {options.port}: {error.strerror}.", sys.stderr)
        return 1
    with _announced(emulator, options.ready_file):
        stopping.wait()
    emulator.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_sam.emulator", description="Run an offline Sam API."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8089, help="port to listen on; 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE),
        help=f"API key to require (default: ${KEY_VARIABLE}, or a random key)",
    )
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument(
        "--end-after",
        type=float,
        metavar="SECONDS",
        default=_DEFAULT_SECONDS,
        help="end each batch this long after its creation; 0: when it is first looked up (default: %(default)s)",
    )
    ending.add_argument("--end-after-looks", type=int, metavar="N", help="end each batch the Nth time it is looked up")
    ending.add_argument("--on-demand", action="store_true", help="end a batch only on POST /_emulator/batches/ID/end")
    parser.add_argument(
        "--answer", metavar="TEXT", help="text to answer every request with (default: derived from the prompt)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="reject unknown models (404) and parameters (400), as the API does"
    )
    parser.add_argument(
        "--directory", type=Path, help="folder to keep batches in across restarts (default: none are kept)"
    )
    parser.add_argument("--ready-file", type=Path, help="file to write the URL to once the emulator is ready")
    return parser


def _emulator(options: argparse.Namespace) -> SamEmulator:
    from airflow_provider_sam.emulator import AfterLooks, AfterSeconds, OnDemand, SamEmulator

    progress: AfterLooks | AfterSeconds | OnDemand = AfterSeconds(options.end_after)
    if options.on_demand:
        progress = OnDemand()
    elif options.end_after_looks is not None:
        progress = AfterLooks(options.end_after_looks)
    return SamEmulator(
        host=options.host,
        port=options.port,
        api_key=options.api_key,
        progress=progress,
        directory=options.directory,
        answers=options.answer,
        strict=options.strict,
    )


@contextmanager
def _announced(emulator: SamEmulator, ready_file: Path | None) -> Iterator[None]:
    """Print the URL, and keep it in the ready file, which appears whole and is removed at the end."""
    _say(f"The Sam API emulator is running at {emulator.url}", sys.stdout)
    _say(f"export AIRFLOW_CONN_SAM_DEFAULT={shlex.quote(emulator.connection_json)}", sys.stdout)
    if ready_file is None:
        yield
        return
    draft = ready_file.with_name(f"{ready_file.name}.new")
    draft.write_text(f"{emulator.url}\n")
    draft.replace(ready_file)
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)


def _say(text: str, stream: TextIO) -> None:
    stream.write(f"{text}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
