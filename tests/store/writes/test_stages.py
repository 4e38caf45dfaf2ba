"""Stages set by hand: they go before what anybody else tells, in whatever order, and can be taken back."""

import itertools
import random
import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from domain.facts import Origin
from store.emails import email_parts
from store.tables import Application, ApplicationStage, Import, StageChange, User
from store.tables.columns import new_id
from store.writes.applications import ApplicationTold, Writer, write_applications
from store.writes.projections import mark_applications_dirty
from store.writes.stages import ByHand, begin_change, change_some, list_words, set_word, undo_some
from tests.store.writes.test_applications_told import NOW, Office, at, known, tracked, webhook

BERLIN = ZoneInfo("Europe/Berlin")


class Desk(Office):
    """An office with somebody who sets stages, and files."""

    def __init__(self, store, postings=("REQ-1", "REQ-2")):
        super().__init__(store, postings)
        self.user = User(company_id=self.company.id, email=f"{uuid.uuid4()}@mill.example", name="Ann", role="admin")
        with store.writing() as session:
            session.add(self.user)

    def say(self, stage, day=None, *, now=NOW, ids=None, moves=True, zone="UTC"):
        """Set a stage of applications (all of them without `ids`); the change and what it counted."""
        ids = [row.id for row in self.rows()] if ids is None else ids
        change = ByHand(new_id(), self.company.id, self.store.vault, ZoneInfo(zone), stage, day, moves, now)
        with self.store.writing() as session:
            begin_change(session, change, self.user.id)
        with self.store.writing() as session:
            return change.change_id, dict(change_some(session, change, ids))

    def undo(self, change_id, *, now=NOW):
        """Take a change back."""
        undone = 0
        with self.store.reading() as session:
            change = session.get_one(StageChange, change_id)
            session.expunge(change)
        while True:
            with self.store.writing() as session:
                some = undo_some(session, self.store.vault, change, now=now, most=2)
            if not some:
                return undone
            undone += some

    def file(self, *told, now=NOW):
        """What a file tells of applications, each (reference, stage → day)."""
        record_id = self.add_import(now)
        rows = [ApplicationTold(ref, _values(stages)) for ref, stages in told]
        with self.store.writing() as session:
            parts = email_parts(session, self.company.id)
            writer = Writer(record_id, self.company.id, ZoneInfo("UTC"), self.store.vault, now, parts)
            written = write_applications(session, writer, rows, 0)
            mark_applications_dirty(session, self.company.id, written.days)
            return written.counts

    def add_import(self, now):
        record = Import(company_id=self.company.id, kind="applications", file_name="ats.csv", created_at=now)
        with self.store.writing() as session:
            session.add(record)
        return record.id

    def stages(self):
        """(stage, day by stage) of each application, in order of their names."""
        return [
            (row.stage, {name: when.day for name in DATED if (when := getattr(row, f"{name}_at"))})
            for row in sorted(self.rows(), key=lambda row: row.external_ref)
        ]


DATED = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")


def _values(stages):
    ladder = [name for name in DATED if name in stages]
    dated = {f"{name}_at": at(stages[name]) if name in stages else None for name in DATED}
    return {**dated, "stage": ladder[-1], "posting_ref": "REQ-1", "posting_id": None, "source": "Indeed",
            "source_platform": "indeed"}  # fmt: skip


@pytest.fixture
def desk(store):
    return Desk(store)


@pytest.fixture
def sqlite_desk(sqlite_store):
    return Desk(sqlite_store)


def test_a_stage_set_by_hand_is_a_fact_on_its_day(desk):
    desk.tell(webhook())
    _, counts = desk.say("hired", date(2026, 5, 9))
    assert counts == {"changed": 1}
    assert desk.stages() == [("hired", {"applied": 3, "hired": 9})]
    assert desk.facts()["indeed", "hires", 9, "REQ-1"] == (1, Origin.EVENT)


def test_hired_by_mistake_is_taken_back_and_no_number_stays(desk):
    desk.tell(webhook(), known(stage="interviewed", day=6), known(stage="hired", day=9))
    assert ("indeed", "hires", 9, "REQ-1") in desk.facts()
    desk.say("interviewed")
    assert desk.stages() == [("interviewed", {"applied": 3, "interviewed": 6})]
    assert ("indeed", "hires", 9, "REQ-1") not in desk.facts()


def test_the_same_told_again_does_not_undo_what_a_person_said(desk):
    desk.tell(webhook(), known(stage="hired", day=9))
    desk.say("interviewed", date(2026, 5, 8))
    before = desk.state()
    desk.tell(known(stage="hired", day=9), webhook(), known(stage="offered", day=8))
    assert desk.stages() == [("interviewed", {"applied": 3, "interviewed": 8})]
    assert len(desk.state()) == len(before)


