"""Everything a client needs to know, checked once, with secrets that no repr shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.redaction import Redactor

__all__ = [
    "ClientSettings",
]

USER_AGENT = "airflow-provider-sam"


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Where the API is, who we are, and how patient we are. All times are in seconds.

    :param base_url: scheme, host, port and, behind a gateway, a path; no user, query or fragment.
    :param api_key: sent as ``x-api-key``, to the host of `base_url` only.
    :param connect_timeout: the longest to wait for a connection.
    :param read_timeout: the longest to wait for the next bytes of an answer; for its whole head, whatever comes before
        it; and for the whole body of one that is read at once. An answer that is only sent when it is whole gets
        longer, see `timeouts`.
    :param write_timeout: the longest to wait until the next bytes of a request are taken.
    :param max_retries: how often a call that is safe to repeat is repeated.
    :param retry_for: the time from the first attempt within which repeats may begin.
    :param proxy: URL of a proxy; without one, the environment's ``HTTPS_PROXY`` and its kin hold.
    :param ca_bundle: path of a PEM file, or a directory of them, to trust instead of the usual authorities.
    :param limits: the service's limits, checked before anything is sent.
    :raises SamRequestError: the URL, the key or the proxy cannot be used; the message shows neither of the latter.
    """

    base_url: str
    api_key: str = field(repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    write_timeout: float = 60.0
    max_retries: int = 5
    retry_for: float = 600.0
    proxy: str | None = field(default=None, repr=False)  # its URL may hold a password
    ca_bundle: str | None = None
    user_agent: str = USER_AGENT
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse what would otherwise surface inside the HTTP library, whose messages show header values."""
        if not self.api_key or not all("!" <= character <= "~" for character in self.api_key):
            raise SamRequestError(
                "api_key must be printable ASCII without spaces; check for a line break at either end"
            )
        parts = _split("base_url", self.base_url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise SamRequestError("base_url may contain only a scheme, host, port and path")
        if self.proxy is not None:
            _split("proxy", self.proxy)

    @property
    def proxy_host(self) -> str | None:
        """Host and port of the proxy, without who asks it."""
        return urlsplit(self.proxy).netloc.rpartition("@")[2] if self.proxy else None

    @cached_property
    def redact(self) -> Redactor:
        """What hides the secrets of these settings in the texts of others."""
        return Redactor([self.api_key, *_secrets_of(self.proxy)])


def _split(name: str, url: str) -> SplitResult:
    """Take a URL apart, without repeating it in an error: there may be a password in it."""
    try:
        parts = urlsplit(url)
        reachable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise SamRequestError(f"{name} must be http:// or https:// with a host and, where needed, a port")
    return parts


def _secrets_of(proxy: str | None) -> list[str]:
    """Return the password of a proxy's URL, as written there and as sent, the latter also together with the user."""
    parts = urlsplit(proxy or "")
    if not parts.password:
        return []
    password = unquote(parts.password)
    return [f"{unquote(parts.username or '')}:{password}", parts.password, password]
