"""A company whose people refer others: two referrers, two postings, a reward for applying and one for a hire."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from domain.referrals import ends_on
from store.opening import Store
from store.tables import Company, Import, JobPosting, Referral, RewardRule, TrackingLink, User
from store.writes import referrals
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application

_numbers = itertools.count(4_000)


def at(day: int, hour: int = 9) -> datetime:
    """An instant of May 2026."""
    return datetime(2026, 5, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


NOW = at(20)


class Desk:
    """A company of its own in a shared database."""

    def __init__(self, store: Store) -> None:
        self.store = store
        number = next(_numbers)
        self.company = Company(number=number, name="Mill", time_zone="Europe/Berlin", currency="EUR")
        self.rob = User(company_id=self.company.id, email=f"rob.{number}@mill.example", name="Rob")
        self.lea = User(company_id=self.company.id, email=f"lea.{number}@mill.example", name="Lea")
        self.first = self._posting(number, "REQ-1")
        self.second = self._posting(number + 100_000, "REQ-2")
        self.link = TrackingLink(
            company_id=self.company.id,
            slug=referrals.new_code(),
            platform="referrals",
            target_url="https://jobs.mill.example/",
            created_by=self.lea.id,
            referrer_id=self.lea.id,
            created_at=at(1, 0),
        )
        with store.writing() as session:
            for rows in ((self.company,), (self.rob, self.lea, self.first, self.second), (self.link, *self._rules())):
                session.add_all(rows)
                session.flush()

    def _posting(self, number: int, ref: str) -> JobPosting:
        return JobPosting(company_id=self.company.id, number=number, requisition_ref=ref, title=f"Role {ref}")

    def _rules(self) -> list[RewardRule]:
        return [
            RewardRule(
                company_id=self.company.id,
                name=milestone,
                milestone=milestone,
                amount_minor=amount,
                currency="EUR",
                created_at=at(1, 0) - timedelta(days=30),
            )
            for milestone, amount in (("applied", 5_000), ("hired", 100_000))
        ]

    def refer(
        self, session: Session, email: str = "ann@people.example", *, day: int = 1, by: User | None = None,
        posting: JobPosting | None = None,
    ) -> Referral:  # fmt: skip
        """A referral by name, made on that day."""
        user = by or self.rob
        who = referrals.Referrer(self.company.id, user.id, user.name)
        wanted = referrals.Candidate((posting or self.first).id, "Ann", email)
        return referrals.make_referral(session, self.store.vault, who, wanted, now=at(day))

    def tell(self, session: Session, told: Told) -> uuid.UUID:
        """Enter what an event tells."""
        teller = Teller(self.company.id, self.store.vault, PostingIndex(session, self.company.id))
        return tell_application(session, teller, told, now=NOW).application_id

    def told(self, *stages: tuple[str, int], name: str = "A-1", **more: object) -> Told:
        """What a program tells of the applicant system's application `name`."""
        reached = tuple(StageTold(stage, at(day), "api") for stage, day in stages)
        return Told("api", stages=reached, refs=(("", name),) if name else (), **more)  # type: ignore[arg-type]

    def by_code(self, referral: Referral, day: int = 3) -> TouchTold:
        """That the applicant came by a referral's code."""
        return TouchTold("referral", referral.code, at(day, 8), platform="referrals", referral_id=referral.id)

    def by_link(self, day: int = 3) -> TouchTold:
        """That the applicant came by Lea's personal link."""
        return TouchTold("link", str(self.link.id), at(day, 8), platform="referrals", link_id=self.link.id)

    def new_import(self) -> Import:
        """A file that is being imported."""
        record = Import(company_id=self.company.id, kind="applications", state="running", created_at=NOW)
        with self.store.writing() as session:
            session.add(record)
        return record

    def state(self, session: Session) -> tuple[str, ...]:
        """Everything that was told and what follows from it, with words in the place of ids, which making rows brings:
        two equal states go on alike. What an application was called first is left out where it is among its names."""
        session.flush()
        read = session.connection()
        mine = {"company": self.company.id.hex}
        called: dict[str, str] = {}
        for ref, application in read.execute(_REFS, mine):
            called[application] = f"{called.get(application, '')} {ref}"
        words = {**called, self.first.id.hex: "REQ-1", self.second.id.hex: "REQ-2", self.link.id.hex: "link"}
        found: list[str] = []
        for statement in _STATES:
            rows = [tuple(words.get(str(value), value) for value in row) for row in read.execute(statement, mine)]
            found += sorted(map(repr, rows))
        return tuple(found)


_REFS = text("SELECT ref, application_id FROM application_refs WHERE company_id = :company ORDER BY scope, ref")
_STATES = tuple(
    text(f"{statement} = :company")
    for statement in (
        (
            "SELECT id, posting_id, posting_ref, source, source_platform, told_by, stage, applied_at, reviewed_at, "
            "interviewed_at, offered_at, hired_at, rejected_at, withdrawn_at, import_id IS NULL, email_index, "
            "person_index "
            "FROM applications WHERE company_id"
        ),
        "SELECT application_id, stage, at, told_by, ref FROM application_stages WHERE company_id",
        (
            "SELECT application_id, kind, ref, at, platform, source, link_id, referral_id IS NULL "
            "FROM application_touches WHERE company_id"
        ),
        (
            "SELECT posting_id, referrer_name, link_id, application_id, status, sent_at, expires_at, converted_at, "
            "status_at, withdrawn_at, merged_into, reached, reward_status, reward_minor, email_index, person_index "
            "FROM referrals WHERE company_id"
        ),
        (
            "SELECT f.referrer_name, f.application_id, r.milestone, r.state, r.due_on, r.amount_minor "
            "FROM referral_rewards r JOIN referrals f ON f.id = r.referral_id WHERE r.company_id"
        ),
    )
)


def expiry(day: int = 1) -> datetime:
    """When a referral made on that day expires."""
    return ends_on(at(day), 180)
