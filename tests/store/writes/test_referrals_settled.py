"""Referrals follow from the applications that belong to them: one end state, whatever order and however often."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, select

from store.emails import email_parts
from store.import_undo import undo_import
from store.opening import Store
from store.tables import Application, Import, Referral, ReferralReward
from store.writes import referrals
from store.writes.applications import ApplicationTold, Writer, write_applications
from store.writes.applications_linked import link_applications
from store.writes.applications_told import StageTold, Told
from tests.store.writes.referral_scenes import NOW, Desk, at

Event = Callable[[Session], object]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def desk(store: Store) -> Desk:
    """A company on either database."""
    return Desk(store)


@pytest.fixture
def sqlite_desk(sqlite_store: Store) -> Desk:
    """A company on SQLite only."""
    return Desk(sqlite_store)


def webhook(email: str = "ann+jobs@people.example") -> Told:
    """What Indeed tells of Ann, who gave it another spelling of her address."""
    return Told(
        "webhook",
        stages=(StageTold("applied", at(3), "indeed"),),
        refs=(("indeed", "i-1"),),
        posting_ref="REQ-1",
        email=email,
    )


def write_file(desk: Desk, session: Session, record: Import, **values: object) -> None:
    """What a file tells of one application."""
    told = {"candidate_email": "ann@people.example", "posting_id": desk.first.id, "posting_ref": "REQ-1", **values}
    parts = email_parts(session, desk.company.id)
    writer = Writer(record.id, desk.company.id, BERLIN, desk.store.vault, record.created_at, parts)
    write_applications(session, writer, [ApplicationTold("A-1", told)], next(_seqs))


_seqs = itertools.count()


def six_events(desk: Desk) -> list[Event]:
    """Rob refers Ann; a webhook, the career site by Lea's link, a program and a file tell of her one application, and
    another one is told for another posting, by Lea's link too. Who they are about turns out late."""
    record = desk.new_import()
    other = desk.told(("applied", 7), name="A-2", posting_ref="REQ-2", touches=(desk.by_link(6),))

    def refer(session: Session) -> None:
        if referrals.find_same(session, desk.company.id, desk.first.id, ann) is None:
            desk.refer(session)

    ann = referrals.person_of(desk.store.vault, "ann@people.example")
    hired = {"stage": "hired", "applied_at": at(3, 10), "hired_at": at(9)}
    return [
        refer,
        lambda session: desk.tell(session, webhook()),
        lambda session: desk.tell(session, desk.told(("applied", 3), touches=(desk.by_link(),))),
        lambda session: desk.tell(
            session, desk.told(("interviewed", 6), posting_ref="REQ-1", email="Ann+jobs@people.example")
        ),
        lambda session: write_file(desk, session, record, **hired),
        lambda session: desk.tell(session, other),
    ]


@dataclass
class Orders:
    """Carries events out in every order, each `times` at once. What orders share is carried out once.

    `is_short` takes orders that have come to the same state by the same events for one from there on.
    """

    desk: Desk
    session: Session
    is_short: bool
    times: int = 1
    ends: set[tuple[str, ...]] = field(default_factory=set)
    known: dict[object, int] = field(default_factory=dict)

    def count(self, events: tuple[Event, ...]) -> int:
        """How many orders of these events there are, some of which may be equal; where each ends is kept."""
        state = self.desk.state(self.session) if self.is_short or not events else ()
        if not events:
            self.ends.add(state)
            return 1
        if self.is_short and (events, state) in self.known:
            return self.known[events, state]
        orders = 0
        for event in dict.fromkeys(events):
            left = list(events)
            left.remove(event)
            with self.session.begin_nested() as here:
                for _ in range(self.times):
                    event(self.session)
                orders += self.count(tuple(left))
                here.rollback()
        self.known[events, state] = orders
        return orders


@pytest.mark.parametrize("is_short", [True, pytest.param(False, marks=pytest.mark.faults)])
def test_all_720_orders_of_six_events_plain_and_doubled_end_alike_with_their_rewards(
    sqlite_desk: Desk, is_short: bool
) -> None:
    events = tuple(six_events(sqlite_desk))
    with sqlite_desk.store.writing() as session:
        ends = set[tuple[str, ...]]()
        # The long form, which takes no state for another one, doubles them all.
        for times in (1, 2) if is_short else (2,):
            assert Orders(sqlite_desk, session, is_short, times, ends).count(events) == 720
        session.rollback()
    assert len(ends) == 1, "\n\n".join(map(repr, ends))


