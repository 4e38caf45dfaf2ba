"""Platforms at their own addresses, for vendors' clients that nobody may change: a name leads to the sandbox."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from tests.connectors.scripted import Authority, Scripted, serving


@contextlib.contextmanager
def at_its_own_address(
    sandbox_url: str, host: str, *, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scripted]:
    """The sandbox behind `https://<host>`, with a certificate of a test authority that `requests` is told to trust.

    No other name resolves while the block lasts, but the machine's own: nothing leaves it.
    """
    authority, inside, really = Authority(folder), urlsplit(sandbox_url), socket.getaddrinfo
    bundle = folder / "authority.pem"
    bundle.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))

    def pass_on(sock: socket.socket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.socket() as upstream:
            upstream.settimeout(60)
            upstream.connect((str(inside.hostname), inside.port or 80))
            upstream.sendall(b"\r\n".join([*kept, b"connection: close", b"", b""]) + body)
            while chunk := upstream.recv(65536):
                sock.sendall(chunk)

    with serving(pass_on, authority.server(host)) as door, monkeypatch.context() as patch:

        def resolve(name: Any, *more: Any, **named: Any) -> list[Any]:
            if name == "127.0.0.1":
                return list(really(name, *more, **named))
            if name not in {host, host.encode()}:
                raise socket.gaierror(f"{name!r} is not to be reached from a test")
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", door.port))]

        patch.setattr(socket, "getaddrinfo", resolve)
        patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            patch.delenv(name, raising=False)
        yield door
