"""Applications told by events: one per person and posting, whatever the order, and facts that follow."""

import itertools
import random
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from domain.facts import Origin, day_of
from domain.metrics import BY_NUMBER
from jobs.project import project_due
from store.tables import (
    Application,
    ApplicationDirtyDay,
    ApplicationRef,
    ApplicationStage,
    ApplicationTouch,
    Company,
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    RawFact,
    Referral,
)
from store.writes.applications_linked import link_applications
from store.writes.applications_told import (
    PostingIndex,
    StageTold,
    Teller,
    Told,
    TouchTold,
    _of_person,
    tell_application,
)
from tests.store.plans import plans_of

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
_numbers = itertools.count(700)


def at(day, hour=9):
    """An instant of May 2026."""
    return datetime(2026, 5, day, hour, tzinfo=UTC)


class Office:
    """A company of its own in a shared database, with two postings."""

    def __init__(self, store, postings=("REQ-1", "REQ-2")):
        self.store = store
        self.company = Company(number=next(_numbers), name="Mill", time_zone="UTC", currency="EUR")
        with store.writing() as session:
            session.add(self.company)
            session.flush()
            for number, ref in enumerate(postings, 1):
                self.add_posting(session, number, ref)

    def add_posting(self, session, number, ref):
        row = JobPosting(company_id=self.company.id, number=number, requisition_ref=ref, title=f"Role {ref}")
        session.add(row)
        return row.id

    def tell(self, *tellings):
        """Each in a transaction of its own; returns the outcomes."""
        outcomes = []
        for told in tellings:
            with self.store.writing() as session:
                teller = Teller(self.company.id, self.store.vault, PostingIndex(session, self.company.id))
                outcomes.append(tell_application(session, teller, told, now=NOW))
        return outcomes

    def rows(self):
        with self.store.reading() as session:
            return list(session.exec(select(Application).where(Application.company_id == self.company.id)))

    def state(self):
        """Everything that was told, without the numbers that making rows brings; names in the clear."""
        with self.store.reading() as session:
            found = []
            for row in session.exec(select(Application).where(Application.company_id == self.company.id)):
                plain = row.model_dump(exclude={"id", "created_at", "updated_at", "import_id", "external_ref"})
                for column in ("candidate_name", "candidate_email"):
                    if plain[column]:
                        plain[column] = self.store.vault.open("applications", row.id, column, plain[column])
                told = {
                    table: sorted(
                        repr(sorted(one.model_dump(exclude={"id", "application_id", "company_id"}).items()))
                        for one in session.exec(select(table).where(table.application_id == row.id))
                    )
                    for table in (ApplicationRef, ApplicationTouch, ApplicationStage)
                }
                found.append(repr((sorted(plain.items(), key=str), [told[table] for table in told])))
            return sorted(found)

    def facts(self):
        """(platform, metric, day, posting) → (value, origin) after projection."""
        project_due(self.store, NOW)
        with self.store.reading() as session:
            mine = JobPosting.company_id == self.company.id
            names = {f"posting:{row.id}": row.requisition_ref for row in session.exec(select(JobPosting).where(mine))}
            refs = dict(session.exec(select(ExternalPosting.number, ExternalPosting.external_ref)).all())
            platforms = dict(session.exec(select(PlatformConfig.number, PlatformConfig.platform)).all())
            rows = session.exec(select(RawFact).where(RawFact.company_no == self.company.number))
            return {
                (
                    platforms[row.config_no],
                    BY_NUMBER[row.metric].name,
                    day_of(row.day).day,
                    names.get(refs.get(row.external_posting, ""), ""),
                ): (row.value, Origin(row.origin))
                for row in rows
            }


@pytest.fixture
def office(store):
    return Office(store)


@pytest.fixture
def sqlite_office(sqlite_store):
    return Office(sqlite_store)


def webhook(person="ann", posting="REQ-1", day=3, **more):
    """What Indeed's webhook tells."""
    ref = f"{person}-{posting}"
    return Told(
        "webhook",
        stages=more.pop("stages", (StageTold("applied", at(day), "indeed"),)),
        refs=(("indeed", ref),),
        posting_ref=posting,
        name=f"{person} Applicant",
        email=f"{person}@people.example",
        touches=(TouchTold("declared", "indeed", at(day), platform="indeed", source="Indeed"),),
        **more,
    )


