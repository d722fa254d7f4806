"""What a failed connection test means to the person who fills in the form: which field to look at."""

from __future__ import annotations

from airflow_provider_sam.api import errors

REMEDIES: tuple[tuple[type[errors.SamError], str], ...] = (
    (errors.SamTLSError, "No trusted TLS connection: look at the scheme in host, and at ca_bundle"),
    (errors.SamConnectError, "No connection: look at name and port in host, and at proxy"),
    (errors.SamTransportError, "Connected, but no answer came: look at host, proxy and read_timeout"),
    (errors.SamAuthenticationError, "The API key was refused: look at password"),
    (errors.SamPermissionError, "The API key is known but may not list models: look at the key's workspace and rights"),
    (errors.SamNotFoundError, "The host answers, but not as the Sam API: look at the path in host"),
    (errors.SamRedirectError, "The host answers with a redirect, which is not followed: write the address it leads to"),
    (errors.SamRateLimitError, "Host and API key are right, but the rate limit is reached: try again later"),
    (errors.SamResponseError, "The host answers, but not as the Sam API: look at name and path in host"),
)
"""The first row whose class fits an error says what to look at; subclasses stand before their bases."""


def diagnose(error: errors.SamError) -> str:
    """Say in one sentence what to look at, followed by what happened."""
    for kind, remedy in REMEDIES:
        if isinstance(error, kind):
            return f"{remedy}. ({error})"
    return str(error)
