"""The three ways a message goes out: e-mail by SMTP, a JSON webhook, and Sentry."""

import httpx
import sentry_sdk

import logs
from jobs.deliveries import Begin, Delivery, Sent
from jobs.smtp import send_mail
from settings import Settings
from store.writes.mail import Due

TIMEOUT_SECONDS = 30.0


def deliver(settings: Settings, due: Due, begin: Begin) -> Sent:
    """Send `due` by its channel. `begin` is called when the next step may deliver it; False: somebody else sends it."""
    if due.channel == "email":
        return send_mail(settings, due, begin)
    if due.channel == "webhook":
        return send_webhook(due, begin)
    return send_to_sentry(settings, due, begin)


def send_webhook(due: Due, begin: Begin) -> Sent:
    """A JSON document by POST: `text` for chat services, the facts beside it."""
    if not begin():
        return Sent(Delivery.LEFT)
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
        return Sent(Delivery.LEFT)
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


def _facts(due: Due) -> dict[str, object]:
    facts = due.body.get("facts")
    return facts if isinstance(facts, dict) else {}