@pytest.mark.faults
def test_events_told_again_at_any_later_time_change_nothing(sqlite_desk: Desk) -> None:
    events = tuple(six_events(sqlite_desk))
    with sqlite_desk.store.writing() as session:
        orders = Orders(sqlite_desk, session, is_short=True)
        # Twelve events, two of each kind alike: 12! / 2 ** 6 orders.
        assert orders.count(events * 2) == 7_484_400
        session.rollback()
    assert len(orders.ends) == 1, "\n\n".join(map(repr, orders.ends))


@pytest.mark.parametrize("seed", range(3))
def test_orders_by_chance_end_with_the_link_that_brought_her(desk: Desk, seed: int) -> None:
    events = six_events(desk)
    random.Random(seed).shuffle(events)
    for event in events:
        with desk.store.writing() as session:
            event(session)
    with desk.store.reading() as session:
        found = session.exec(select(Referral).where(Referral.company_id == desk.company.id).order_by(Referral.sent_at))
        rows = [(row.referrer_name, row.status, row.converted_at, row.status_at) for row in found]
    assert rows == [
        ("Rob", "pending", None, None),
        ("Lea", "hired", at(3), at(9)),
        ("Lea", "applied", at(7), at(7)),
    ]


@pytest.fixture
def one(sqlite_desk: Desk) -> Iterator["One"]:
    """A writing session of one company."""
    with sqlite_desk.store.writing() as session:
        yield One(sqlite_desk, session)


@dataclass
class One:
    """A company within one transaction."""

    desk: Desk
    session: Session

    def tell(self, *stages: tuple[str, int], **more: Any) -> uuid.UUID:
        """Tell of an application."""
        return self.desk.tell(self.session, self.desk.told(*stages, **more))

    def now(self, row: Referral) -> Referral:
        """A referral as it stands."""
        self.session.flush()
        self.session.refresh(row)
        return row

    def of_links(self) -> list[Referral]:
        """Referrals that links made."""
        return list(self.session.exec(select(Referral).where(Referral.link_id == self.desk.link.id)))


def test_stages_move_the_referral_and_a_rejection_ends_it(one: One) -> None:
    row = one.desk.refer(one.session)
    assert (row.status, row.expires_at) == ("pending", at(1) + timedelta(days=180))
    seen = []
    for stage, day in (("applied", 3), ("reviewed", 4), ("interviewed", 5), ("offered", 6), ("rejected", 8)):
        one.tell(("applied", 3), (stage, day), posting_ref="REQ-1", touches=(one.desk.by_code(row),))
        seen.append((one.now(row).status, row.status_at))
    assert seen == [
        ("applied", at(3)),
        ("applied", at(3)),
        ("interviewed", at(5)),
        ("interviewed", at(5)),
        ("rejected", at(8)),
    ]


def test_who_has_the_code_belongs_whatever_their_address(one: One) -> None:
    row = one.desk.refer(one.session)
    one.tell(("applied", 3), posting_ref="REQ-1", email="other@elsewhere.example", touches=(one.desk.by_code(row),))
    assert one.now(row).status == "applied"


@pytest.mark.parametrize(("by_code", "platform"), [(True, "referrals"), (False, "other")])
def test_a_code_owns_the_application_and_a_matching_address_leaves_its_source_alone(
    one: One, by_code: bool, platform: str
) -> None:
    row = one.desk.refer(one.session)
    touches = (one.desk.by_code(row),) if by_code else ()
    told = one.tell(("applied", 3), posting_ref="REQ-1", email="ann@people.example", touches=touches)
    assert one.now(row).application_id == told
    assert one.session.get_one(Application, told).source_platform == platform


def test_a_code_used_again_goes_by_the_application_of_who_was_referred(one: One) -> None:
    row = one.desk.refer(one.session)
    by_code = (one.desk.by_code(row),)
    one.tell(("applied", 2), ("hired", 4), name="B-1", posting_ref="REQ-1", email="bo@p.example", touches=by_code)
    assert one.now(row).status == "hired"
    hers = one.tell(("applied", 5), name="A-1", posting_ref="REQ-1", email="ann@people.example", touches=by_code)
    assert (one.now(row).status, row.application_id) == ("applied", hers)