def tracked(person="ann", posting="REQ-1", day=3):
    """What the career site tells: a name of the applicant system, and where the visitor came from."""
    return Told(
        "tracker",
        stages=(StageTold("applied", at(day, 8), "tracker"),),
        refs=(("", f"ATS-{person}-{posting}"),),
        touches=(TouchTold("utm", "visit", at(day, 8), platform="facebook", source="facebook", medium="social"),),
    )


def known(person="ann", posting="REQ-1", stage="interviewed", day=6):
    """What a program that knows person and applicant system tells."""
    return Told(
        "api",
        stages=(StageTold(stage, at(day), "ats"),),
        refs=(("", f"ATS-{person}-{posting}"),),
        posting_ref=posting,
        email=f"{person.upper()}@People.example",
    )


def test_three_who_tell_of_one_application_make_one(office):
    outcomes = office.tell(webhook(), tracked(), known())
    assert [one.is_new for one in outcomes] == [True, True, False]
    (row,) = office.rows()
    assert (row.source_platform, row.stage, row.told_by) == ("indeed", "interviewed", "api")
    assert (row.applied_at, row.interviewed_at) == (at(3, 8), at(6))
    assert office.facts() == {
        ("indeed", "applications", 3, "REQ-1"): (1, Origin.EVENT),
        ("indeed", "interviews", 6, "REQ-1"): (1, Origin.EVENT),
    }


def test_a_person_applies_to_two_postings_twice(office):
    office.tell(webhook(posting="REQ-1"), webhook(posting="REQ-2"))
    assert len(office.rows()) == 2


def test_two_people_on_one_posting_are_two(office):
    office.tell(webhook("ann"), webhook("bob"))
    assert len(office.rows()) == 2


def test_names_and_addresses_are_stored_sealed(office):
    office.tell(webhook())
    (row,) = office.rows()
    assert row.candidate_name.startswith("v1.")
    assert row.candidate_email.startswith("v1.")
    assert "ann" not in row.external_ref.replace("ann-REQ-1", "")
    assert row.email_index == office.store.vault.digest("email-bidx", "ann@people.example")


@pytest.mark.parametrize(
    ("touches", "platform"),
    [
        (("referral",), "referrals"),
        (("referral", "utm"), "facebook"),
        (("referral", "utm", "link"), "linkedin"),
        (("referral", "utm", "link", "declared"), "indeed"),
    ],
)
def test_the_surest_touch_owns_the_application(sqlite_office, touches, platform):
    owners = {"referral": "referrals", "utm": "facebook", "link": "linkedin", "declared": "indeed"}
    told = tuple(TouchTold(kind, kind, at(9 - len(kind)), platform=owners[kind]) for kind in touches)
    sqlite_office.tell(Told("tracker", (StageTold("applied", at(9)),), refs=(("", "A-1"),), touches=told))
    (row,) = sqlite_office.rows()
    assert row.source_platform == platform


def test_nobody_s_application_is_the_site_s_own(sqlite_office):
    sqlite_office.tell(Told("tracker", (StageTold("applied", at(9)),), refs=(("", "A-1"),)))
    assert sqlite_office.rows()[0].source_platform == "company_website"


def test_told_again_nothing_changes_and_no_day_is_due(office):
    office.tell(webhook(), known())
    before = office.state()
    project_due(office.store, NOW)
    outcomes = office.tell(webhook(), known(), webhook())
    assert not any(one.is_new for one in outcomes)
    assert office.state() == before
    with office.store.reading() as session:
        due = session.exec(select(ApplicationDirtyDay).where(ApplicationDirtyDay.company_id == office.company.id))
        assert list(due) == []


def test_a_posting_made_later_unites_what_was_told_of_it(office):
    office.tell(webhook(posting="REQ-9"))
    titled = Told(
        "api", (StageTold("hired", at(9)),), refs=(("", "Z"),), posting_title="Role REQ-9", email="ann@people.example"
    )
    office.tell(titled)
    assert len(office.rows()) == 2
    with office.store.writing() as session:
        office.add_posting(session, 9, "REQ-9")
        session.flush()
        link_applications(session, office.store.vault, office.company.id, now=NOW)
    (row,) = office.rows()
    assert (row.stage, row.applied_at) == ("hired", at(3))
    office.tell(webhook(posting="REQ-9"), titled)
    assert len(office.rows()) == 1


