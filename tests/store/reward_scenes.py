"""A company whose referrals, applications and rules tests write by hand."""

import itertools
from datetime import UTC, date, datetime, timedelta

from sqlmodel import col, select

from domain.rewards import Eligibility
from store.opening import Store
from store.reports.scope import find_company
from store.tables import Application, Company, JobPosting, Referral, ReferralReward, User
from store.writes.reward_decisions import Decider
from store.writes.reward_rules import end_rule, make_rule
from store.writes.rewards import settle_rewards

#: Some day at noon; days of a scene are counted from it.
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def at(day: float) -> datetime:
    """An instant, days after the scene's first noon."""
    return START + timedelta(days=day)


def on(day: int) -> date:
    """The date of such a day."""
    return at(day).date()


class Desk:
    """One company: an admin Ada, another admin Abe, and Mo and Mia who refer."""

    def __init__(self, store: Store, zone: str = "Europe/Berlin") -> None:
        self.store = store
        self.company = Company(number=next(_numbers) + 700, name="Quarry", time_zone=zone, currency="EUR")
        with store.writing() as session:
            session.add(self.company)
            session.flush()
            made = self.company.id
            self.postings = [
                JobPosting(company_id=made, number=number, title=title, department=where)
                for number, title, where in ((1, "Welder", "Yard"), (2, "Clerk", "Office"))
            ]
            self.people = {
                name: User(
                    company_id=made, email=f"{name}.{self.company.number}@q.example", name=name.capitalize(), role=role
                )
                for name, role in (
                    ("ada", "admin"),
                    ("abe", "admin"),
                    ("mo", "hiring_manager"),
                    ("mia", "hiring_manager"),
                )
            }
            session.add_all([*self.postings, *self.people.values()])

    def rule(self, *, day=0.0, posting=None, who=None, **values):
        """A rule made on a day; 1 000.00 EUR for a hire that lasts 90 days where nothing else is said."""
        terms = {"milestone": "hired", "days_after": 90, "amount_minor": 100_000, "currency": "EUR", **values}
        terms["posting_id"] = None if posting is None else self.postings[posting].id
        terms["settings"] = (who or Eligibility()).model_dump()
        with self.store.writing() as session:
            return make_rule(session, self.company.id, terms, now=at(day))

    def end(self, rule, day):
        """End a rule."""
        with self.store.writing() as session:
            end_rule(session, self.company.id, rule.id, now=at(day))

    def refer(self, day=1.0, *, by="mo", posting=0, is_settled=True, **values):
        """A referral sent on a day."""
        row = Referral(
            company_id=self.company.id,
            code=f"R-{next(_numbers)}",
            posting_id=None if posting is None else self.postings[posting].id,
            referrer_id=self.people[by].id if by else None,
            referrer_name=by or "",
            sent_at=at(day),
            **values,
        )
        with self.store.writing() as session:
            session.add(row)
        if is_settled:
            self.settle(row, day)
        return row

    def apply(self, referral, day=2.0, *, now=None, **stages):
        """Its application, with the days of further stages; both as whoever tells of it would write them."""
        values = {f"{name}_at": at(one) for name, one in stages.items() if name != "stage"}
        application = Application(
            company_id=self.company.id,
            external_ref=f"A-{next(_numbers)}",
            applied_at=at(day),
            source_platform="referrals",
            stage=stages.get("stage", "applied"),
            **values,
        )
        with self.store.writing() as session:
            session.add(application)
            session.flush()
            held = session.get_one(Referral, referral.id)
            held.application_id, held.converted_at, held.status = application.id, at(day), "applied"
        self.settle(referral, now if now is not None else day)
        return application

    def change(self, row, *, now=3.0, referral=None, **values):
        """Change columns of an application or a referral, and settle."""
        with self.store.writing() as session:
            held = session.get_one(type(row), row.id)
            for name, value in values.items():
                setattr(held, name, at(value) if name.endswith("_at") and isinstance(value, int | float) else value)
        self.settle(referral or row, now)

    def settle(self, *referrals_and_day):
        """Settle referrals as of a day (the last argument)."""
        *referrals, day = referrals_and_day
        with self.store.writing() as session:
            settle_rewards(session, self.company.id, [row.id for row in referrals], now=at(day))

    def decide(self, what, *rewards, by="ada", day=200.0, **more):
        """Carry out a decision on rewards."""
        decider = Decider(self.company.id, self.people[by].id, at(day))
        with self.store.writing() as session:
            return what(session, decider, [one.id for one in rewards], **more)

    def rewards(self, referral=None):
        """Rewards as stored, nearest due first."""
        with self.store.reading() as session:
            query = select(ReferralReward).where(ReferralReward.company_id == self.company.id)
            if referral is not None:
                query = query.where(ReferralReward.referral_id == referral.id)
            return list(session.exec(query.order_by(col(ReferralReward.days_after), col(ReferralReward.id))))

    def stand(self, referral=None):
        """(State, due day) of each."""
        return [(one.state, one.due_on) for one in self.rewards(referral)]

    def read(self, referral):
        """A referral as stored."""
        with self.store.reading() as session:
            return session.get_one(Referral, referral.id)

    def scope(self):
        """The company as reports take it."""
        with self.store.reading() as session:
            return find_company(session, self.company.id)


def opener(_row_id, name, email):
    """Scenes keep names in the clear."""
    return name, email