def test_an_application_for_another_posting_or_of_before_or_too_late_is_no_conversion(one: One) -> None:
    row = one.desk.refer(one.session, day=5)
    told = {"email": "ann@people.example"}
    one.tell(("applied", 4), name="A-1", posting_ref="REQ-1", **told)
    one.tell(("applied", 6), name="A-2", posting_ref="REQ-2", **told)
    one.tell(("applied", 5 + 181), name="A-3", posting_ref="REQ-1", **told)
    assert one.now(row).status == "pending"
    one.tell(("applied", 7), name="A-4", posting_title="Some role nobody knows", **told)
    assert one.now(row).status == "applied"


def test_a_file_that_tells_only_the_day_may_mean_the_time_after_sending(one: One) -> None:
    row = one.desk.refer(one.session, day=5)
    midnight = datetime(2026, 5, 5, tzinfo=BERLIN)
    told = one.desk.told(posting_ref="REQ-1", email="ann@people.example")
    one.desk.tell(one.session, replace(told, stages=(StageTold("applied", midnight),)))
    assert one.now(row).status == "applied"


def test_the_first_of_two_referrals_gets_an_application_without_a_code_and_else_the_code_decides(one: One) -> None:
    early = one.desk.refer(one.session, "ann@people.example", day=1)
    late = one.desk.refer(one.session, "ann@people.example", day=2, by=one.desk.lea, posting=one.desk.second)
    one.tell(("applied", 3), posting_title="Whatever", email="ann@people.example")
    assert (one.now(early).status, one.now(late).status) == ("applied", "pending")
    one.tell(("applied", 3), email="ann@people.example", posting_title="Whatever", touches=(one.desk.by_code(late),))
    assert (one.now(early).status, one.now(late).status) == ("pending", "applied")


def test_nobody_is_credited_with_their_own_application(one: One) -> None:
    row = one.desk.refer(one.session)
    mine = {"posting_ref": "REQ-1", "email": one.desk.rob.email.replace("@", "+x@")}
    one.tell(("applied", 3), touches=(one.desk.by_code(row),), **mine)
    assert one.now(row).status == "pending"
    own = {"posting_ref": "REQ-2", "email": one.desk.lea.email}
    one.tell(("applied", 3), name="L-1", touches=(one.desk.by_link(),), **own)
    assert one.of_links() == []


def test_a_personal_link_makes_one_referral_of_each_application(one: One) -> None:
    for person, posting in (("ann", "REQ-1"), ("bob", "REQ-1"), ("ann", "REQ-2")):
        for _ in range(2):
            told = {"name": f"{person}-{posting}", "posting_ref": posting, "email": f"{person}@p.example"}
            one.tell(("applied", 3), touches=(one.desk.by_link(),), **told)
    rows = one.of_links()
    assert len(rows) == 3
    assert {(row.status, row.candidate_name, row.candidate_email) for row in rows} == {("applied", "", "")}
    assert {row.sent_at for row in rows} == {at(3, 8)}


def test_a_withdrawn_link_s_referral_is_not_made_again(one: One) -> None:
    one.tell(("applied", 3), posting_ref="REQ-1", touches=(one.desk.by_link(),))
    (row,) = one.of_links()
    row.withdrawn_at = NOW
    referrals.settle_changed(one.session, one.desk.store.vault, [row], now=NOW)
    one.tell(("interviewed", 5), posting_ref="REQ-1", touches=(one.desk.by_link(),))
    assert [found.id for found in one.of_links()] == [row.id]


def test_a_merged_referral_s_code_and_address_count_for_the_one_kept(one: One) -> None:
    keep = one.desk.refer(one.session, "ann@people.example", day=2)
    gone = one.desk.refer(one.session, "ann@work.example", day=1, by=one.desk.lea)
    referrals.merge_referrals(one.session, one.desk.store.vault, keep, gone, now=NOW)
    one.tell(("applied", 3), posting_ref="REQ-1", email="ann@work.example")
    assert (one.now(keep).status, one.now(gone).status) == ("applied", "pending")
    one.tell(("hired", 5), posting_ref="REQ-1", touches=(one.desk.by_code(gone),))
    assert (one.now(keep).status, one.now(gone).merged_into) == ("hired", keep.id)


def test_a_link_s_referral_merged_into_a_named_one_brings_its_application(one: One) -> None:
    one.tell(("applied", 3), posting_ref="REQ-1", email="other@people.example", touches=(one.desk.by_link(),))
    (gone,) = one.of_links()
    keep = one.desk.refer(one.session, "ann@people.example", day=1)
    referrals.merge_referrals(one.session, one.desk.store.vault, keep, gone, now=NOW)
    assert one.now(keep).application_id == gone.application_id
    one.tell(("hired", 5), posting_ref="REQ-1", email="other@people.example", touches=(one.desk.by_link(),))
    assert (one.now(keep).status, len(one.of_links())) == ("hired", 1)


