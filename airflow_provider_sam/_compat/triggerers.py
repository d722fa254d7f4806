"""How the triggerer does, as far as an Airflow tells a task: Airflow 2 in its database, Airflow 3 through its API."""

from __future__ import annotations

import importlib
import json
import ssl
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener

from airflow_provider_sam._compat import conf
from airflow_provider_sam._compat.variables import is_supervised_here

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS_WITHIN = 3.0
"""Seconds that Airflow has to answer, once: a task must not wait for a piece of advice."""

LONGEST_ANSWER = 65_536
"""Bytes that are read of an answer."""

EXECUTION = "/execution"
"""Where the API that tasks use lies beside the one that people use."""


@dataclass(frozen=True, kw_only=True)
class TriggererHealth:
    """What Airflow says of the triggerer that has sent a heartbeat last.

    :param status: `healthy` or `unhealthy`; None where Airflow knows of no triggerer.
    :param latest_heartbeat: when, in ISO 8601; None where Airflow does not know.
    """

    status: str | None
    latest_heartbeat: str | None


def runs_triggers_itself(ti: Any) -> bool:
    """Return whether a task needs no triggerer, as in `airflow dags test`: Airflow 2 tells by the lack of a job."""
    return is_supervised_here() if find_spec("airflow.sdk") else getattr(ti, "job_id", 0) is None


def triggerer_health() -> TriggererHealth | None:
    """Return how the triggerer does; None where Airflow does not tell, for whatever reason, or not soon."""
    told: list[TriggererHealth] = []
    ask = _ask_api if find_spec("airflow.sdk") else _ask_database
    # Not even the look-up of a name may hold the task up, and that knows no time-out.
    asking = threading.Thread(target=_keep, args=(ask, told), name="triggerer-health", daemon=True)
    asking.start()
    asking.join(ANSWERS_WITHIN)
    return told[0] if told else None


def _keep(ask: Callable[[], TriggererHealth], told: list[TriggererHealth]) -> None:
    try:
        told.append(ask())
    except Exception:  # noqa: BLE001 - whatever it is, Airflow does not tell
        return


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect: it leads to the login page of a proxy."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request."""


def _ask_api() -> TriggererHealth:
    opener = build_opener(_NoRedirects, HTTPSHandler(context=_tls_context()))
    with opener.open(f"{api_url()}/api/v2/monitor/health", timeout=ANSWERS_WITHIN) as answer:
        triggerer = json.loads(answer.read(LONGEST_ANSWER))["triggerer"]
    return TriggererHealth(status=triggerer["status"], latest_heartbeat=triggerer["latest_triggerer_heartbeat"])


def api_url() -> str:
    """Return where the API server is: as tasks reach it, else as people do.

    :raises ValueError: the configuration names no such place.
    """
    by_tasks = (conf.get("core", "execution_api_server_url", fallback=None) or "").rstrip("/")
    if by_tasks.endswith(EXECUTION):
        url = by_tasks.removesuffix(EXECUTION)
    else:
        by_people = conf.get("api", "base_url", fallback=None) or "/"
        url = (f"http://localhost:8080{by_people}" if by_people.startswith("/") else by_people).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ValueError(url)
    return url


def _tls_context() -> ssl.SSLContext:
    """Return what Airflow's own client trusts: the usual authorities, and the API server's certificate."""
    context = ssl.create_default_context(cafile=conf.get("api", "ssl_ca_file", fallback=None) or None)
    if certificate := conf.get("api", "ssl_cert", fallback=None):
        context.load_verify_locations(certificate)
    return context


def _ask_database() -> TriggererHealth:
    job = importlib.import_module("airflow.jobs.job").most_recent_job("TriggererJob")
    if job is None:
        return TriggererHealth(status=None, latest_heartbeat=None)
    status = "healthy" if job.is_alive() else "unhealthy"
    return TriggererHealth(status=status, latest_heartbeat=job.latest_heartbeat.isoformat())
