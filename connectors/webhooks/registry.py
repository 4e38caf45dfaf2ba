"""All receivers by their platform. A new one is one module of its own and one line here."""

from connectors.webhooks.contract import Receiver
from connectors.webhooks.facebook import FacebookReceiver
from connectors.webhooks.indeed import IndeedReceiver
from connectors.webhooks.linkedin import LinkedInReceiver
from connectors.webhooks.monster import MonsterReceiver
from connectors.webhooks.standard import StandardReceiver
from connectors.webhooks.x import XReceiver
from connectors.webhooks.ziprecruiter import ZipRecruiterReceiver

RECEIVERS: dict[str, Receiver] = {
    receiver.platform: receiver
    for receiver in (
        IndeedReceiver(),
        ZipRecruiterReceiver(),
        MonsterReceiver(),
        FacebookReceiver(),
        XReceiver(),
        LinkedInReceiver(),
        StandardReceiver(),
    )
}


def find_receiver(platform: str) -> Receiver | None:
    """How a platform's deliveries are read. None where none come: a career site, referrals."""
    return RECEIVERS.get(platform)


def most_bytes(path: str) -> int | None:
    """The cap on a body sent to a webhook's path below /api, None for any other path."""
    parts = path.split("/")
    receiver = RECEIVERS.get(parts[3]) if parts[1:3] == ["api", "webhooks"] and len(parts) > 3 else None
    return receiver.max_bytes if receiver else None
