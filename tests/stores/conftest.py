"""A real S3 server on loopback, with a bucket, as the Airflow connection `my_s3`."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest

from tests.deployment.processes import running
from tests.deployment.stack import free_port

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("S3_SERVER_PYTHON", ROOT / ".venv-s3-server" / "bin" / "python"))
STARTS_WITHIN = 120  # seconds; about 3 on an idle machine
BUCKET = "lake"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """The URL of LocalStack's S3."""
    if not PYTHON.exists():
        pytest.fail("there is no S3 server: run `make stores`")
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    url = f"http://127.0.0.1:{port}"
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
    command = [str(PYTHON), "-m", "localstack.runtime.main"]
    with (
        (folder / "server.log").open("w") as log,
        running(command, env={**os.environ, **settings}, output=log) as server,
    ):
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail((folder / "server.log").read_text()[-3000:])
            time.sleep(0.2)
        yield url


def _answers(url):
    try:
        with urllib.request.urlopen(f"{url}/_localstack/health", timeout=2) as answer:  # noqa: S310 - on loopback
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def s3(s3_server, monkeypatch):
    """An s3fs file system on an empty bucket, and the connection that leads there."""
    import s3fs

    connection = {
        "conn_type": "aws",
        "login": "testkey",
        "password": "testsecret",
        "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MY_S3", json.dumps(connection))
    files = s3fs.S3FileSystem(key="testkey", secret="testsecret", endpoint_url=s3_server, skip_instance_cache=True)
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    files.mkdir(BUCKET)
    return files
