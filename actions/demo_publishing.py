"""A few postings of the demo company, published on the boards that have no look-up and so may be told again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, select

from actions import publishing
from actions.viewer import Viewer
from settings import Settings
from store.opening import Store
from store.tables import JobPosting, PlatformConfig

MOST = 4
_BOARDS = ("indeed_job_sync", "monster")
_SITE = "https://careers.halden.example"
#: Where the demo company hires: city → region, postal code, country, currency.
_PLACES = {
    "Berlin": ("Berlin", "10115", "DE", "EUR"),
    "Hamburg": ("Hamburg", "20095", "DE", "EUR"),
    "Leipzig": ("Sachsen", "04109", "DE", "EUR"),
    "Zürich": ("Zürich", "8001", "CH", "CHF"),
}


def seed_publishing(store: Store, settings: Settings, admin: Viewer, told: Sequence[Mapping[str, Any]]) -> int:
    """Gives some open postings an advert and has them published; returns how many wishes went into the outbox."""
    with store.reading() as session:
        ours = {
            posting.requisition_ref: posting
            for posting in session.exec(
                select(JobPosting).where(
                    col(JobPosting.company_id) == admin.company_id, col(JobPosting.status) == "open"
                )
            )
        }
        boards = session.exec(
            select(PlatformConfig.id).where(
                col(PlatformConfig.company_id) == admin.company_id,
                col(PlatformConfig.connector).in_(_BOARDS),
                col(PlatformConfig.is_active),
                col(PlatformConfig.deleted_at).is_(None),
            )
        ).all()
    chosen = [posting for posting in told if posting["requisition"] in ours and posting["location"] in _PLACES][:MOST]
    asked = 0
    for posting in chosen:
        held = ours[posting["requisition"]]
        now = datetime.now(UTC)
        if not held.advert:
            publishing.save_advert(store, admin, held.id, _advert(posting), now=now)
        for board in boards:
            asked += bool(publishing.publish(store, settings, admin, held.id, board, now=now).state)
    return asked


def _advert(told: Mapping[str, Any]) -> dict[str, Any]:
    region, postal_code, country, currency = _PLACES[told["location"]]
    return {
        "description": (
            f"Halden Robotics is looking for you in {told['location']}: {told['title']}.\n\n"
            f"You work in {told['department']}, with people who build robots that grip what others drop."
        ),
        "city": told["location"],
        "region": region,
        "postal_code": postal_code,
        "country": country,
        "salary_min": 52_000,
        "salary_max": 78_000,
        "salary_currency": currency,
        "apply_url": f"{_SITE}{told['path']}",
    }