def test_a_referral_knows_its_application(office):
    referral = Referral(company_id=office.company.id, code=f"c{uuid.uuid4().hex}", sent_at=at(1))
    with office.store.writing() as session:
        session.add(referral)
    touch = TouchTold("referral", "r", at(2), platform="referrals", referral_id=referral.id)
    (outcome,) = office.tell(Told("link", (StageTold("applied", at(2)),), refs=(("", "R-1"),), touches=(touch,)))
    with office.store.reading() as session:
        row = session.get_one(Referral, referral.id)
    assert (row.application_id, row.converted_at, row.status) == (outcome.application_id, at(2), "applied")


@pytest.mark.parametrize(
    "told",
    [
        Told("api", (), refs=(("", "A"),)),
        Told("api", (StageTold("applied", at(1)),)),
        Told("api", (StageTold("applied", at(1)),), email="ann@people.example"),
        Told("api", (StageTold("promoted", at(1)),), refs=(("", "A"),)),
    ],
)
def test_an_empty_telling_is_refused(sqlite_office, told):
    with pytest.raises(ValueError):
        sqlite_office.tell(told)
    assert sqlite_office.rows() == []


def test_all_twenty_four_orders_of_four_stages_end_alike(sqlite_store):
    reports = [("hired", 9), ("applied", 3), ("rejected", 5), ("interviewed", 6)]
    states = set()
    for order in itertools.permutations(reports):
        office = Office(sqlite_store)
        office.tell(*(webhook(stages=(StageTold(stage, at(day), "indeed"),)) for stage, day in order))
        (row,) = office.rows()
        states.add((row.stage, row.applied_at, row.interviewed_at, row.hired_at, row.rejected_at))
    assert states == {("hired", at(3), at(6), at(9), at(5))}


people = st.sampled_from(["ann", "bob"])
postings = st.sampled_from(["REQ-1", "REQ-2"])
days = st.integers(1, 12)
tellings = st.one_of(
    st.builds(webhook, people, postings, days),
    st.builds(tracked, people, postings, days),
    st.builds(known, people, postings, st.sampled_from(["reviewed", "interviewed", "hired", "rejected"]), days),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(tellings, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_order_with_repeats_and_replays_ends_in_one_state(sqlite_store, told, chance: random.Random):
    first, second = Office(sqlite_store, postings=()), Office(sqlite_store, postings=())
    with sqlite_store.writing() as session:
        for number, ref in enumerate(("REQ-1", "REQ-2"), 1):
            first.add_posting(session, number, ref)
            second.add_posting(session, number, ref)
    again = told + [chance.choice(told) for _ in range(3)]
    chance.shuffle(again)
    first.tell(*told)
    second.tell(*again, *told)
    assert _without_postings(first) == _without_postings(second)
    assert first.facts() == second.facts()


def _without_postings(office):
    """The state with each posting's id replaced by its reference: two companies have two ids."""
    with office.store.reading() as session:
        rows = session.exec(
            select(JobPosting.id, JobPosting.requisition_ref).where(JobPosting.company_id == office.company.id)
        )
        names = {str(posting_id): ref for posting_id, ref in rows}
    state = office.state()
    for posting_id, ref in names.items():
        state = [one.replace(posting_id, ref).replace(str(office.company.id), "company") for one in state]
    return sorted(state)


def test_an_event_finds_what_files_told_of_a_person_without_a_walk_through_all_applications(sqlite_store):
    # PostgreSQL chooses by what it has counted, which of a table without rows says nothing.
    office = Office(sqlite_store)
    told = Told("webhook", (StageTold("applied", at(3)),), posting_ref="REQ-1", email="ann@people.example")
    for posting_id in (uuid.uuid4(), None):

        def ask(session, posting_id=posting_id):
            teller = Teller(office.company.id, sqlite_store.vault, PostingIndex(session, office.company.id))
            return _of_person(session, teller, told, posting_id)

        plan = plans_of(sqlite_store, ask)[-1]
        assert "ix_applications_email" in plan or "ix_applications_posting" in plan, plan
