"""A reward is called the same on every screen."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.money import Money
from store.reports.referral_lists import ReferralLine
from store.reports.rewards import EarnedLine
from ui.referral_deeds import offered
from ui.referral_words import reward_of, rewards

_BLANK: dict[str, Any] = {field.name: None for field in fields(ReferralLine)}
LINE = replace(ReferralLine(**_BLANK), state="applied", reward_minor=225_000, reward_currency="USD")


@pytest.mark.parametrize(
    ("state", "reward", "said"),
    [
        ("applied", "none", ""),
        ("pending", "pending", "2,250.00 USD, possible"),
        ("applied", "pending", "2,250.00 USD, promised"),
        ("expired", "pending", ""),
        ("hired", "approved", "2,250.00 USD, approved, to be paid next"),
        ("hired", "paid", "2,250.00 USD, paid"),
    ],
)
def test_what_a_referral_earns_is_said_in_the_words_of_the_desk(state, reward, said):
    assert reward_of(replace(LINE, state=state, reward_status=reward)) == said


def test_a_referral_to_merge_is_offered_with_the_day_that_the_list_shows():
    sent = datetime(2026, 11, 22, 11, tzinfo=UTC)
    other = replace(LINE, candidate_email="s…@mail.example", referrer_name="Mo", sent_at=sent, code="a-b-c7tzvd")
    assert offered(other, "Pacific/Auckland") == "s…@mail.example · Mo · 23 Nov 2026 · 7tzvd"


def test_amounts_of_several_currencies_are_not_added_up():
    assert reward_of(replace(LINE, reward_status="paid", reward_minor=0, reward_currency="")) == "Several, paid"


@pytest.mark.parametrize(("has_expired", "said"), [(False, "Possible"), (True, "Not earned")])
def test_what_has_expired_is_not_possible_any_more(monkeypatch, has_expired, said):
    told: list[str] = []
    monkeypatch.setattr("ui.referral_words.st.markdown", told.append)
    line = EarnedLine("10.00 EUR when the person is hired", Money(1_000, "EUR"), "", "possible", None, None, "")
    rewards(None, [line], has_expired=has_expired)
    assert [said in each for each in told] == [True]
