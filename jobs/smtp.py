"""E-mail by SMTP (RFC 5321), one message a connection: what the server answers decides what becomes of it."""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import logs
from domain.letters import clean_line
from domain.masking import mask_email
from jobs.deliveries import Begin, Delivery, Sent
from settings import Settings
from store.writes.mail import Due

#: For each answer but the one to the message, and for one message in all: well under the time a message is held for.
TIMEOUT_SECONDS = 30.0
TOTAL_SECONDS = 90.0
_LONGEST_SUBJECT = 300
#: The mailbox or its host does not exist, or takes no mail (RFC 3463, RFC 7504): nothing will ever arrive there.
_NO_SUCH_ADDRESS = re.compile(r"\b5\.1\.(?:1|2|3|6|10)\b")
_MAILBOXES = re.compile(r"[^\s<>@:;,]+@[^\s<>@:;,]+")
_SILENT = "The mail server did not answer in time."
_TOO_LONG = "The mail server took too long."
#: What the library raises for text that is no address.
_NO_ADDRESS = (ValueError, IndexError, MessageError)
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class _Address(UnstructuredHeader, BaseHeader):
    """A web address in a header: never broken or encoded, however long. Mail programs take it as it stands."""

    def fold(self, *, policy: "Policy[Any]") -> str:
        """The header's one line."""
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> "EmailPolicy[Any]":
    headers = HeaderRegistry()
    headers.map_to_type("list-unsubscribe", _Address)
    return SMTP.clone(header_factory=headers)


_POLICY = _policy()


class _NoTls(smtplib.SMTPException):
    """The server offers no TLS, and nothing may be said in the clear."""


def send_mail(settings: Settings, due: Due, begin: Begin) -> Sent:
    """By SMTP_URL: smtps:// is TLS from the start, smtp:// turns to TLS as SMTP_TLS asks for it.

    What the server says before it has heard of the recipient is about the server, and passes; what it says of the
    recipient or of the message is about this message. From the end of the message on it may have arrived.
    """
    if not settings.smtp_url:
        return Sent(Delivery.RETRY, "SMTP_URL is not set")
    place = urlsplit(settings.smtp_url)
    try:
        sender_of(settings)
    except _NO_ADDRESS:
        return Sent(Delivery.RETRY, "MAIL_FROM is no address to send from.")
    try:
        message = compose(settings, due)
    except _NO_ADDRESS as error:
        return Sent(Delivery.REFUSED, f"This cannot be written as an e-mail: {type(error).__name__}")
    deadline = _Deadline(TOTAL_SECONDS)
    try:
        sent = _say(settings, place, deadline, message, begin)
    finally:
        deadline.stop()
    return replace(sent, detail=_TOO_LONG) if deadline.is_over and sent.delivery is not Delivery.DONE else sent


def compose(settings: Settings, due: Due) -> EmailMessage:
    """The message as it goes out: text, and the same as HTML where there is any.

    Its id is that of its row, so that whoever gets it twice can see that it is one message. Header values are single
    lines whatever they were made from, and the library refuses any other. Raises ValueError.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender_of(settings)
    message["To"] = Address(addr_spec=due.recipient)
    message["Subject"] = clean_line(str(due.body.get("subject", "")) or due.subject, _LONGEST_SUBJECT)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{due.id.hex}@{_domain(settings)}>"
    message["Auto-Submitted"] = "auto-generated"
    if due.body.get("reply_to"):
        with suppress(*_NO_ADDRESS):
            # Somebody of ours whose address cannot be written: the answer goes to the sender.
            message["Reply-To"] = Address(addr_spec=str(due.body["reply_to"]))
    if due.body.get("unsubscribe"):
        # RFC 8058: mail programs offer it as a button of their own, and press it by POST.
        message["List-Unsubscribe"] = f"<{due.body['unsubscribe']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Seven bits: some servers on the way take no more.
    message.set_content(str(due.body.get("text", "")), cte="quoted-printable")
    if due.body.get("html"):
        message.add_alternative(str(due.body["html"]), subtype="html", cte="quoted-printable")
    return message


def sender_of(settings: Settings) -> Address:
    """Who mails come from. Raises one of several errors where MAIL_FROM is no address."""
    name, address = parseaddr(settings.mail_from or f"Sourceboard <noreply@{_domain(settings)}>")
    return Address(display_name=name, addr_spec=address)


class _Deadline:
    """Hangs up when a message takes too long in all: a server that says a letter at a time keeps no worker."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: socket.socket | None) -> None:
        """This connection is the one, from now on."""
        with self._lock:
            self._connection = connection
            is_over = self.is_over
        if is_over:
            self._hang_up()

    def stop(self) -> None:
        """It is done in time."""
        self._timer.cancel()

    def _hang_up(self) -> None:
        with self._lock:
            self.is_over = True
            connection = self._connection
        if connection is not None:
            with suppress(OSError):
                # Not the TLS object's own, which changes it under the hands of who reads from it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Watched(smtplib.SMTP):
    """A server whose every answer, the greeting first of all, is waited for under the deadline."""

    def __init__(self, deadline: _Deadline, host: str, port: int, **named: Any) -> None:
        self._deadline = deadline
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, **named)

    def getreply(self) -> tuple[int, bytes]:
        """The next answer."""
        self._deadline.watch(self.sock)
        return super().getreply()


