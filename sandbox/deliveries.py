"""Delivering: the model's latest applications as a platform sends them, signed, to an address on this machine."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx

from sandbox.model import Company
from sandbox.senders import SENDERS, Applied

MOST = 10_000
_SECONDS = 30


class BadDeliveryError(ValueError):
    """An order to deliver that cannot be followed."""


@dataclass(frozen=True)
class Order:
    """What to deliver where: the sender's name, the address, the secret, how many, and how often each."""

    sender: str
    url: str
    secret: str
    limit: int = 20
    times: int = 1

    @classmethod
    def of(cls, told: dict[str, Any]) -> Order:
        """From a control request. Raises BadDeliveryError."""
        order = cls(
            str(told.get("sender")), str(told.get("url")), str(told.get("secret")),
            int(told.get("limit", 20)), int(told.get("times", 1)),
        )  # fmt: skip
        if order.sender not in SENDERS:
            raise BadDeliveryError(f"sender is one of {', '.join(SENDERS)}")
        if not is_here(order.url):
            raise BadDeliveryError("deliveries go to loopback only")
        if not 0 < order.limit * order.times <= MOST:
            raise BadDeliveryError(f"limit times times is 1 to {MOST}")
        return order


def deliver(company: Company, order: Order, now: datetime) -> dict[str, int]:
    """Send the company's latest applications, the oldest first; how many got which status."""
    platform, sender = SENDERS[order.sender]
    latest = sorted(
        (one for one in company.applications() if platform in (one.platform, "other") and one.applied_at <= now),
        key=lambda one: one.applied_at,
    )[-order.limit :]
    found: Counter[str] = Counter()
    with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
        for one in islice(latest, order.limit):
            title = company.by_requisition[one.requisition].title
            who = Applied(one.id, one.requisition, title, one.name, one.email, one.applied_at)
            for _ in range(order.times):
                sent = sender(order.secret, who, now)
                answer = client.post(order.url + sent.path, content=sent.body, headers=dict(sent.headers))
                found[str(answer.status_code)] += 1
    return dict(found)


def is_here(url: str) -> bool:
    """Whether an address is on this machine: the sandbox calls no other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
