"""Whom the company's people have recommended through the referral desk, as the model has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.company import FIRST_NAMES, LAST_NAMES, ZONE
from sandbox.visits import at

if TYPE_CHECKING:
    from sandbox.model import Company

#: How far back the desk goes, and one in how many who applied by a recommendation is in it; of who was hired, all are.
REACH = timedelta(days=150)
ONE_IN = 3
#: People who were recommended and have not applied yet.
PENDING = 6
Add = Callable[[tuple[str, str], date, "str | None", int], None]


@dataclass(frozen=True)
class Recommendation:
    """Who was recommended for what, when, and by which of the demo's two people (0 or 1)."""

    name: str
    email: str
    requisition: str
    sent_at: datetime
    by: int

    def view(self) -> dict[str, Any]:
        """As JSON."""
        return {**vars(self), "sent_at": self.sent_at.isoformat()}


def recommendations(company: Company) -> list[Recommendation]:
    """All of them, the oldest first; the same on every day. Their postings were open when the story was first told."""
    rng = random.Random(f"{company.seed}:recommended")
    anchor = company.season.anchor
    now = at(anchor, 0, 0, 0)
    is_open = {posting.requisition: posting.is_open(anchor) for posting in company.postings}
    applied = [one for one in company.arrived("referrals") if now - REACH < one.applied_at < now]
    found = []
    for number, one in enumerate(applied):
        days, by = rng.randint(1, 9), rng.randrange(2)
        is_hired = one.stages.get("hired", now) < now
        if (number % ONE_IN == 0 or is_hired) and is_open[one.requisition]:
            sent_at = one.applied_at - timedelta(days=days)
            found.append(Recommendation(one.name, one.email, one.requisition, sent_at, by))
    postings = sorted(requisition for requisition, known in is_open.items() if known)
    for number in range(PENDING):
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        sent_at = at(anchor - timedelta(days=rng.randint(2, 20)), rng.randrange(9, 18), rng.randrange(60), 0)
        email = f"friend.{number}@example.com"
        found.append(Recommendation(name, email, rng.choice(postings), sent_at, rng.randrange(2)))
    return sorted(found, key=lambda one: one.sent_at)


def count_recommended(company: Company, covers: Callable[[date], bool], add: Add) -> None:
    """Add the recommendations of the days asked for, by the company's days."""
    for one in recommendations(company):
        day = one.sent_at.astimezone(ZONE).date()
        if covers(day):
            add(("referrals", "referrals_sent"), day, one.requisition, 1)
