"""Admins are told of rewards that fell due: once a day, of what is new, and never twice."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from jobs.ticks import tell_due_rewards
from store.tables import Mail, User
from tests.jobs.invited import mail_settings
from tests.store.reward_scenes import Desk, at

SETTINGS = mail_settings(9)


both = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def desk(store):
    return Desk(store)


def hired(desk, day, *, now=None, currency="EUR"):
    referral = desk.refer()
    desk.apply(referral, 2, hired=day, stage="hired", now=now if now is not None else day)
    return desk.rewards(referral)[0]


def letters(desk):
    """(Recipient, subject, text) of what waits, in order."""
    with desk.store.reading() as session:
        rows = session.exec(select(Mail).where(Mail.kind == "rewards").order_by(col(Mail.created_at), col(Mail.id)))
        return [
            (
                desk.store.vault.open("mail_outbox", row.id, "recipient", row.recipient),
                row.subject,
                desk.store.vault.open("mail_outbox", row.id, "body", row.body),
            )
            for row in rows
        ]


def tell(desk, day):
    return tell_due_rewards(desk.store, SETTINGS, at(day))


@both
def test_every_admin_is_told_once_of_what_fell_due_and_again_only_of_what_is_new(desk):
    desk.rule(days_after=0)
    with desk.store.writing() as session:
        session.get_one(User, desk.people["abe"].id).is_active = False
    hired(desk, 5)
    hired(desk, 6, now=5)
    assert tell(desk, 5) == 1
    assert tell(desk, 5.1) == 0
    ((recipient, subject, text),) = letters(desk)
    assert recipient == desk.people["ada"].email
    assert subject == "1 reward for a referral has fallen due"
    assert "at Quarry: 1,000.00 EUR." in text
    assert "https://hiring.example/Referral_desk?part=Rewards" in text
    assert tell(desk, 6) == 1, "the other one's day has come"
    assert "2 wait to be approved: 2,000.00 EUR" in letters(desk)[1][2]
    assert tell(desk, 7) == 0, "nothing is new"
    hired(desk, 3, now=7.5)
    assert tell(desk, 8) == 1, "somebody told late of an earlier day"
    assert "3 wait to be approved" in letters(desk)[2][2]


def test_nobody_is_told_at_night_without_a_mail_server_or_of_nothing(desk):
    desk.rule(days_after=0)
    assert tell(desk, 5) == 0
    hired(desk, 6)
    night = at(6) - timedelta(hours=8)  # 05:00 in Berlin
    assert tell_due_rewards(desk.store, SETTINGS, night) == 0
    assert tell_due_rewards(desk.store, mail_settings(9, smtp_url=""), at(6)) == 0
    assert letters(desk) == []


def test_what_is_owed_in_several_currencies_is_never_added_up(desk):
    desk.rule(days_after=0)
    desk.rule(days_after=0, amount_minor=500, currency="JPY")
    hired(desk, 5)
    assert tell(desk, 5) == 2
    assert "2 rewards for referrals have fallen due at Quarry: 1,000.00 EUR and 500 JPY." in letters(desk)[0][2]
