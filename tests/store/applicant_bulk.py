"""A company with as many applications as asked for, written by plain SQL: for tests of how lists are found.

Days rise, one application in ten belongs to a referral, and the rare pairs of platform and stage are really rare.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlmodel import Session

from domain.platforms import BY_KEY
from store.engine import is_sqlite
from store.opening import Store
from store.tables import Company, JobPosting

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 600
POSTINGS = 40
#: Of a thousand applications: how many came by which platform, and how many stand where.
_PLATFORMS = (("indeed", 500), ("linkedin", 300), ("company_website", 149), ("referrals", 50), ("monster", 1))
_STAGES = (("rejected", 600), ("applied", 300), ("interviewed", 70), ("hired", 29), ("withdrawn", 1))


@dataclass(frozen=True, slots=True)
class Bulk:
    """The company, its postings, and one application's id, reference and digest of the address."""

    company: Company
    postings: list[uuid.UUID]
    one: uuid.UUID
    ref: str
    email_index: str


def fill(store: Store, number: int, *, referrals: int, days: int = DAYS) -> Bulk:
    """Write `number` applications over so many days (0: at one instant), and referrals that led to some of them."""
    company = Company(number=1, name="Bulk", time_zone="Europe/Berlin", currency="EUR")
    with store.writing() as session:
        session.add(company)
        session.flush()
        postings = [JobPosting(company_id=company.id, number=at, title=f"Role {at}") for at in range(POSTINGS)]
        session.add_all(postings)
        session.flush()
        _applications(session, company, [posting.id for posting in postings], (number, days))
        _referrals(session, company, number, referrals)
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE applications")
            connection.exec_driver_sql("VACUUM ANALYZE referrals")
    middle = number // 2
    return Bulk(company, [posting.id for posting in postings], _id(middle), f"a{middle}", f"e{middle}")


def _id(number: int) -> uuid.UUID:
    return uuid.UUID(int=0x01936F8E7A4B7C1D8E2F000000000000 + number)


def _applications(session: Session, company: Company, postings: list[uuid.UUID], size: tuple[int, int]) -> None:
    number, days = size
    at = _instant(session, f"n * 86400.0 * {days} / {number}")
    chosen = "CASE " + " ".join(
        f"WHEN n % {POSTINGS} = {place} THEN {_spelled(session, one)}" for place, one in enumerate(postings)
    )
    reached = {
        "interviewed_at": f"CASE WHEN {_pick(_STAGES)} IN ('interviewed', 'hired') THEN {at} END",
        "hired_at": f"CASE WHEN {_pick(_STAGES)} = 'hired' THEN {at} END",
    }
    blank = ("posting_ref", "posting_title", "candidate_name", "candidate_email", "person_index", "source")
    columns = {
        "id": _numbered(session, "n"),
        "company_id": _spelled(session, company.id),
        "external_ref": "'a' || n",
        "email_index": "'e' || n",
        # As a file of so many leaves them.
        "email_part": "n / 25000",
        "posting_id": f"{chosen} END",
        "source_platform": _pick(_PLATFORMS, "(n * 7919)"),
        "told_by": "'file'",
        "stage": _pick(_STAGES),
        "applied_at": at,
        "created_at": at,
        "updated_at": at,
        **reached,
        **dict.fromkeys(blank, "''"),
    }
    session.connection().execute(
        text(
            f"INSERT INTO applications ({', '.join(columns)}) WITH RECURSIVE numbers(n) AS "
            f"(SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < {number - 1}) "
            f"SELECT {', '.join(columns.values())} FROM numbers"
        )
    )


def _referrals(session: Session, company: Company, number: int, referrals: int) -> None:
    at = _instant(session, "n")
    blank = ("referrer_name", "candidate_name", "candidate_email", "email_index", "reward_currency")
    columns = {
        "id": _numbered(session, "n"),
        "company_id": _spelled(session, company.id),
        "application_id": _numbered(session, f"n * {number // max(1, referrals)}"),
        "code": "'code' || n",
        "status": "'applied'",
        "sent_at": at,
        "reward_status": "'none'",
        "reward_minor": "0",
        **dict.fromkeys(blank, "''"),
    }
    session.connection().execute(
        text(
            f"INSERT INTO referrals ({', '.join(columns)}) WITH RECURSIVE numbers(n) AS "
            f"(SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < {referrals - 1}) "
            f"SELECT {', '.join(columns.values())} FROM numbers"
        )
    )


def _pick(shares: tuple[tuple[str, int], ...], number: str = "(n * 104729)") -> str:
    """SQL that spreads numbers over words by their shares of a thousand, evenly but in no simple order."""
    bound, parts = 0, []
    for word, share in shares:
        bound += share
        parts.append(f"WHEN ({number} + n / 1000 * 13) % 1000 < {bound} THEN '{word}'")
    assert bound == 1000
    assert all(word in BY_KEY for word, _ in _PLATFORMS)
    return f"CASE {' '.join(parts)} END"


def _instant(session: Session, seconds: str) -> str:
    if is_sqlite(session):
        return f"strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', {START.timestamp():.0f} + {seconds}, 'unixepoch')"
    return f"to_timestamp({START.timestamp():.0f} + {seconds})"


def _numbered(session: Session, number: str) -> str:
    """An id made of a number, as the database spells ids."""
    if is_sqlite(session):
        return f"'01936f8e7a4b7c1d8e2f' || printf('%012x', {number})"
    return f"('01936f8e-7a4b-7c1d-8e2f-' || lpad(to_hex({number}), 12, '0'))::uuid"


def _spelled(session: Session, one: uuid.UUID) -> str:
    return f"'{one.hex}'" if is_sqlite(session) else f"'{one}'::uuid"
