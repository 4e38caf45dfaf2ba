"""Deciding on rewards and paying them by API: the desk's guards, all written down, nobody paid twice."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from sqlmodel import col, select

from store.engine import open_engine
from store.keyring import Keyring
from store.tables import AuditEntry, Referral
from tests.api.inside import key_of, serving, speaking
from tests.conftest import copy_of, unlocked
from tests.people import OUTSIDER, seed_people
from tests.store.reward_scenes import Desk

REWARDS = "/api/referrals/rewards"
DECIDE, PAYOUTS, FILE = "/api/referrals/reward-decisions", "/api/referrals/payouts", "/api/referrals/payouts/file"


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Desk, str]]:
    """A desk and the API over it; another company besides."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("payouts")))
    store = unlocked(engine, keyring)
    seed_people(store)
    desk = Desk(store)
    desk.rule(days_after=0)
    with serving(store) as url:
        yield desk, url
    engine.dispose()


@pytest.fixture
def client(place):
    """Somebody with Ada's key for deciding."""
    desk, url = place
    key = key_of(desk.store, "rewards:read", "rewards:write", email=desk.people["ada"].email)
    with speaking(url, key) as found:
        yield found


def earned(desk, *, by="mo") -> str:
    """The id of a reward that is due."""
    referral = desk.refer(by=by)
    desk.apply(referral, 2, hired=5, stage="hired")
    return str(desk.rewards(referral)[0].id)


def decided(answer) -> tuple[list[str], list[str]]:
    """What was done, and the reasons of the others."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return told["done"], [one["reason"] for one in told["refused"]]


def states(desk) -> dict[str, str]:
    """Each reward's state."""
    return {str(one.id): one.state for one in desk.rewards()}


def test_a_reward_is_approved_put_into_a_payout_exported_and_paid(place, client) -> None:
    desk, _ = place
    own, first, second = earned(desk, by="ada"), earned(desk), earned(desk)
    approving = {"decision": "approve", "rewards": [own, first, second]}
    done, reasons = decided(client.post(DECIDE, json=approving))
    assert done == sorted([first, second])
    assert reasons == ["Nobody approves their own reward: ask another admin."]
    headers = {"Idempotency-Key": "november"}
    answers = [client.post(PAYOUTS, json={"rewards": [first, second]}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    made = answers[0].json()
    assert (made["rewards"], made["leftOut"]) == (sorted([first, second]), [])
    again = client.post(PAYOUTS, json={"rewards": [first]})
    assert (again.status_code, f"It is in payout {made['payout']}." in again.text) == (422, True)
    told = client.get(FILE, params={"payout": made["payout"]})
    assert told.headers["content-disposition"] == f'attachment; filename="quarry-rewards-{made["payout"].lower()}.csv"'
    rows = list(csv.DictReader(io.StringIO(told.content.decode("utf-8-sig"), newline="")))
    assert [(row["Person"], row["Amount"], row["State"]) for row in rows] == [("Mo", "1000.00", "approved")] * 2
    book = client.get(FILE, params={"payout": made["payout"], "format": "xlsx"})
    assert openpyxl.load_workbook(io.BytesIO(book.content)).active.max_row == 3
    for done in ([sorted([first, second]), []], [[], []]):
        assert list(decided(client.post(DECIDE, json={"decision": "pay", "payout": made["payout"]}))) == done
    listed = next(one for one in client.get(PAYOUTS).json()["payouts"] if one["payout"] == made["payout"])
    assert (listed["rewards"], listed["paid"], listed["minor"]) == (2, 2, {"EUR": 200_000})
    paid = [
        one for one in client.get(REWARDS, params={"state": "paid"}).json()["rewards"] if one["id"] in (first, second)
    ]
    assert [(one["approvedBy"], one["paidBy"], bool(one["paidAt"])) for one in paid] == [("Ada", "Ada", True)] * 2
    with desk.store.reading() as session:
        query = select(AuditEntry.action).where(AuditEntry.company_id == desk.company.id)
        found = list(session.exec(query.order_by(col(AuditEntry.seq))))
    acts = ["reward.approve", "payout.make", "payout.export", "payout.export", "reward.pay"]
    assert [one for one in found if one in acts] == acts


def test_decisions_are_taken_back_and_a_refusal_needs_its_reason(place, client) -> None:
    desk, _ = place
    one = earned(desk)
    refusing = {"decision": "refuse", "rewards": [one]}
    bare = client.post(DECIDE, json=refusing)
    assert (bare.status_code, bare.json()["errors"][0]["parameter"]) == (422, "reason")
    for body, state in (
        ({**refusing, "reason": "Not hired through us"}, "refused"),
        ({"decision": "reopen", "rewards": [one]}, "pending"),
        ({"decision": "approve", "rewards": [one]}, "approved"),
        ({"decision": "pay", "rewards": [one], "payout": "Payroll of May"}, "paid"),
        ({"decision": "unpay", "rewards": [one]}, "approved"),
    ):
        assert decided(client.post(DECIDE, json=body)) == ([one], [])
        assert states(desk)[one] == state
        if state == "refused":
            rows = client.get(REWARDS, params={"state": "refused"}).json()["rewards"]
            (told,) = (row for row in rows if row["id"] == one)
            assert (told["refusedBy"], bool(told["refusedAt"])) == ("Ada", True)
    for body in ({"decision": "approve"}, {"decision": "pay"}, {"decision": "unpay", "payout": "Payroll of May"}):
        assert client.post(DECIDE, json=body).status_code == 422
    assert client.post(DECIDE, json={"decision": "pay", "payout": "Payroll of never"}).status_code == 404


def test_what_should_be_looked_at_is_left_out_of_a_payout_of_all(place, client) -> None:
    desk, _ = place
    doubtful, plain = earned(desk), earned(desk)
    assert len(decided(client.post(DECIDE, json={"decision": "approve", "rewards": [doubtful, plain]}))[0]) == 2
    reward = next(one for one in desk.rewards() if str(one.id) == doubtful)
    with desk.store.writing() as session:
        session.get_one(Referral, reward.referral_id).withdrawn_at = reward.created_at
    made = client.post(PAYOUTS, json={}).json()
    assert plain in made["rewards"]
    assert doubtful not in made["rewards"]
    left = {one["id"]: one["reason"] for one in made["leftOut"]}
    assert left[doubtful] == "The referral was withdrawn, declined or merged since."


def test_another_company_decides_nothing_and_sees_no_payout(place) -> None:
    desk, url = place
    one = earned(desk)
    with speaking(url, key_of(desk.store, "rewards:read", "rewards:write", email=OUTSIDER)) as client:
        done, reasons = decided(client.post(DECIDE, json={"decision": "approve", "rewards": [one]}))
        assert (done, reasons) == ([], ["There is no such reward."])
        assert client.post(PAYOUTS, json={}).status_code == 422
        assert client.get(PAYOUTS).json() == {"payouts": []}
    assert states(desk)[one] == "pending"