def test_what_happens_after_a_person_said_something_counts(sqlite_desk):
    sqlite_desk.tell(webhook(), known(stage="hired", day=9))
    sqlite_desk.say("interviewed", date(2026, 5, 8), now=at(12))
    sqlite_desk.tell(known(stage="hired", day=14))
    assert sqlite_desk.stages() == [("hired", {"applied": 3, "interviewed": 8, "hired": 14})]


def test_the_same_file_again_does_not_undo_what_a_person_said(desk):
    told = ("A-1", {"applied": 3, "interviewed": 6, "hired": 9})
    desk.file(told)
    desk.say("interviewed")
    assert desk.stages() == [("interviewed", {"applied": 3, "interviewed": 6})]
    counts = desk.file(told, now=NOW + timedelta(days=1))
    assert (counts.inserted, counts.updated, counts.unchanged) == (0, 0, 1)
    assert desk.stages() == [("interviewed", {"applied": 3, "interviewed": 6})]


def test_a_change_taken_back_leaves_what_others_told(desk):
    desk.file(("A-1", {"applied": 3, "hired": 9}), ("A-2", {"applied": 4}), ("A-3", {"applied": 5, "rejected": 8}))
    before, facts = desk.stages(), desk.facts()
    change_id, counts = desk.say("interviewed", date(2026, 5, 12), moves=False)
    assert counts == {"changed": 3}
    assert [stage for stage, _ in desk.stages()] == ["interviewed"] * 3
    assert desk.undo(change_id) == 3
    assert (desk.stages(), desk.facts()) == (before, facts)
    with desk.store.reading() as session:
        mine = ApplicationStage.company_id == desk.company.id
        assert not list(session.exec(select(ApplicationStage).where(mine, ApplicationStage.told_by == "hand")))


def test_of_two_changes_the_last_one_holds_and_taking_it_back_shows_the_first(sqlite_desk):
    sqlite_desk.tell(webhook())
    sqlite_desk.say("offered", date(2026, 5, 8), now=at(10))
    second, _ = sqlite_desk.say("reviewed", date(2026, 5, 5), now=at(11))
    assert sqlite_desk.stages() == [("reviewed", {"applied": 3, "reviewed": 5})]
    sqlite_desk.undo(second)
    assert sqlite_desk.stages() == [("offered", {"applied": 3, "offered": 8})]
    sqlite_desk.say("hired", date(2026, 5, 9), now=at(12))
    assert sqlite_desk.stages() == [("hired", {"applied": 3, "offered": 8, "hired": 9})]


@pytest.mark.parametrize(
    ("stage", "day", "counted"),
    [
        ("interviewed", date(2026, 5, 2), "before_applied"),
        ("rejected", date(2026, 5, 5), "before_step"),
        ("offered", date(2026, 5, 5), "before_step"),
        ("rejected", date(2026, 5, 6), "changed"),
        ("applied", date(2026, 5, 1), "changed"),
        ("interviewed", None, "unchanged"),
        ("interviewed", date(2026, 5, 7), "changed"),
    ],
)
def test_a_day_that_cannot_be_leaves_the_application_as_it_is(sqlite_desk, stage, day, counted):
    sqlite_desk.tell(webhook(), known(stage="interviewed", day=6))
    before = sqlite_desk.stages()
    _, counts = sqlite_desk.say(stage, day)
    assert counts == {counted: 1}
    if counted != "changed":
        assert sqlite_desk.stages() == before
    else:
        assert sqlite_desk.stages()[0][0] == stage


def test_a_day_is_the_company_s_and_no_earlier_than_the_stage_before(sqlite_desk):
    sqlite_desk.tell(webhook(day=3))
    sqlite_desk.say("interviewed", date(2026, 5, 3), zone="Europe/Berlin")
    sqlite_desk.say("offered", date(2026, 5, 4), zone="Europe/Berlin")
    (row,) = sqlite_desk.rows()
    assert row.interviewed_at == row.applied_at == at(3)
    assert row.offered_at == datetime(2026, 5, 4, tzinfo=BERLIN).astimezone(UTC)


def test_who_was_rejected_and_comes_back_may_be_rejected_again(sqlite_desk):
    sqlite_desk.tell(webhook(), known(stage="rejected", day=5))
    sqlite_desk.say("interviewed", date(2026, 5, 8), now=at(9))
    assert sqlite_desk.stages() == [("interviewed", {"applied": 3, "interviewed": 8, "rejected": 5})]
    sqlite_desk.say("rejected", date(2026, 5, 12), now=at(13))
    assert sqlite_desk.stages() == [("rejected", {"applied": 3, "interviewed": 8, "rejected": 12})]


