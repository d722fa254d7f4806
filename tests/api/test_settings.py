from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.settings import ClientSettings

KEY = "sk-settings-test"


def test_neither_the_key_nor_the_proxys_password_is_in_the_repr():
    settings = ClientSettings(base_url="http://sam.test", api_key=KEY, proxy="http://me:sesame@proxy:3128")

    assert KEY not in repr(settings)
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize("key", ["", " ", f"{KEY}\n", f"{KEY} ", f"{KEY}\x00", f"{KEY}ü"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key):
    with pytest.raises(SamRequestError, match="api_key") as refused:
        ClientSettings(base_url="http://sam.test", api_key=key)

    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("", "http"),
        ("http://sam.test:x", "port"),
        ("http://sam.test:99999", "port"),
        ("http://[", "port"),
        ("sam.test", "http"),
        ("ftp://sam.test", "http"),
        ("http://", "host"),
        ("http://user:password@sam.test", "only"),
        ("http://sam.test?x=1", "only"),
        ("http://sam.test#x", "only"),
    ],
)
def test_a_base_url_is_scheme_host_port_and_path(base_url, problem):
    with pytest.raises(SamRequestError, match=problem) as refused:
        ClientSettings(base_url=base_url, api_key=KEY)

    assert "password" not in str(refused.value)


@pytest.mark.parametrize(
    "proxy", ["", "proxy:3128", "socks5://me:sesame@proxy", "http://me:ses/ame@proxy", "http://me:sesame@proxy:99999"]
)
def test_a_proxy_is_an_http_proxy(proxy):
    with pytest.raises(SamRequestError, match="proxy must be http:// or https://") as refused:
        ClientSettings(base_url="http://sam.test", api_key=KEY, proxy=proxy)

    assert "ses" not in str(refused.value)


@pytest.mark.parametrize("module", ["errors", "limits", "settings", "jsonl"])
def test_checking_inputs_loads_no_http_and_no_models(module):
    code = (
        f"import sys, airflow_provider_sam.api.{module}; "
        "print(*{'httpx', 'pydantic', 'msgspec', 'tenacity', 'airflow'} & sys.modules.keys())"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []
