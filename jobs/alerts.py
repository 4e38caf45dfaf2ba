"""Tells admins once of each trouble, and once that it is over: by e-mail, by webhook, to Sentry."""

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from connectors.errors import CAUSES
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.tables import Alert, Company, PlatformConfig, User
from store.writes.mail import Message, post

#: Alerts a transaction.
_SLICE = 20


def tell_alerts(store: Store, settings: Settings, now: datetime) -> int:
    """Write messages for critical alerts that nobody was told of, and for those that are over; returns how many alerts.

    The messages and the mark that they were written are one transaction, so that nobody is told twice.
    """
    told = 0
    while True:
        with store.writing(Urgency.AGGREGATE) as session:
            untold = _list_untold(session)
            for alert in untold:
                _tell(session, store, settings, alert, now)
        told += len(untold)
        if len(untold) < _SLICE:
            return told


def _list_untold(session: Session) -> list[Alert]:
    is_over = col(Alert.recovered_at).is_not(None) & col(Alert.recovery_told_at).is_(None)
    return list(
        session.exec(
            select(Alert)
            .where(Alert.severity == "critical", or_(col(Alert.told_at).is_(None), is_over))
            .order_by(col(Alert.opened_at))
            .limit(_SLICE)
        )
    )


def _tell(session: Session, store: Store, settings: Settings, alert: Alert, now: datetime) -> None:
    """What came and went before anybody could be told needs no message."""
    is_over, was_told = alert.recovered_at is not None, alert.told_at is not None
    if was_told or not is_over:
        for message in _messages(session, settings, alert, is_over=is_over):
            post(session, store.vault, message, now=now)
    alert.told_at = alert.told_at or now
    if is_over:
        alert.recovery_told_at = now
    session.add(alert)


def _messages(session: Session, settings: Settings, alert: Alert, *, is_over: bool) -> list[Message]:
    company = session.get_one(Company, alert.company_id)
    config = session.get(PlatformConfig, alert.config_id) if alert.config_id else None
    name = (config.name or config.platform) if config else "A connection"
    cause = CAUSES.get(alert.cause_code)
    key = f"alert:{alert.id}:{'over' if is_over else 'open'}"
    if is_over:
        subject, lines = f"{name} works again", [f"{name} of {company.name} is read again. No number was lost."]
    else:
        subject = f"{name} needs you: {cause.words if cause else alert.cause_code}"
        lines = [
            f"{name} of {company.name} cannot be read. {cause.words if cause else ''}",
            cause.cure if cause else "",
        ]
        lines.append(f"The platform's own words: {alert.detail}" if alert.detail else "")
    if settings.public_url:
        lines.append(f"{settings.public_url.rstrip('/')}/Platforms")
    text = "\n\n".join(line for line in lines if line)
    facts: dict[str, object] = {
        "event": "alert.recovered" if is_over else "alert.opened",
        "alert": str(alert.id),
        "company": company.name,
        "connection": name,
        "platform": config.platform if config else "",
        "cause": alert.cause_code,
        "errors": alert.errors,
        "since": alert.opened_at.isoformat(),
    }
    recipients = [("email", user.email) for user in _admins(session, alert)] if settings.smtp_url else []
    recipients += [("webhook", settings.alert_webhook_url)] if settings.alert_webhook_url else []
    recipients += [("sentry", "sentry")] if settings.sentry_dsn else []
    body = {"text": f"{subject}\n\n{text}" if is_over else text, "facts": facts}
    return [
        Message(alert.company_id, "alert", channel, f"{key}:{channel}:{to}", to, subject, body, alert.id)
        for channel, to in recipients
    ]


def _admins(session: Session, alert: Alert) -> list[User]:
    who = (User.company_id == alert.company_id, User.role == "admin", col(User.is_active))
    return list(session.exec(select(User).where(*who).order_by(col(User.email))))
