"""Real object stores, each with an empty bucket, and a database, with Airflow connections that lead there."""

from __future__ import annotations

import json
import os

import pytest

from airflow_provider_sam.batches import storage as staging
from tests.stores import servers
from tests.stores.store import BLOCK_SIZE, BUCKET, Store

os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"  # read at gcsfs' import; its emulator does not speak gRPC


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(staging, "BLOCK_SIZE", BLOCK_SIZE)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    with servers.s3(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory):
    with servers.azure(tmp_path_factory.mktemp("azure")) as connection_string:
        yield connection_string


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory):
    with servers.gcs(tmp_path_factory.mktemp("gcs")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server():
    with servers.postgres() as folder:
        yield folder


@pytest.fixture
def s3(s3_server, monkeypatch):
    """LocalStack, as the connection `my_s3`."""
    import s3fs

    connection = {
        "conn_type": "aws",
        "login": "testkey",
        "password": "testsecret",
        "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MY_S3", json.dumps(connection))
    files = s3fs.S3FileSystem(key="testkey", secret="testsecret", endpoint_url=s3_server, skip_instance_cache=True)
    return empty(Store(f"s3://my_s3@{BUCKET}", files))


@pytest.fixture
def azure(azure_server, monkeypatch):
    """Azurite, as the connection `my_azure`."""
    import adlfs

    connection = {"conn_type": "wasb", "extra": {"connection_string": azure_server}}
    monkeypatch.setenv("AIRFLOW_CONN_MY_AZURE", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__LOGGING__NAMESPACE_LEVELS", "azure=WARNING")  # its SDK tells of every request
    files = adlfs.AzureBlobFileSystem(connection_string=azure_server, skip_instance_cache=True)
    return empty(Store(f"abfs://my_azure@{BUCKET}", files))


@pytest.fixture
def gcs(gcs_server, monkeypatch):
    """The GCS emulator, as the connection `my_gcs`."""
    import gcsfs

    extra = {"project": "lake-project", "is_anonymous": True, "gcs.endpoint": gcs_server}
    monkeypatch.setenv("AIRFLOW_CONN_MY_GCS", json.dumps({"conn_type": "google_cloud_platform", "extra": extra}))
    files = gcsfs.GCSFileSystem("lake-project", token="anon", endpoint_url=gcs_server, skip_instance_cache=True)
    return empty(Store(f"gs://my_gcs@{BUCKET}", files))


@pytest.fixture
def database(postgres_server, monkeypatch):
    """PostgreSQL, as the connection `my_database`; gives what changes that connection."""

    def connection(**extra):
        settings = {"conn_type": "postgres", "host": postgres_server, "login": "postgres", "schema": "postgres"}
        monkeypatch.setenv("AIRFLOW_CONN_MY_DATABASE", json.dumps(settings | {"extra": extra}))

    connection()
    return connection


@pytest.fixture(params=["psycopg", "psycopg2"])
def client(request, monkeypatch):
    """Each client of PostgreSQL that Airflow's hook works with."""
    from airflow.providers.postgres.hooks import postgres

    monkeypatch.setattr(postgres, "USE_PSYCOPG3", request.param == "psycopg")
    return request.param


@pytest.fixture(params=["s3", "azure", "gcs"])
def store(request):
    """Each store in turn."""
    return request.getfixturevalue(request.param)


def empty(store):
    if not store.files.exists(BUCKET):
        store.files.mkdir(BUCKET)
    for name in store.names():
        store.files.rm_file(f"{BUCKET}/{name}")
    return store
