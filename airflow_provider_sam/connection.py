"""The fields of a `sam` connection, declared once: the form, the parsing and the documentation are derived from here.

A connection is an allow-list: what is not declared below is refused by name, so that a misspelt extra cannot be
silently ignored and a secret cannot hide in a field that nobody masks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sam.api.settings import ClientSettings

CONN_TYPE = "sam"
DEFAULT_CONN_ID = "sam_default"

EXAMPLE_HOST = "https://api.sam.example"

MODEL = re.compile(r"[!-~]{1,256}")
"""What may be the name of a model: the API promises no more than a string, and a blank in it is a slip."""

Kind = Literal["string", "integer", "number"]


@dataclass(frozen=True, kw_only=True)
class ConnectionField:
    """One extra of the connection.

    `minimum` is exclusive for numbers (a time-out of 0 s would fail every request) and inclusive for integers.
    """

    name: str
    label: str
    kind: Kind
    default: str | int | float | None
    description: str
    minimum: int = 0

    def parse(self, value: object) -> str | int | float | None:
        """Read `value` as this field's kind; unset values (null, an empty string) give the default.

        Values arrive as JSON types from a form and as strings from a connection URI: both are read.

        :raises ValueError: the value is of another kind or too small; the text says what to write instead.
        """
        if value is None or value == "":
            return self.default
        return self._parse_string(value) if self.kind == "string" else self._parse_number(value)

    def _parse_string(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"must be a string, got {value!r}")  # noqa: TRY004 - a wrong value of the connection
        return value

    def _parse_number(self, value: object) -> int | float:
        wanted = f"must be {self._wanted()}, for example {self.default}; got {value!r}"
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError(wanted)  # noqa: TRY004 - a wrong value of the connection
        try:
            number = int(str(value)) if self.kind == "integer" else float(value)
        except ValueError:
            raise ValueError(wanted) from None
        too_small = number < self.minimum if self.kind == "integer" else not self.minimum < number < float("inf")
        if too_small:
            raise ValueError(wanted)
        return number

    def _wanted(self) -> str:
        if self.kind == "integer":
            return f"a whole number of at least {self.minimum}"
        return f"a number above {self.minimum}"


def _text(name: str, label: str, description: str) -> ConnectionField:
    return ConnectionField(name=name, label=label, kind="string", default=None, description=description)


LIMITS: tuple[ConnectionField, ...] = tuple(
    ConnectionField(name=name, label=label, kind="integer", default=default, minimum=1, description=description)
    for name, label, default, description in (
        ("max_batch_requests", "Max requests per batch", 100_000, "The most requests that one batch may contain."),
        ("max_batch_bytes", "Max bytes per batch", 256_000_000, "Maximum size of a batch's request body."),
        ("max_message_bytes", "Max bytes per message", 32_000_000, "Maximum size of a message's request body."),
        ("max_page", "Max entries per page", 1000, "The most entries to request per page of a list."),
        ("max_answer_bytes", "Max bytes per response", 64_000_000, "A response larger than this is an error."),
        ("max_error_bytes", "Max bytes per error", 64_000, "How much of an error response to read."),
        ("max_result_line_bytes", "Max bytes per result", 32_000_000, "A result larger than this is an error."),
    )
)

EXTRAS: tuple[ConnectionField, ...] = (
    _text("model", "Model", "The model to use where a task does not name one."),
    ConnectionField(
        name="connect_timeout",
        label="Connect timeout (s)",
        kind="number",
        default=10.0,
        description="Seconds to wait for a connection to the host.",
    ),
    ConnectionField(
        name="read_timeout",
        label="Read timeout (s)",
        kind="number",
        default=60.0,
        description="Seconds to wait for the next bytes of a response.",
    ),
    ConnectionField(
        name="max_retries",
        label="Max retries",
        kind="integer",
        default=5,
        description="How many times to retry a call that is safe to repeat. 0 turns retries off.",
    ),
    ConnectionField(
        name="retry_for",
        label="Retry deadline (s)",
        kind="number",
        default=600.0,
        description="Seconds from the first attempt of a call during which a retry may start.",
    ),
    _text("proxy", "Proxy", "URL of the HTTP proxy to use."),
    _text(
        "ca_bundle",
        "CA bundle",
        "Path to a PEM file of the certificate authorities to trust, instead of the usual ones.",
    ),
    *LIMITS,
    _text("state_path", "State path", "Object storage URI under which to remember submissions, instead of in Airflow."),
    _text(
        "console_url",
        "Console URL",
        "URL of a batch's page in your console, with {batch_id} in place of the batch's ID.",
    ),
)


class ConnectionLike(Protocol):
    """What is read of an Airflow connection; Airflow 2 and 3 have different classes for it."""

    conn_id: Any
    host: Any
    port: Any
    schema: Any
    login: Any
    password: Any
    extra: Any


@dataclass(frozen=True, kw_only=True)
class SamConnection:
    """A `sam` connection, read and checked. Its repr shows no key."""

    settings: ClientSettings
    model: str | None
    state_path: str | None
    console_url: str | None


def parse_connection(connection: ConnectionLike) -> SamConnection:
    """Read an Airflow connection of type `sam`.

    :raises SamConnectionConfigError: a field is missing, unknown or of the wrong kind; the message names the
        connection, the field and what to write.
    """
    from airflow_provider_sam import __version__
    from airflow_provider_sam.api.errors import SamRequestError
    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.api.settings import USER_AGENT, ClientSettings

    reader = _Reader(str(connection.conn_id))
    for name, place in (("login", "put the API key in password"), ("schema", "put the scheme in host")):
        if getattr(connection, name, None):
            raise reader.error(name, f"is not used by a sam connection; {place}")
    if not connection.password:
        raise reader.error("password", "is empty; put the API key there")
    extras = reader.extras(connection.extra)
    limits = Limits(**{field.name: extras.pop(field.name) for field in fields(Limits)})
    own = {name: extras.pop(name) for name in ("model", "state_path", "console_url")}
    base_url = reader.base_url(connection.host, connection.port)
    try:
        settings = ClientSettings(
            base_url=base_url,
            api_key=connection.password,
            user_agent=f"{USER_AGENT}/{__version__}",
            limits=limits,
            **extras,
        )
    except SamRequestError as problem:
        field, _, what = problem.message.partition(" ")
        raise reader.error({"api_key": "password", "base_url": "host"}.get(field, field), what) from None
    return SamConnection(settings=settings, **own)


class _Reader:
    """Reads the fields of one connection, so that every error names it."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def error(self, field: str, problem: str) -> Exception:
        # Loaded here: Airflow reads EXTRAS while it is starting, when its own exceptions are not there yet.
        from airflow_provider_sam.exceptions import SamConnectionConfigError

        return SamConnectionConfigError(f"Connection {self.conn_id!r}: {field} {problem}")

    def base_url(self, host: str | None, port: int | None) -> str:
        """Return the URL that every request starts with, without a slash at its end."""
        if not host:
            raise self.error("host", f"is empty; write the API's address, for example {EXAMPLE_HOST}")
        try:
            parts = urlsplit(host)
            own_port = parts.port
        except ValueError as problem:
            raise self.error("host", f"is not a URL ({problem}); write for example {EXAMPLE_HOST}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise self.error("host", f"needs a scheme, http:// or https://; write for example {EXAMPLE_HOST}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise self.error("host", "may contain only a scheme, name, port and path; put the API key in password")
        if port and own_port and port != own_port:
            raise self.error("port", f"{port} contradicts the port {own_port} in host; leave one of them empty")
        netloc = f"{parts.netloc}:{port}" if port and not own_port else parts.netloc
        return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"

    def extras(self, raw: str | None) -> dict[str, Any]:
        """Read the extra JSON into a value for each declared field."""
        given = self._load(raw)
        known = {field.name for field in EXTRAS}
        if unknown := sorted(set(given) - known):
            raise self.error(f"extra {unknown[0]!r}", f"is unknown; the extras are {', '.join(sorted(known))}")
        parsed: dict[str, Any] = {}
        for field in EXTRAS:
            try:
                parsed[field.name] = field.parse(given.get(field.name))
            except ValueError as problem:
                raise self.error(f"extra {field.name!r}", str(problem)) from None
        for name in ("proxy", "console_url"):
            value = parsed[name]
            if value is not None and urlsplit(str(value)).scheme not in {"http", "https"}:
                raise self.error(f"extra {name!r}", "needs a scheme, http:// or https://")
        if parsed["model"] is not None and not MODEL.fullmatch(parsed["model"]):
            raise self.error(
                "extra 'model'", f"{parsed['model']!r} is not the name of a model; write one without spaces"
            )
        return parsed

    def _load(self, raw: str | None) -> Mapping[str, object]:
        if not raw:
            return {}
        try:
            given = json.loads(raw)
        except ValueError:
            raise self.error("extra", 'is not JSON; write an object such as {"read_timeout": 120}') from None
        if not isinstance(given, dict):
            raise self.error("extra", 'is not a JSON object; write for example {"read_timeout": 120}')
        return given


def form_fields() -> dict[str, dict[str, Any]]:
    """Describe the extras as Airflow's `conn-fields`: a JSON schema, a label and a description each."""
    return {
        field.name: {
            "label": field.label,
            "schema": {"type": [field.kind, "null"]}
            | ({"format": "password"} if field.name == "proxy" else {})
            | ({} if field.default is None else {"default": field.default}),
            "description": field.description,
        }
        for field in EXTRAS
    }


def form_behaviour() -> dict[str, Any]:
    """Describe which of Airflow's standard fields the form shows, and their labels."""
    return {
        "hidden_fields": ["schema", "port", "login"],
        "relabeling": {"host": "Host", "password": "API key"},
        "placeholders": {"host": EXAMPLE_HOST},
    }
