"""Statistics and rewards by API: the numbers of the reports, page by page, money for admins only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import Application, Referral, User
from store.writes.reward_rules import make_rule
from store.writes.rewards import settle_rewards
from tests.api.inside import key_of, serving, speaking
from tests.conftest import copy_of, unlocked
from tests.people import MANAGER, OUTSIDER, seed_people

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Store]]:
    """The API's address and its store: Mo referred four people, of whom three were hired ten days ago."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("rewards")))
    store = unlocked(engine, keyring)
    company = seed_people(store).company
    sent = NOW - timedelta(days=20)
    with store.writing() as session:
        manager = session.exec(select(User).where(User.email == MANAGER)).one()
        terms = {"milestone": "hired", "amount_minor": 100_000, "currency": "EUR", "starts_on": sent.date()}
        make_rule(session, company.id, terms, now=NOW - timedelta(days=30))
        rows = []
        for number in range(4):
            row = Referral(company_id=company.id, referrer_id=manager.id, code=f"C{number}", sent_at=sent)
            row.candidate_name = store.vault.seal("referrals", row.id, "candidate_name", "Quentin Quokka")
            rows.append(row)
        session.add_all(rows)
        session.flush()
        for number, row in enumerate(rows[:3]):
            application = Application(
                company_id=company.id,
                external_ref=f"A{number}",
                applied_at=sent + timedelta(days=2),
                hired_at=NOW - timedelta(days=10),
                stage="hired",
            )
            session.add(application)
            session.flush()
            row.application_id, row.converted_at, row.status = application.id, application.applied_at, "hired"
            session.add(row)
        settle_rewards(session, company.id, [row.id for row in rows], now=NOW)
    with serving(store) as url:
        yield url, store
    engine.dispose()


def test_the_statistics_count_and_name_who_refers(place) -> None:
    url, store = place
    with speaking(url, key_of(store, "applications:read")) as client:
        told = client.get("/api/referrals/statistics", params={"dateRange": "30d"}).json()
    assert told["counts"] == {
        "sent": 4,
        "applied": 3,
        "interviewed": 3,
        "hired": 3,
        "conversion": {"ratio": 0.75, "numerator": 3, "denominator": 4},
        "hireRate": {"ratio": 0.75, "numerator": 3, "denominator": 4},
    }
    assert told["daysToApplyMean"] == pytest.approx(2)
    assert [(one["rank"], one["name"], one["isOwn"]) for one in told["topReferrers"]] == [(1, "Mo", False)]
    assert told["ownPlace"] is None


def test_rewards_come_page_by_page_with_what_they_come_to_and_nobody_s_name(place) -> None:
    url, store = place
    found, cursor = [], {}
    with speaking(url, key_of(store, "rewards:read")) as client:
        while True:
            told = client.get("/api/referrals/rewards", params={"limit": 2, **cursor}).json()
            found += told["rewards"]
            if told["nextCursor"] is None:
                break
            cursor = {"cursor": told["nextCursor"]}
        elsewhere = client.get("/api/referrals/rewards", params={"state": "approved", "limit": 2, **cursor})
    assert len({one["id"] for one in found}) == 3
    assert {(one["amountMinor"], one["currency"], one["condition"]) for one in found} == {
        (100_000, "EUR", "when the person is hired")
    }
    assert not [one for one in found if "Quokka" in one["candidate"]]
    money = told["liabilities"][0]
    assert (money["due"], money["possible"], money["paidThisYear"], money["left"]) == (300_000, 100_000, 0, None)
    assert elsewhere.status_code == 422


def test_another_company_has_none_of_it(place) -> None:
    url, store = place
    with speaking(url, key_of(store, "rewards:read", "applications:read", email=OUTSIDER)) as client:
        assert client.get("/api/referrals/rewards").json() == {"rewards": [], "liabilities": [], "nextCursor": None}
        assert client.get("/api/referrals/statistics").json()["counts"]["sent"] == 0
