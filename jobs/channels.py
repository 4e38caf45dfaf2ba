"""The three ways a message goes out: e-mail by SMTP, a JSON webhook, and Sentry."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from enum import Enum
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
import sentry_sdk

import logs
from settings import Settings
from store.writes.mail import Due

TIMEOUT_SECONDS = 30.0
Begin = Callable[[], bool]


class Delivery(Enum):
    """What came of a try. RETRY: certainly not delivered; UNKNOWN: perhaps."""

    DONE = "done"
    RETRY = "retry"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one try, with the other side's words."""

    delivery: Delivery
    detail: str = ""


def deliver(settings: Settings, due: Due, begin: Begin) -> Sent:
    """Send `due` by its channel. `begin` is called when the next step may deliver it; False: somebody else sends it."""
    if due.channel == "email":
        return send_mail(settings, due, begin)
    if due.channel == "webhook":
        return send_webhook(due, begin)
    return send_to_sentry(settings, due, begin)


def send_mail(settings: Settings, due: Due, begin: Begin) -> Sent:
    """By SMTP_URL: smtps:// is TLS from the start, smtp:// turns to TLS where the server offers it."""
    if not settings.smtp_url:
        return Sent(Delivery.RETRY, "SMTP_URL is not set")
    place, message = urlsplit(settings.smtp_url), compose(settings, due)
    try:
        server = _connected(place)
    except smtplib.SMTPResponseException as error:
        return _answered(error)
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.RETRY, type(error).__name__)
    try:
        return _send(server, message, due.recipient, begin)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.quit()


def compose(settings: Settings, due: Due) -> EmailMessage:
    """The message as it goes out. Header values are single lines whatever they were made from."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(settings.mail_from or f"Sourceboard <noreply@{_domain(settings)}>")
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = Address(addr_spec=_one_line(due.recipient))
    message["Subject"] = _one_line(due.subject)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(str(due.id), domain=_domain(settings))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(str(due.body.get("text", "")))
    if due.body.get("html"):
        message.add_alternative(str(due.body["html"]), subtype="html")
    return message


def send_webhook(due: Due, begin: Begin) -> Sent:
    """A JSON document by POST: `text` for chat services, the facts beside it."""
    if not begin():
        return Sent(Delivery.UNKNOWN, "somebody else holds it")
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            answer = client.post(
                due.recipient,
                json={"text": f"{due.subject}\n{due.body.get('text', '')}", **_facts(due)},
                headers={"idempotency-key": str(due.id), "user-agent": "sourceboard"},
            )
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Sent(Delivery.RETRY, type(error).__name__)
    except httpx.HTTPError as error:
        return Sent(Delivery.UNKNOWN, type(error).__name__)
    if answer.is_success:
        return Sent(Delivery.DONE)
    passes = answer.status_code >= 500 or answer.status_code in {408, 425, 429}
    return Sent(Delivery.RETRY if passes else Delivery.REFUSED, f"status {answer.status_code}")


def send_to_sentry(settings: Settings, due: Due, begin: Begin) -> Sent:
    """One event, with secrets and addresses redacted. Sentry itself drops a repeat with the same event id."""
    if not settings.sentry_dsn:
        return Sent(Delivery.RETRY, "SENTRY_DSN is not set")
    if not begin():
        return Sent(Delivery.UNKNOWN, "somebody else holds it")
    client = sentry_sdk.Client(dsn=settings.sentry_dsn, default_integrations=False)
    level = "info" if _facts(due).get("event") == "alert.recovered" else "error"
    facts: dict[str, object] = {name: logs.redact(str(value)) for name, value in _facts(due).items()}
    event_id = client.capture_event(
        {
            "event_id": due.id.hex,
            "level": level,  # type: ignore[typeddict-item]
            "message": logs.redact(due.subject),
            "fingerprint": ["sourceboard", str(facts.get("connection", "")), str(facts.get("cause", ""))],
            "extra": facts,
        }
    )
    client.close(timeout=TIMEOUT_SECONDS)
    return Sent(Delivery.DONE) if event_id else Sent(Delivery.RETRY, "not taken")


def _connected(place: SplitResult) -> smtplib.SMTP:
    """A server ready for a message: greeted, encrypted where that is possible, signed in where asked."""
    host, context = place.hostname or "localhost", ssl.create_default_context()
    if place.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, place.port or 465, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, place.port or 587, timeout=TIMEOUT_SECONDS)
    try:
        server.ehlo_or_helo_if_needed()
        if place.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if place.username:
            server.login(unquote(place.username), unquote(place.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _send(server: smtplib.SMTP, message: EmailMessage, recipient: str, begin: Begin) -> Sent:
    """MAIL and RCPT can be repeated; from DATA on the server may have taken the message."""
    sender = message["From"].addresses[0].addr_spec
    for say, what in ((server.mail, sender), (server.rcpt, recipient)):
        try:
            code, words = say(what)
        except (OSError, smtplib.SMTPException) as error:
            return Sent(Delivery.RETRY, type(error).__name__)
        if code >= 400:
            return _answered(smtplib.SMTPResponseException(code, words))
    if not begin():
        return Sent(Delivery.UNKNOWN, "somebody else holds it")
    try:
        code, words = server.data(message.as_bytes())
    except smtplib.SMTPDataError as error:
        return _answered(error)
    except (OSError, smtplib.SMTPException) as error:
        return Sent(Delivery.UNKNOWN, type(error).__name__)
    return Sent(Delivery.DONE) if code < 400 else _answered(smtplib.SMTPResponseException(code, words))


def _answered(error: smtplib.SMTPResponseException) -> Sent:
    """4xx passes by itself (greylisting, full queues), 5xx does not."""
    words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
    delivery = Delivery.RETRY if 400 <= error.smtp_code < 500 else Delivery.REFUSED
    return Sent(delivery, logs.redact(f"{error.smtp_code} {_one_line(words)}"))


def _facts(due: Due) -> dict[str, object]:
    facts = due.body.get("facts")
    return facts if isinstance(facts, dict) else {}


def _domain(settings: Settings) -> str:
    return urlsplit(settings.public_url).hostname or "localhost"


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:300]
