"""Deciding on rewards beside events that change the same referrals: on PostgreSQL nobody waits in a circle."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from store.import_undo_applications import Undoing, restore_applications
from store.tables import Application, Import, Referral
from store.writes.applications_locked import lock_applications
from store.writes.referrals_settled import settle_applications
from store.writes.reward_decisions import approve_rewards
from store.writes.rewards import settle_rewards
from tests.store.beside import beside
from tests.store.reward_scenes import Desk, at

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])


@pytest.fixture
def desk(store):
    return Desk(store)


def earned(desk):
    """Two referrals whose rewards are due, by id."""
    desk.rule(days_after=0)
    found = [desk.refer() for _ in range(2)]
    for referral in found:
        desk.apply(referral, 2, hired=5, stage="hired")
    return sorted(found, key=lambda one: str(one.id))


def test_who_decides_while_an_event_moves_the_same_referrals_waits_for_it(desk):
    low, high = earned(desk)
    rewards = desk.rewards()

    def event(session):
        lock_applications(session, desk.company.id)
        session.get_one(Referral, high.id).note = "moved"
        session.flush()
        yield
        settle_rewards(session, desk.company.id, [low.id, high.id], now=at(9))

    decided = []
    raised = beside(desk.store, event, lambda: decided.append(desk.decide(approve_rewards, *rewards, day=9)))
    assert raised == []
    assert sorted(decided[0].done) == sorted(one.id for one in rewards)


def test_an_import_taken_back_while_an_event_tells_of_its_application_waits_for_it(desk):
    referral = desk.refer()
    application = desk.apply(referral, 2, hired=5, stage="hired")
    record = Import(company_id=desk.company.id, kind="applications", state="imported", created_at=at(6))
    with desk.store.writing() as session:
        session.add(record)
        session.flush()
        row = session.get_one(Application, application.id)
        row.import_id, row.updated_at = record.id, record.created_at
    before = {"stage": "interviewed", "hired_at": None, "import_id": None, "told_by": "file"}

    def event(session):
        lock_applications(session, desk.company.id)
        yield
        session.execute(text("UPDATE applications SET reviewed_at = applied_at"))
        settle_applications(session, desk.store.vault, desk.company.id, ([application.id], []), now=at(9))

    def take_back():
        with desk.store.writing() as session:
            undoing = Undoing(desk.store, record, ZoneInfo("Europe/Berlin"), at(9))
            restore_applications(session, undoing, [([str(application.id)], before)])

    assert beside(desk.store, event, take_back) == []
    with desk.store.reading() as session:
        held = session.get_one(Application, application.id)
        assert (held.stage, held.hired_at, held.reviewed_at) == ("interviewed", None, at(2))