class _WatchedTls(_Watched, smtplib.SMTP_SSL):
    """The same with TLS from the start."""


def _connected(settings: Settings, place: SplitResult, deadline: _Deadline) -> smtplib.SMTP:
    """A server ready for a message: greeted, encrypted as asked for, signed in where there is a user."""
    host, context = place.hostname or "localhost", ssl.create_default_context()
    own = _domain(settings)
    named = {"local_hostname": own if "." in own else None}
    if place.scheme == "smtps":
        return _signed_in(_WatchedTls(deadline, host, place.port or 465, context=context, **named), place)
    server = _Watched(deadline, host, place.port or 587, **named)
    with _closed_on_errors(server):
        server.ehlo_or_helo_if_needed()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif not _may_be_plain(settings, place):
            raise _NoTls
    return _signed_in(server, place)


def _signed_in(server: smtplib.SMTP, place: SplitResult) -> smtplib.SMTP:
    with _closed_on_errors(server):
        server.ehlo_or_helo_if_needed()
        if place.username:
            server.login(unquote(place.username), unquote(place.password or ""))
    return server


@contextmanager
def _closed_on_errors(server: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
    except BaseException:
        server.close()
        raise


def _may_be_plain(settings: Settings, place: SplitResult) -> bool:
    """Whether people's data may go in the clear: to this machine, or where SMTP_TLS says so; a password never may."""
    is_near = (place.hostname or "localhost") in _THIS_MACHINE
    if settings.smtp_tls == "required":
        return False
    return is_near or (settings.smtp_tls == "offered" and not place.username)


def _say(settings: Settings, place: SplitResult, deadline: _Deadline, message: EmailMessage, begin: Begin) -> Sent:
    try:
        server = _connected(settings, place, deadline)
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.RETRY, _words_of(error))
    try:
        sent = _send(server, message, begin)
        if sent.delivery is not Delivery.LEFT:
            _leave(server)
        return sent
    finally:
        # Without a word where the server waits for the message: whatever is said there would be part of one.
        server.close()


def _send(server: smtplib.SMTP, message: EmailMessage, begin: Begin) -> Sent:
    recipient = message["To"].addresses[0].addr_spec
    sender = message["From"].addresses[0].addr_spec
    try:
        code, words = server.mail(sender)
        if code // 100 != 2:
            return Sent(Delivery.RETRY, _said(code, words))
        code, words = server.rcpt(recipient)
        if code // 100 != 2:
            return _refused(code, words, is_address=True)
        server.putcmd("data")
        code, words = server.getreply()
        if code != 354:
            return _refused(code, words)
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.RETRY, _words_of(error))
    if not begin():
        return Sent(Delivery.LEFT)
    try:
        if server.sock is not None:
            # Whoever looks through messages before taking them needs longer, and hanging up on them costs a decision.
            server.sock.settimeout(TOTAL_SECONDS)
        server.send(_ended(message.as_bytes()))
        code, words = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.UNKNOWN, _words_of(error))
    if code // 100 in {4, 5}:
        return _refused(code, words)
    return Sent(Delivery.DONE if code // 100 == 2 else Delivery.UNKNOWN, _said(code, words))


def _ended(data: bytes) -> bytes:
    """A message with its end: lines that begin with a dot get another one (RFC 5321, 4.5.2)."""
    whole = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole) + b".\r\n"


def _refused(code: int, words: bytes, *, is_address: bool = False) -> Sent:
    """5xx is for good; 4xx passes by itself (greylisting, full queues), and so may what is no answer at all."""
    said = _said(code, words)
    if code // 100 != 5:
        return Sent(Delivery.RETRY, said)
    return Sent(Delivery.REFUSED, said, is_bounced=is_address and _NO_SUCH_ADDRESS.search(said) is not None)


def _said(code: int, words: bytes) -> str:
    """The server's words for the log: one line, without secrets and whole addresses."""
    told = f"{code} {clean_line(words.decode('utf-8', 'replace'), 400)}"
    return logs.redact(_MAILBOXES.sub(lambda found: mask_email(found[0]), told))


def _words_of(error: OSError | smtplib.SMTPException) -> str:
    """What went wrong with the connection, for the delivery log."""
    match error:
        case _NoTls():
            return "The mail server offers no encryption. Use smtps://, or set SMTP_TLS to offered."
        case smtplib.SMTPResponseException():
            told = error.smtp_error
            return _said(error.smtp_code, told if isinstance(told, bytes) else str(told).encode())
        case ssl.SSLCertVerificationError():
            return f"The mail server's certificate is not trusted: {clean_line(error.verify_message, 200)}"
        case TimeoutError():
            return _SILENT
        case smtplib.SMTPServerDisconnected():
            return _SILENT if isinstance(error.__context__, TimeoutError) else "The mail server hung up."
        case socket.gaierror():
            return "The mail server's name is not known."
        case ConnectionError():
            return "The mail server cannot be reached."
        case _:
            return type(error).__name__


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye where somebody is still there; nothing depends on it."""
    with suppress(OSError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(5)
            server.quit()


def _domain(settings: Settings) -> str:
    return urlsplit(settings.public_url).hostname or "localhost"