def test_a_withdrawn_referral_lets_go_and_its_rewards_are_not_owed(one: One) -> None:
    row = one.desk.refer(one.session)
    one.tell(("applied", 3), posting_ref="REQ-1", email="ann@people.example")
    assert (one.now(row).reward_status, row.reached) == ("pending", "applied")
    row.withdrawn_at = NOW
    referrals.settle_changed(one.session, one.desk.store.vault, [row], now=NOW)
    assert (row.status, row.application_id) == ("pending", None)
    states = one.session.exec(select(ReferralReward.state).where(ReferralReward.referral_id == row.id))
    assert not {"pending", "approved"} & set(states)


def test_a_paid_reward_outlives_the_link_s_referral_that_an_earlier_code_replaces(one: One) -> None:
    row = one.desk.refer(one.session, "someone@people.example")
    told = {"posting_ref": "REQ-1", "email": "zoe@people.example"}
    one.tell(("applied", 3), touches=(one.desk.by_link(3),), **told)
    (linked,) = one.of_links()
    reward = one.session.exec(select(ReferralReward).where(ReferralReward.referral_id == linked.id)).first()
    assert reward is not None
    reward.state, reward.paid_at, reward.approved_at = "paid", NOW, NOW
    one.session.add(reward)
    one.tell(("applied", 3), touches=(one.desk.by_code(row, day=2),), **told)
    assert one.now(row).status == "applied"
    (kept,) = one.of_links()
    assert one.now(kept).withdrawn_at is not None


def test_an_import_that_is_taken_back_takes_its_conversion_back(desk: Desk) -> None:
    with desk.store.writing() as session:
        row = desk.refer(session)
    record = desk.new_import()
    with desk.store.writing() as session:
        write_file(desk, session, record, stage="hired", applied_at=at(3), hired_at=at(9))
    with desk.store.writing() as session:
        session.get_one(Import, record.id).state = "imported"
        assert session.get_one(Referral, row.id).status == "hired"
    undo_import(desk.store, record.id, now=NOW)
    with desk.store.reading() as session:
        after = session.get_one(Referral, row.id)
        assert (after.status, after.application_id, after.converted_at) == ("pending", None, None)
        assert session.exec(select(Application).where(Application.company_id == desk.company.id)).all() == []


def test_a_posting_that_turns_out_to_be_another_one_ends_a_conversion(one: One) -> None:
    row = one.desk.refer(one.session)
    told = one.tell(("applied", 3), posting_ref="REQ-9", email="ann@people.example")
    assert one.now(row).application_id == told
    one.desk.second.requisition_ref = "REQ-9"
    one.session.merge(one.desk.second)
    one.session.flush()
    link_applications(one.session, one.desk.store.vault, one.desk.company.id, now=NOW)
    assert one.now(row).status == "pending"


def test_what_is_told_of_others_moves_no_referral_and_costs_no_settling(one: One) -> None:
    row = one.desk.refer(one.session)
    before = one.now(row).model_dump()
    one.tell(("applied", 3), posting_ref="REQ-1", email="someone.else@people.example")
    assert one.now(row).model_dump() == before


def test_touches_of_another_company_s_referral_do_nothing(sqlite_store: Store) -> None:
    ours, theirs = Desk(sqlite_store), Desk(sqlite_store)
    with sqlite_store.writing() as session:
        row = theirs.refer(session)
        ours.tell(session, ours.told(("applied", 3), posting_ref="REQ-1", touches=(ours.by_code(row),)))
        session.refresh(row)
        assert row.status == "pending"


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_file_moves_the_referral_of_its_person_be_there_few_referrals_or_many(
    sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("store.writes.applications._FEW_REFERRALS", few)
    record = sqlite_desk.new_import()
    with sqlite_desk.store.writing() as session:
        ann = sqlite_desk.refer(session, "ann+work@people.example", day=1)
        bob = sqlite_desk.refer(session, "bob@people.example", day=1)
        write_file(sqlite_desk, session, record, applied_at=at(3))
        session.expire_all()
        statuses = [session.get_one(Referral, one.id).status for one in (ann, bob)]
    assert statuses == ["applied", "pending"]
