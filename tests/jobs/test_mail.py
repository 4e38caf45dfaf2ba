"""Invitations through a real mail server: what arrives, and what every misbehaviour of the server comes to."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlmodel import select

from actions.invitations import REPLIES
from actions.mailroom import confirm_arrived, invite_again, save_template, send_again, take_back
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.letters import Template
from jobs import mail, smtp
from settings import Settings
from store.engine import run_writing
from store.opening import Store
from store.tables import Company, JobPosting, Mail, Referral
from store.tables.columns import new_id
from store.writes.mail import Message, post
from tests.jobs.invited import NOW, Programme, mail_settings
from tests.jobs.postbox import Postbox, mail_server


@pytest.fixture
def database_kind() -> str:
    """What servers do is the same on both databases; what the outbox does is tried on both in test_mail_outbox.py."""
    return "sqlite"


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def settings(box: Postbox) -> Iterator[Settings]:
    with mail_server(box) as port:
        yield mail_settings(port)


@pytest.fixture
def programme(store: Store, company: Company) -> Programme:
    return Programme(store, company)


@pytest.fixture
def admin(programme: Programme) -> Viewer:
    who = programme.referrer
    return Viewer(who.id, who.company_id, "admin", who.name, who.email)


def send_all(store: Store, settings: Settings, now: datetime = NOW) -> list[str]:
    """States of all messages that are due, one after the other."""
    states: list[str] = []
    while (state := mail.send_next(store, settings, now=lambda: now)) is not None:
        states.append(state)
        assert len(states) < 100
    return states


def parts(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


def test_an_invitation_arrives_as_text_and_html_with_a_link_and_two_ways_out(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    referral = programme.referral(name="Zoë Lind", note="You would love it.\nCall me!")
    invited = programme.invite(settings, referral)
    assert invited.words == "The invitation is on its way."
    assert send_all(programme.store, settings) == ["sent"]
    ((recipients, message),) = box.taken
    assert recipients == ["sam@mail.example"]
    assert message["From"] == "Harbour Jobs <jobs@harbour.example>"
    assert message["To"] == "sam@mail.example"
    assert message["Subject"] == "Ada Lovelace thought of you: Staff nurse at Harbour Works"
    assert message["Reply-To"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Message-ID"] == f"<{invited.mail_id.hex}@hiring.example>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, html = parts(message)
    assert "Hello Zoë Lind," in text
    assert "> You would love it.\n> Call me!" in text
    link = f"https://hiring.example/r/{referral.code}"
    stop = message["List-Unsubscribe"].strip("<>")
    for way in (link, stop, "https://hiring.example/r/not-me/"):
        assert way in text
        assert f'href="{way}' in html
    assert stop.startswith("https://hiring.example/r/stop/")
    assert "http" not in html.replace("https://hiring.example/", "").replace("http-equiv", ""), "nothing from elsewhere"
    assert "<img" not in html
    assert box.raw[0].isascii(), "some servers on the way take seven bits"
    assert f"\r\nList-Unsubscribe: <{stop}>\r\n".encode() in box.raw[0], "as it stands: programs take it literally"


def test_what_people_typed_stays_text_and_adds_no_header(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    evil = "Eve\r\nBcc: all@evil.example\u202e <script>alert(1)</script> {link} \U0001f469\u200d\U0001f52c"
    referral = programme.referral(
        name=evil, note='<a href="https://evil.example">x</a>\r\n.\r\nMAIL FROM:<x@y.example>'
    )
    with programme.store.writing() as session:
        row = session.get_one(Referral, referral.id)
        row.referrer_name = "Ada\r\nX-Evil: 1"
        posting = session.get_one(JobPosting, programme.posting.id)
        posting.title = "Nurse\nReply-To: evil@evil.example"
        session.add_all([row, posting])
    programme.invite(settings, referral)
    assert send_all(programme.store, settings) == ["sent"]
    ((recipients, message),) = box.taken
    assert recipients == ["sam@mail.example"]
    assert {"Bcc", "X-Evil", "Reply-To"}.isdisjoint(message.keys())
    assert message["Subject"] == "Ada X-Evil: 1 thought of you: Nurse Reply-To: evil@evil.example at Harbour Works"
    text, html = parts(message)
    assert "<script" not in html
    assert 'href="https://evil.example"' not in html
    assert "\u202e" not in text + html
    assert "\U0001f469\u200d\U0001f52c" in text
    assert "{link} \U0001f469" in text, "what people typed is not filled in again"
    assert "> .\n> MAIL FROM:<x@y.example>" in text


def test_the_library_itself_refuses_a_header_of_two_lines() -> None:
    message = EmailMessage(policy=SMTP)
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        message["Subject"] = "Hi\r\nBcc: x@evil.example"


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


def test_answers_go_to_the_referrer_only_where_the_company_allows_it(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    with programme.store.writing() as session:
        company = session.get_one(Company, programme.company.id)
        company.settings = {REPLIES: True}
        session.add(company)
    programme.invite(settings)
    send_all(programme.store, settings)
    assert box.taken[0][1]["Reply-To"] == "ada@harbour.example"


def test_inviting_again_by_mistake_makes_no_second_message(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    referral = programme.referral()
    first, second = programme.invite(settings, referral), programme.invite(settings, referral)
    assert first.mail_id == second.mail_id
    send_all(programme.store, settings)
    programme.invite(settings, referral)
    assert send_all(programme.store, settings) == []
    assert len(box.taken) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"smtp_url": ""}, "no_server"), ({"public_url": ""}, "no_address_of_ours")],
)
def test_without_a_server_or_an_address_of_ours_nothing_waits_and_the_words_say_so(
    programme: Programme, change: dict[str, str], reason: str
) -> None:
    invited = programme.invite(mail_settings(9, **change))
    assert (invited.mail_id, invited.reason) == (None, reason)
    assert "Copy the link" in invited.words
    with programme.store.reading() as session:
        assert session.exec(select(Mail)).all() == []


def test_a_referral_that_is_over_invites_nobody(programme: Programme, settings: Settings) -> None:
    for field in ("withdrawn_at", "declined_at", "expires_at"):
        referral = programme.referral(f"{field}@mail.example", **{field: NOW})
        assert programme.invite(settings, referral).reason == "ended"
    with programme.store.writing() as session:
        posting = session.get_one(JobPosting, programme.posting.id)
        posting.status = "closed"
        session.add(posting)
    assert programme.invite(settings).reason == "closed"


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


def test_only_admins_of_the_company_decide(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    box.mood = "drop"
    invited = programme.invite(settings)
    send_all(programme.store, settings)
    manager = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    outsider = Viewer(new_id(), new_id(), "admin", "Otto", "otto@other.example")
    for decide in (confirm_arrived, send_again, take_back):
        with pytest.raises(NotAllowed):
            decide(programme.store, manager, invited.mail_id, now=NOW)
    # The audit log knows only companies that are there: an outsider's is, too.
    with programme.store.writing() as session:
        session.add(Company(id=outsider.company_id, number=2, name="Other"))
    for decide in (confirm_arrived, send_again, take_back):
        with pytest.raises(NotFound):
            decide(programme.store, outsider, invited.mail_id, now=NOW)
    assert programme.mail(invited).state == "unknown"


def test_an_invitation_can_be_repeated_but_not_without_end(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral, now = programme.referral(), NOW
    programme.invite(settings, referral)
    with pytest.raises(ValueError, match="on its way already"):
        invite_again(programme.store, admin, referral.id, now=now, settings=settings)
    send_all(programme.store, settings)
    with pytest.raises(ValueError, match="less than a day ago"):
        invite_again(programme.store, admin, referral.id, now=now, settings=settings)
    for _ in range(2):
        now += timedelta(days=1)
        assert invite_again(programme.store, admin, referral.id, now=now, settings=settings).mail_id
        assert send_all(programme.store, settings, now) == ["sent"]
    with pytest.raises(ValueError, match="3 times already"):
        invite_again(programme.store, admin, referral.id, now=now + timedelta(days=1), settings=settings)
    assert len(box.taken) == 3


def test_invitations_that_never_left_do_not_count_against_who_is_invited(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral = programme.referral()
    box.mood = "spam"
    programme.invite(settings, referral)
    for _ in range(9):
        assert send_all(programme.store, settings) == ["refused"]
        assert invite_again(programme.store, admin, referral.id, now=NOW, settings=settings).mail_id
    assert send_all(programme.store, settings) == ["refused"]
    with pytest.raises(ValueError, match="failed too often"):
        invite_again(programme.store, admin, referral.id, now=NOW, settings=settings)
    assert box.taken == []


def test_what_is_unknown_is_decided_before_anybody_is_invited_again(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral = programme.referral()
    box.mood = "drop"
    programme.invite(settings, referral)
    send_all(programme.store, settings)
    with pytest.raises(ValueError, match="Nobody knows yet"):
        invite_again(programme.store, admin, referral.id, now=NOW + timedelta(days=2), settings=settings)


def test_colleagues_cannot_repeat_an_invitation_of_somebody_else(
    programme: Programme, settings: Settings, admin: Viewer
) -> None:
    referral = programme.referral()
    colleague = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    with pytest.raises(NotFound):
        invite_again(programme.store, colleague, referral.id, now=NOW, settings=settings)
    referrer = Viewer(programme.referrer.id, admin.company_id, "hiring_manager", "Ada", "ada@harbour.example")
    assert invite_again(programme.store, referrer, referral.id, now=NOW, settings=settings).mail_id


def test_a_message_taken_back_is_not_sent(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    invited = programme.invite(settings)
    take_back(programme.store, admin, invited.mail_id, now=NOW)
    assert send_all(programme.store, settings) == []
    with pytest.raises(ValueError, match="too late"):
        take_back(programme.store, admin, invited.mail_id, now=NOW)
    send_again(programme.store, admin, invited.mail_id, now=NOW)
    assert send_all(programme.store, settings) == ["sent"]


def test_a_companys_own_words_are_used(programme: Programme, settings: Settings, box: Postbox, admin: Viewer) -> None:
    own = Template("{candidate}, join {company}", "Hi {candidate}!\n\n<b>{posting}</b>\n{location}\n\n{link}\n")
    assert save_template(programme.store, admin, own, now=NOW) == {}
    programme.invite(settings)
    send_all(programme.store, settings)
    message = box.taken[0][1]
    text, html = parts(message)
    assert message["Subject"] == "Sam Lind, join Harbour Works"
    assert text.startswith("Hi Sam Lind!\n\n<b>Staff nurse</b>\nUtrecht\n\nhttps://hiring.example/r/")
    assert "&lt;b&gt;<bdi>Staff nurse</bdi>&lt;/b&gt;" in html
    assert "No more messages" in text


@pytest.mark.parametrize(
    ("subject", "body", "field", "words"),
    [
        ("Hello {name}", "{link}", "subject", "There is no {name}"),
        ("Hello {link}", "{link}", "subject", "{link} cannot stand here"),
        ("Hello", "{link} {salary}", "body", "There is no {salary}"),
        ("Hello", "Come!", "body", "needs {link}"),
        ("", "{link}", "subject", "Write something"),
        ("x" * 151, "{link}", "subject", "At most 150"),
        ("Hello", "{link}" + "x" * 5000, "body", "At most 5,000"),
    ],
)
def test_words_that_cannot_be_used_are_refused_with_the_reason(
    programme: Programme, admin: Viewer, subject: str, body: str, field: str, words: str
) -> None:
    problems = save_template(programme.store, admin, Template(subject, body), now=NOW)
    assert list(problems) == [field]
    assert words in problems[field]


def test_only_admins_write_the_companys_words(programme: Programme, admin: Viewer) -> None:
    manager = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    with pytest.raises(NotAllowed):
        save_template(programme.store, manager, Template("Hi", "{link}"), now=NOW)


def test_nobodys_name_stands_open_in_the_outbox(programme: Programme, settings: Settings) -> None:
    own = Template("{candidate}, {referrer} thinks of you", "{candidate}\n\n{link}")
    who = programme.referrer
    admin = Viewer(who.id, who.company_id, "admin", who.name, who.email)
    save_template(programme.store, admin, own, now=NOW)
    programme.invite(settings, programme.referral(name="Zoe Lindqvist", note="a word to her"))
    with programme.store.reading() as session:
        written = session.exec(select(Mail)).one().model_dump_json()
    for secret in ("Zoe", "Lindqvist", "sam@mail.example", "a word to her"):
        assert secret not in written
