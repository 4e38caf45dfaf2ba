"""What every misbehaviour of a mail server, and every wrong setting, comes to."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs import smtp
from settings import Settings
from store.engine import run_writing
from store.writes.mail import Message, post
from tests.jobs.invited import NOW, Programme, mail_settings, send_all
from tests.jobs.postbox import Postbox, mail_server


@pytest.fixture
def database_kind() -> str:
    """What servers do is the same on both databases; what the outbox does is tried on both in test_outbox.py."""
    return "sqlite"


def test_an_address_that_is_none_is_refused_and_harms_nobody_else(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    for number, address in enumerate(
        ("a b@x.example", "ann@x.example>\r\nRCPT TO:<b@x.example", "", "@", "jörg@x.example")
    ):
        message = Message(programme.company.id, "alert", "email", f"k{number}", address, "S", {"text": "t"})
        run_writing(
            programme.store.engine, lambda session, each=message: post(session, programme.store.vault, each, now=NOW)
        )
    programme.invite(settings)
    states = send_all(programme.store, settings)
    assert sorted(states) == ["refused"] * 5 + ["sent"]
    assert box.recipients() == ["sam@mail.example"]


def test_a_sender_that_is_none_refuses_no_message(programme: Programme, settings: Settings, box: Postbox) -> None:
    invited = programme.invite(settings)
    port = int(settings.smtp_url.rpartition(":")[2])
    for number, sender in enumerate(("Acme, Jobs <jobs@acme.example>", "jörg@acme.example", "nobody")):
        wrong = mail_settings(port, mail_from=sender)
        assert send_all(programme.store, wrong, NOW + timedelta(hours=7 * number)) == ["waiting"]
        assert "MAIL_FROM" in programme.mail(invited).detail
    assert send_all(programme.store, settings, NOW + timedelta(days=2)) == ["sent"]


@pytest.mark.parametrize(
    ("mood", "state", "cause"),
    [
        ("", "sent", ""),
        ("greylist", "waiting", "unreachable"),
        ("refuse", "refused", "bounced"),
        ("forbid", "refused", "rejected"),
        ("spam", "refused", "rejected"),
        ("drop", "unknown", "timeout"),
        ("babble", "unknown", "timeout"),
    ],
)
def test_what_the_server_does_decides_what_becomes_of_an_invitation(
    programme: Programme, settings: Settings, box: Postbox, mood: str, state: str, cause: str
) -> None:
    box.mood = mood
    invited = programme.invite(settings)
    assert send_all(programme.store, settings) == [state]
    found = programme.mail(invited)
    assert (found.state, found.cause_code) == (state, cause)
    assert "sam@mail" not in found.detail, "the log keeps no address in the clear"
    box.mood = ""
    assert send_all(programme.store, settings, NOW + timedelta(hours=7)) == (["sent"] if state == "waiting" else [])
    assert len(box.taken) == (0 if state == "refused" else 1), "never twice"


def test_a_server_that_says_one_letter_at_a_time_keeps_no_worker(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TOTAL_SECONDS", 0.5)
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip() -> None:
            connection, _ = dripping.accept()
            with connection:
                while not is_over.wait(0.05):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        invited = programme.invite(mail_settings(dripping.getsockname()[1]))
        assert send_all(programme.store, mail_settings(dripping.getsockname()[1])) == ["waiting"]
        is_over.set()
        thread.join(60)
    assert programme.mail(invited).detail == "The mail server took too long."


def test_a_server_that_falls_silent_before_the_message_costs_nothing(
    programme: Programme, settings: Settings, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TOTAL_SECONDS", 0.5)
    box.mood = "stall"
    invited = programme.invite(settings)
    assert send_all(programme.store, settings) == ["waiting"]
    assert programme.mail(invited).detail == "The mail server took too long."
    box.mood = ""
    monkeypatch.setattr(smtp, "TOTAL_SECONDS", 90.0)
    assert send_all(programme.store, settings, NOW + timedelta(hours=7)) == ["sent"]
    assert len(box.taken) == 1


def test_a_server_that_says_nothing_to_the_message_leaves_it_to_a_person(
    programme: Programme, settings: Settings, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[smtp._Deadline] = []

    class Deadline(smtp._Deadline):
        def __init__(self, seconds: float) -> None:
            super().__init__(seconds)
            waiting.append(self)

    monkeypatch.setattr(smtp, "_Deadline", Deadline)
    # Time is up once the server has the message, whatever a clock says.
    box.mood, box.when_mute = "mute", lambda: waiting[-1]._hang_up()
    invited = programme.invite(settings)
    assert send_all(programme.store, settings) == ["unknown"]
    assert programme.mail(invited).detail == "The mail server took too long."
    box.mood = ""
    assert send_all(programme.store, settings, NOW + timedelta(hours=7)) == []
    assert len(box.taken) == 1


def test_the_answer_to_the_message_is_waited_for_as_long_as_a_message_may_take(
    programme: Programme, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []

    class Watched(smtp._Watched):
        def getreply(self) -> tuple[int, bytes]:
            waits.append(self.sock.gettimeout())
            return super().getreply()

    monkeypatch.setattr(smtp, "_Watched", Watched)
    programme.invite(settings)
    assert send_all(programme.store, settings) == ["sent"]
    *before, to_message, _to_goodbye = waits
    assert set(before) == {smtp.TIMEOUT_SECONDS}
    assert to_message == smtp.TOTAL_SECONDS > smtp.TIMEOUT_SECONDS


def make_certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS for `name`, signed by itself; the certificate is in `folder` as cert.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alternative = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("tls", ["required", "offered", ""])
def test_where_no_encryption_is_offered_the_setting_decides(
    programme: Programme, settings: Settings, box: Postbox, tls: str
) -> None:
    port = int(settings.smtp_url.rpartition(":")[2])
    invited = programme.invite(settings)
    assert send_all(programme.store, mail_settings(port, smtp_tls=tls)) == ["waiting" if tls == "required" else "sent"]
    if tls == "required":
        assert "offers no encryption" in programme.mail(invited).detail
        assert box.taken == []


def test_a_password_is_never_said_in_the_clear_to_another_machine(box: Postbox) -> None:
    away = Settings(smtp_url="smtp://us:secret@mail.example:25", smtp_tls="offered")
    assert not smtp._may_be_plain(away, smtp.urlsplit(away.smtp_url))
    near = Settings(smtp_url="smtp://mail.example:25", smtp_tls="offered")
    assert smtp._may_be_plain(near, smtp.urlsplit(near.smtp_url))
    default = Settings(smtp_url="smtp://mail.example:25")
    assert not smtp._may_be_plain(default, smtp.urlsplit(default.smtp_url))


@pytest.mark.parametrize("name", ["127.0.0.1", "mail.example"])
def test_a_server_must_prove_that_it_is_the_one_named(
    programme: Programme, box: Postbox, tmp_path: Path, name: str
) -> None:
    """Signed by itself, and, were it trusted, for another name."""
    context = make_certificate(tmp_path, name)
    with mail_server(box, tls_context=context, require_starttls=True) as port:
        invited = programme.invite(mail_settings(port))
        assert send_all(programme.store, mail_settings(port)) == ["waiting"]
    assert "certificate is not trusted" in programme.mail(invited).detail
    assert box.taken == []


def test_over_tls_we_sign_in_and_a_wrong_password_refuses_no_message(
    programme: Programme, box: Postbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    def check(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"us", b"right word"), handled=False)

    options = {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}
    with mail_server(box, **options) as port:
        base = mail_settings(port)
        invited = programme.invite(base)
        wrong = mail_settings(port, smtp_url=f"smtp://us:wrong@127.0.0.1:{port}")
        assert send_all(programme.store, wrong) == ["waiting"]
        assert "535" in programme.mail(invited).detail
        right = mail_settings(port, smtp_url=f"smtp://us:right%20word@127.0.0.1:{port}", smtp_tls="required")
        assert send_all(programme.store, right, NOW + timedelta(hours=7)) == ["sent"]
    assert box.recipients() == ["sam@mail.example"]