def test_another_company_s_and_unknown_applications_stay_as_they_are(sqlite_store):
    ours, theirs = Desk(sqlite_store), Desk(sqlite_store)
    theirs.tell(webhook())
    (row,) = theirs.rows()
    _, counts = ours.say("hired", ids=[row.id, new_id()])
    assert counts == {"unknown": 2}
    assert theirs.stages() == [("applied", {"applied": 3})]


def test_two_applications_that_become_one_keep_what_was_said_by_hand(sqlite_desk):
    sqlite_desk.tell(webhook(), tracked())
    by_tracker = next(row for row in sqlite_desk.rows() if row.told_by == "tracker")
    sqlite_desk.say("rejected", date(2026, 5, 7), ids=[by_tracker.id])
    sqlite_desk.tell(known(stage="reviewed", day=4))
    assert sqlite_desk.stages() == [("rejected", {"applied": 3, "reviewed": 4, "rejected": 7})]


def test_all_orders_of_what_others_tell_end_as_the_person_said(sqlite_store):
    """A person's correction first, last or in between; everything else is told twice, and the mistake once more."""
    told = [webhook(), tracked(), known(stage="offered", day=8), None]
    ends = set()
    for order in itertools.permutations(range(len(told))):
        desk = Desk(sqlite_store, postings=("REQ-1",))
        desk.tell(known(stage="applied", day=3), known(stage="hired", day=9))
        for place in order:
            if told[place] is None:
                desk.say("interviewed", date(2026, 5, 7), ids=_hired(desk), now=at(10))
            else:
                desk.tell(told[place], told[place])
        desk.tell(known(stage="hired", day=9))
        ends.add(repr(desk.stages()))
    assert ends == {repr([("interviewed", {"applied": 3, "interviewed": 7})])}


def _hired(desk):
    return [row.id for row in desk.rows() if row.stage == "hired"]


stages = st.sampled_from(DATED)
tellings = st.one_of(
    st.builds(lambda stage, day: ("event", stage, day), stages, st.integers(1, 12)),
    st.builds(lambda stage, day: ("file", stage, day), stages, st.integers(1, 12)),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(tellings, min_size=1, max_size=4), stages, st.randoms(use_true_random=False))
def test_a_correction_holds_against_everything_told_again(sqlite_store, told, stage, chance: random.Random):
    desk = Desk(sqlite_store, postings=("REQ-1",))
    desk.tell(known(stage="applied", day=1))
    _tell(desk, told)
    before = desk.stages()
    change_id, counts = desk.say(stage)
    (after,) = desk.stages()
    assert after[0] == stage
    again = [*told, *told]
    chance.shuffle(again)
    _tell(desk, again, days=1)
    assert desk.stages() == [after]
    if counts == {"changed": 1}:
        assert desk.undo(change_id) == 1
        _tell(desk, told, days=2)
        assert desk.stages() == before


def _tell(desk, told, days=0):
    for kind, stage, day in told:
        if kind == "event":
            desk.tell(known(stage=stage, day=day))
        else:
            # An export says everything it knows of an application, every time, and the same whatever came between.
            named = [(name, when) for by, name, when in told if by == "file" and name != "applied"]
            whole = {"applied": 1} | dict(sorted(named, reverse=True))
            desk.file(("ATS-ann-REQ-1", whole), now=NOW + timedelta(days=days))


def test_words_of_a_company_are_its_own_and_folded(desk):
    with desk.store.writing() as session:
        assert set_word(session, desk.company.id, " Take-Home_Task ", "reviewed", now=NOW) == "take home task"
        set_word(session, desk.company.id, "TAKE HOME TASK", "interviewed", now=NOW)
        set_word(session, desk.company.id, "Talent pool", "", now=NOW)
    with desk.store.writing() as session:
        assert list_words(session, desk.company.id) == {"take home task": "interviewed", "talent pool": ""}
        assert list_words(session, uuid.uuid4()) == {}
        set_word(session, desk.company.id, "talent pool", None, now=NOW)
        assert list_words(session, desk.company.id) == {"take home task": "interviewed"}
        for words, stage in ((" - ", "hired"), ("Trial day", "promoted")):
            with pytest.raises(ValueError):
                set_word(session, desk.company.id, words, stage, now=NOW)


def test_a_change_counts_what_became_of_its_applications(sqlite_desk):
    sqlite_desk.tell(webhook("ann"), webhook("bob"), known("bob", stage="hired", day=9), webhook("cat", day=8))
    change_id, _ = sqlite_desk.say("hired", date(2026, 5, 7), moves=False)
    with sqlite_desk.store.reading() as session:
        row = session.get_one(StageChange, change_id)
        assert (row.changed, row.unchanged, row.refused) == (1, 1, 1)
        hired = session.exec(select(Application).where(Application.hired_at.is_not(None))).all()
        assert sorted(row.hired_at.day for row in hired) == [7, 9]
