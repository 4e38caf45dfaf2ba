"""A worker process that sends what is due and nothing else; for tests/jobs/mail/test_processes.py."""

from datetime import datetime
from typing import Any

from jobs.mail import send_next
from store.opening import attach_store
from tests.jobs.invited import mail_settings


def work(told: dict[str, Any], report: Any) -> None:
    """Send until nothing is due, then report how many messages were sent."""
    settings = mail_settings(told["port"], told["url"], **told.get("more", {}))
    store = attach_store(settings)
    now, sent = datetime.fromisoformat(told["now"]), 0
    while (state := send_next(store, settings, now=lambda: now)) is not None:
        sent += state == "sent"
    report.put(sent)
