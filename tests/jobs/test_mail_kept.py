"""How long messages to candidates are kept: thirteen months once nobody sends them any more."""

from datetime import timedelta

import pytest
from sqlmodel import select

from jobs.retention import MAIL_DAYS, tidy
from store.tables import Mail
from tests.jobs.invited import NOW, Programme, mail_settings


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def test_messages_that_have_come_to_an_end_are_deleted_and_those_under_way_are_not(store, company):
    programme, settings = Programme(store, company), mail_settings(9)
    states = ("sent", "refused", "dead", "unknown", "waiting", "sending")
    for number, state in enumerate(states):
        invited = programme.invite(settings, programme.referral(f"person{number}@mail.example", expires_at=None))
        with store.writing() as session:
            session.get_one(Mail, invited.mail_id).state = state
    later = NOW + timedelta(days=MAIL_DAYS)
    assert tidy(store, later)["mail_outbox"] == 0
    assert tidy(store, later + timedelta(seconds=1))["mail_outbox"] == 4
    with store.reading() as session:
        assert set(session.exec(select(Mail.state))) == {"waiting", "sending"}
