"""A company with many referrals and applications, by plain inserts: what lists and statistics are timed on.

    made = seed_referrals(store, company, referrals=100_000, applications=1_000_000)

Spread over three years up to NOW; the same numbers always make the same company.
"""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from store.engine import is_sqlite
from store.opening import Store
from store.tables import Application, Company, JobPosting, Referral, ReferralReward, RewardRule, User
from store.tables.columns import new_id
from store.writes.referrals_settled import new_code

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
DEPARTMENTS = ("Sales", "Engineering", "Care", "Logistics", "Finance")
_AT_ONCE = 5_000
_FATES = ("pending",) * 11 + ("applied",) * 3 + ("rejected",) * 3 + ("interviewed",) * 2 + ("hired",)
_REACHED = {"pending": "", "applied": "applied", "rejected": "applied", "interviewed": "interviewed", "hired": "hired"}


@dataclass(frozen=True, slots=True)
class Seeded:
    """Whom and what the company has, in the order of making; `codes` and `emails` are the referrals'."""

    company_id: uuid.UUID
    users: list[uuid.UUID]
    postings: list[uuid.UUID]
    referrals: list[uuid.UUID]
    codes: list[str]


def email_of(number: int) -> str:
    """The address of the candidate of referral `number`."""
    return f"candidate.{number}@people.example"


def seed_referrals(
    store: Store, company: Company, *, referrals: int, applications: int, users: int = 400, postings: int = 300
) -> Seeded:
    """Referrals by `users` for `postings`; half have an application, and a twentieth were hired and earned a reward.

    The rest of the applications has no referral.
    """
    chance = random.Random(7)
    made = Seeded(
        company.id,
        [_fixed(chance) for _ in range(users)],
        [_fixed(chance) for _ in range(postings)],
        [_fixed(chance) for _ in range(referrals)],
        [new_code() for _ in range(referrals)],
    )
    with store.writing() as session:
        session.add_all(_people(made))
        session.add_all(_postings(made))
        rule = RewardRule(
            company_id=company.id, name="Bonus", amount_minor=100_000, currency="EUR", created_at=NOW - SPAN
        )
        session.add(rule)
        session.flush()
    _fill(store, Application, _applications(made, applications, chance))
    sent = list(_referrals(store, made, chance))
    _link(store, sent)
    _fill(store, Referral, sent)
    hired = [row for row in sent if row["status"] == "hired"]
    _fill(store, ReferralReward, [_reward(row, rule.id, number) for number, row in enumerate(hired)])
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return made


def _fixed(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)


def _people(made: Seeded) -> list[User]:
    return [
        User(id=one, company_id=made.company_id, email=f"user{number}@bulk.example", name=f"Person {number}")
        for number, one in enumerate(made.users)
    ]


def _postings(made: Seeded) -> list[JobPosting]:
    return [
        JobPosting(
            id=one,
            company_id=made.company_id,
            number=90_000 + number,
            title=f"Role {number}",
            requisition_ref=f"BULK-{number}",
            department=DEPARTMENTS[number % len(DEPARTMENTS)],
        )
        for number, one in enumerate(made.postings)
    ]


def _applications(made: Seeded, wanted: int, chance: random.Random) -> Any:
    """Rows by and by; each referral's own application has the id `_application_of`."""
    blank = Application(company_id=made.company_id, applied_at=NOW).model_dump()
    for number in range(wanted):
        applied = NOW - SPAN * chance.random()
        referred = number < len(made.referrals)
        yield blank | {
            "id": _application_of(made.referrals[number]) if referred else new_id(),
            "external_ref": f"BULK-{number}",
            "posting_id": made.postings[number % len(made.postings)],
            "source_platform": "referrals" if referred and number % 2 else ("indeed", "linkedin", "other")[number % 3],
            "email_index": f"{number:064x}",
            "applied_at": applied,
            "stage": "applied",
            "hired_at": applied + timedelta(days=30) if number % 25 == 0 else None,
            "interviewed_at": applied + timedelta(days=9) if number % 5 == 0 else None,
            "created_at": applied,
            "updated_at": applied,
        }


def _application_of(referral_id: uuid.UUID) -> uuid.UUID:
    return uuid.UUID(int=referral_id.int ^ 1)


def _referrals(store: Store, made: Seeded, chance: random.Random) -> Any:
    seals = [store.vault.sealer("referrals", name) for name in ("candidate_name", "candidate_email")]
    blank = Referral(company_id=made.company_id, code="").model_dump()
    for number, (one, code) in enumerate(zip(made.referrals, made.codes, strict=True)):
        sent = NOW - SPAN * chance.random()
        status = _FATES[number % len(_FATES)]
        applied = sent + timedelta(days=chance.randint(0, 60))
        person = store.vault.digest("email-bidx", email_of(number))
        yield blank | {
            "id": one,
            "posting_id": made.postings[number % len(made.postings)],
            "referrer_id": made.users[int(len(made.users) * chance.random() ** 2)],
            "referrer_name": f"Person {number % 97}",
            "candidate_name": seals[0](str(one), f"Candidate {number}"),
            "candidate_email": seals[1](str(one), email_of(number)),
            "email_index": person,
            "person_index": person,
            "code": code,
            "status": status,
            "reached": _REACHED[status],
            "sent_at": sent,
            "expires_at": sent + timedelta(days=180),
            "application_id": None if status == "pending" else _application_of(one),
            "converted_at": None if status == "pending" else applied,
            "status_at": None if status == "pending" else applied + timedelta(days=3),
            "withdrawn_at": sent + timedelta(days=1) if status == "pending" and number % 40 == 0 else None,
        }


def _reward(row: dict[str, Any], rule_id: uuid.UUID, number: int) -> dict[str, Any]:
    state = ("pending", "approved", "paid")[number % 3]
    due = row["status_at"]
    return ReferralReward(
        company_id=row["company_id"],
        referral_id=row["id"],
        rule_id=rule_id,
        amount_minor=100_000,
        currency="EUR",
        state=state,
        due_on=due.date(),
        approved_at=due if state != "pending" else None,
        paid_at=due + timedelta(days=10) if state == "paid" else None,
        created_at=row["sent_at"],
        updated_at=row["sent_at"],
    ).model_dump()


def _link(store: Store, sent: list[dict[str, Any]]) -> None:
    """Referrals point only at applications that there are."""
    with store.reading() as session:
        known = set(session.connection().execute(text("SELECT id FROM applications")).scalars())
        spelled = (lambda one: one.hex) if is_sqlite(session) else (lambda one: one)
    for row in sent:
        if row["application_id"] is not None and spelled(row["application_id"]) not in known:
            row["application_id"] = None


def _fill(store: Store, table: Any, rows: Any) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            _write(store, table, batch)
            batch = []
    _write(store, table, batch)


def _write(store: Store, table: Any, batch: list[dict[str, Any]]) -> None:
    if batch:
        with store.writing() as session:
            session.connection().execute(insert(table.__table__), batch)
