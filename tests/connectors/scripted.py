"""A server on loopback that says exactly what a test wants, byte by byte, and certificates to say it with."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reply = Callable[[socket.socket, bytes], None]


@dataclass
class Scripted:
    """A running server: where it is and what it was sent."""

    port: int
    scheme: str = "http"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    server_names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """A whole response with its length."""
    named = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def saying(*answers: bytes) -> Reply:
    """One answer after another, the last one for ever."""
    left = list(answers)

    def reply(sock: socket.socket, _request: bytes) -> None:
        sock.sendall(left.pop(0) if len(left) > 1 else left[0])

    return reply


@contextlib.contextmanager
def serving(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Serve connections, one request each, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(listener.getsockname()[1], "https" if tls else "http")
    if tls is not None:
        tls.sni_callback = lambda _sock, name, _context: server.server_names.append(name)
    threads: list[threading.Thread] = []
    open_sockets: set[socket.socket] = set()

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            open_sockets.add(sock)
            thread = threading.Thread(target=serve, args=(sock,), daemon=True)
            threads.append(thread)
            thread.start()

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.settimeout(60)
            with tls.wrap_socket(sock, server_side=True) if tls else sock as channel:
                server.requests.append(_request(channel))
                reply(channel, server.requests[-1])

    main = threading.Thread(target=accept, daemon=True)
    main.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        # Whoever came last is among the sockets then.
        main.join(60)
        for sock in open_sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(60)


def _request(sock: socket.socket) -> bytes:
    """Head and body of one request."""
    told = b""
    while b"\r\n\r\n" not in told:
        chunk = sock.recv(65536)
        if not chunk:
            raise OSError("closed")
        told += chunk
    head, _, body = told.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._build(self._name, self._key, self._key, days=30, names=(), is_authority=True)

    def trust(self) -> ssl.SSLContext:
        """A client's context that believes this authority."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, *names: str, days: int = 30, self_signed: bool = False) -> ssl.SSLContext:
        """A server's context for these names; negative `days`: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = key if self_signed else self._key
        certificate = self._build(self._name, key, signer, days=days, names=names, is_authority=False)
        path = self._folder / f"{'-'.join(names)}-{days}-{self_signed}.pem".replace(":", "_")
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _build(
        self,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        *,
        days: int,
        names: tuple[str, ...],
        is_authority: bool,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        subject = issuer if is_authority else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer is key else issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=60))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if is_authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
            )
        return builder.sign(signer, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
