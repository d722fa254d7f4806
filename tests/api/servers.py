"""Servers of a few lines, for what no proper HTTP server says: torn answers, other hosts, proxies, certificates."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class RawServer:
    """Answers each connection with the next of the given bytes, whatever it is asked, and closes it.

    `requests` holds what was received. An answer may be an iterator of bytes, without an end even: it is sent until the
    client goes away.

    :param tls: speak TLS with this certificate
    :param greets: answer before anything was asked, as servers of other protocols do
    :param keeps: answer all requests of one connection, and close it after the last answer
    """

    def __init__(
        self,
        *answers: bytes | Iterator[bytes],
        tls: ssl.SSLContext | None = None,
        greets: bool = False,
        keeps: bool = False,
    ) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self._tls = tls
        self._greets, self._keeps = greets, keeps
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed: the test is over
                return
            try:
                self._answer(connection)
            except OSError:  # the client went away first, as one that trusts no such certificate does
                connection.close()

    def _answer(self, connection: socket.socket) -> None:
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            if self._greets:
                _send(connection, self._answers.pop(0))
                while connection.recv(65536):
                    pass
                return
            while True:
                self.requests.append(_whole_request(connection))
                _send(connection, self._answers.pop(0))
                if not self._keeps or not self._answers:
                    return


def _send(connection: socket.socket, answer: bytes | Iterator[bytes]) -> None:
    for piece in [answer] if isinstance(answer, bytes) else answer:
        connection.sendall(piece)


def _whole_request(connection: socket.socket) -> bytes:
    """Read a request to its end: closing a socket with unread bytes would break the answer off."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        piece = _more(connection)
        received += piece
        missing -= len(piece)
    return received


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise ConnectionResetError("the client went away")
    return piece


def http(body: bytes = b"", *, status: str = "200 OK", content_type: str = "application/json", **headers: str) -> bytes:
    """Write down a whole HTTP answer; underscores in a header's name stand for dashes."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {content_type}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def endless(
    piece: bytes, *, status: str = "200 OK", content_type: str = "application/json", **headers: str
) -> Iterator[bytes]:
    """Return an HTTP answer without a length that repeats `piece` for ever."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {content_type}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    yield "\r\n".join(lines).encode() + b"\r\n\r\n"
    yield from repeat(piece)


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as briefly:
        return int(briefly.getsockname()[1])


def certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1 that nobody trusts: its PEM file, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sam test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, keyfile = directory / "ca.pem", directory / "key.pem"
    bundle.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, keyfile)
    return bundle, context
