"""What applications, referrals and paid rewards tell of one day of a company."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, literal, union_all
from sqlmodel import Session, col, select

from domain.facts import day_of
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY
from store.tables import Application, Referral, ReferralReward

STAGES = {"applications": "applied_at", "interviews": "interviewed_at", "offers": "offered_at", "hires": "hired_at"}
STAGE_METRICS = tuple(BY_NAME[name].number for name in STAGES)
REFERRALS_SENT = BY_NAME["referrals_sent"].number
SPEND = BY_NAME["spend"].number
#: What only referrals tell: known from the first of it until today.
OF_REFERRALS = (REFERRALS_SENT, SPEND)


@dataclass(frozen=True, slots=True)
class Projected:
    """The company whose applications are projected."""

    company_id: uuid.UUID
    company_no: int
    zone: ZoneInfo


class Told(NamedTuple):
    """So much of `metric` on a day, by platform number and posting; by a file, or by an event.

    `times` is how often it was told: for money, payments, of which `value` is the sum in minor units of `currency`.
    """

    day: int
    metric: int
    platform: int
    posting_id: uuid.UUID | None
    by_file: bool
    currency: str
    times: int
    value: int


def told_on(session: Session, whose: Projected, day: int) -> list[Told]:
    """Everything that counts on one day, each line once."""
    span = day_bounds(day, whose.zone)
    parts = [*_stages(whose, span), _sent(whose, span), _paid(whose, span)]
    rows = session.connection().execute(union_all(*parts))
    # A sum of big integers is a numeric on PostgreSQL.
    return [
        Told(day, row[0], BY_KEY.get(row[1], BY_KEY["other"]).number, row[2], bool(row[3]), row[4], row[5], int(row[6]))
        for row in rows
    ]


def _stages(whose: Projected, span: tuple[datetime, datetime]) -> list[Any]:
    has_referral = select(Referral.id).where(Referral.application_id == Application.id).exists()
    by_event = (col(Application.told_by) != "file") | (
        and_(col(Application.source_platform) == "referrals", has_referral)
    )
    parts: list[Any] = []
    for name, column in STAGES.items():
        at = getattr(Application, column)
        by_file = case((by_event, 0), else_=1).label("by_file")
        parts.append(
            select(  # type: ignore[call-overload]
                literal(BY_NAME[name].number).label("metric"),
                Application.source_platform,
                Application.posting_id,
                by_file,
                literal(""),
                func.count(),
                func.count(),
            )
            .where(Application.company_id == whose.company_id, at >= span[0], at < span[1])
            .group_by(Application.source_platform, Application.posting_id, by_file)
        )
    return parts


def _sent(whose: Projected, span: tuple[datetime, datetime]) -> Any:
    """Referrals sent; of two that were merged, the one that was kept."""
    return (
        select(  # type: ignore[call-overload]
            literal(REFERRALS_SENT),
            literal("referrals"),
            Referral.posting_id,
            literal(0),
            literal(""),
            func.count(),
            func.count(),
        )
        .where(
            Referral.company_id == whose.company_id,
            Referral.sent_at >= span[0],
            Referral.sent_at < span[1],
            col(Referral.merged_into).is_(None),
        )
        .group_by(Referral.posting_id)
    )


def _paid(whose: Projected, span: tuple[datetime, datetime]) -> Any:
    """Rewards paid, by the posting of their referral and by currency."""
    reward = ReferralReward
    return (
        select(  # type: ignore[call-overload]
            literal(SPEND),
            literal("referrals"),
            Referral.posting_id,
            literal(0),
            reward.currency,
            func.count(),
            func.sum(reward.amount_minor),
        )
        .join(Referral, col(Referral.id) == col(reward.referral_id))
        .where(reward.company_id == whose.company_id, col(reward.paid_at) >= span[0], col(reward.paid_at) < span[1])
        .group_by(Referral.posting_id, col(reward.currency))
    )


def day_bounds(day: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which a day of the zone begins and ends: 23 to 25 hours apart.

    >>> from datetime import date
    >>> from domain.facts import day_number
    >>> begin, end = day_bounds(day_number(date(2026, 3, 29)), ZoneInfo("Europe/Berlin"))
    >>> begin.isoformat(), (end - begin).total_seconds() / 3600
    ('2026-03-28T23:00:00+00:00', 23.0)
    """
    first = day_of(day)
    begin, end = (datetime.combine(one, time.min, zone).astimezone(UTC) for one in (first, first + timedelta(days=1)))
    return begin, end
