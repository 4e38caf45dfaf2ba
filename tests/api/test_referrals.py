"""Referring by API: the screen's guards, a repeat does nothing twice, for every role and no other company."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from actions.referrals import colleague
from actions.tokens import make_token
from actions.viewer import NotFound
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import Company, JobPosting, Referral
from tests.api.inside import key_of, serving, speaking, viewer_of
from tests.conftest import copy_of, unlocked
from tests.people import ADMIN, MANAGER, OUTSIDER, PASSWORD, seed_people

PATH = "/api/referrals"


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, str, str]]:
    """A store, the API over it, and an open posting's id."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("referring")))
    store = unlocked(engine, keyring)
    people = seed_people(store)
    posting = JobPosting(company_id=people.company.id, number=1, title="Welder", requisition_ref="REQ-1")
    shut = JobPosting(company_id=people.company.id, number=2, title="Shut", status="closed")
    with store.writing() as session:
        session.add_all([posting, shut])
    with serving(store) as url:
        yield store, url, str(posting.id)
    engine.dispose()


def wanted(posting: str, email: str, **more: Any) -> dict[str, Any]:
    """A referral to make."""
    return {"posting": posting, "name": "Ann Lee", "email": email, "invite": False, **more}


def test_a_referral_is_made_in_a_colleague_s_name_and_once_for_a_repeat(place: tuple[Store, str, str]) -> None:
    store, url, posting = place
    with speaking(url, key_of(store, "referrals:write")) as client:
        headers = {"Idempotency-Key": "form-1"}
        body = wanted(posting, "ann@p.example", referrer=MANAGER.upper())
        answers = [client.post(PATH, json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    told = answers[0].json()
    assert (told["status"], told["invited"], told["detail"]) == ("pending", False, "")
    with store.reading() as session:
        (row,) = session.exec(select(Referral).where(Referral.code == told["code"]))
        assert row.referrer_name == "Mo"


def test_refusals_have_their_words_and_statuses(place: tuple[Store, str, str]) -> None:
    store, url, posting = place
    with store.reading() as session:
        shut = session.exec(select(JobPosting.id).where(JobPosting.title == "Shut")).one()
    with speaking(url, key_of(store, "referrals:write")) as client:
        assert client.post(PATH, json=wanted(posting, "bo@p.example")).status_code == 201
        for body, status, words in (
            (wanted(posting, "bo+1@p.example"), 409, "already"),
            (wanted(posting, ADMIN), 409, "your own address"),
            (wanted(str(shut), "cy@p.example"), 409, "not open"),
            (wanted("0" * 8 + "-0000-0000-0000-" + "0" * 12, "cy@p.example"), 404, "no such posting"),
            (wanted(posting, "cy@p.example", referrer=OUTSIDER), 404, "no such colleague"),
            (wanted(posting, "c y@p.example"), 422, "not an e-mail address"),
            (wanted(posting, "cy@p.example", name="\u200b"), 422, "name"),
            (wanted(posting, "cy@p.example", code="mine"), 422, "no such parameter"),
        ):
            answer = client.post(PATH, json=body)
            assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_a_key_without_the_scope_and_another_company_refer_nobody(place: tuple[Store, str, str]) -> None:
    store, url, posting = place
    for key, status in (
        (key_of(store, "applications:read", "applications:write"), 403),
        (key_of(store, "referrals:write", email=OUTSIDER), 404),
        ("", 401),
    ):
        with speaking(url, key) as client:
            assert client.post(PATH, json=wanted(posting, "di@p.example")).status_code == status
    with store.reading() as session:
        other = session.exec(select(Company.id).where(Company.name == "Other")).one()
        assert session.exec(select(Referral).where(Referral.company_id == other)).all() == []


def test_too_many_in_an_hour_are_told_when_to_come_again(place: tuple[Store, str, str]) -> None:
    store, url, posting = place
    with speaking(url, key_of(store, "referrals:write")) as client:
        answers: list[httpx.Response] = []
        while not answers or answers[-1].status_code == 201:
            answers.append(client.post(PATH, json=wanted(posting, f"p{len(answers)}@p.example", referrer=MANAGER)))
            assert len(answers) <= 21
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_who_is_no_admin_reads_their_own_referrals_and_nobody_else_s(place: tuple[Store, str, str]) -> None:
    store, url, posting = place
    with speaking(url, key_of(store, "referrals:write")) as client:
        for email, more in (("own@p.example", {}), ("colleague@p.example", {"referrer": MANAGER})):
            assert client.post(PATH, json=wanted(posting, email, **more)).status_code in {201, 429}
    token = make_token(store, MANAGER, PASSWORD, address="192.0.2.1", now=datetime.now(UTC))
    with speaking(url, key_of(store, "applications:read")) as admins, speaking(url, token) as employees:
        seen, own = (client.get(PATH, params={"limit": 100}).json()["referrals"] for client in (admins, employees))
    assert {"Ada", "Mo"} == {one["referrerName"] for one in seen}
    assert {"Mo"} == {one["referrerName"] for one in own}
    assert len(own) == len([one for one in seen if one["referrerName"] == "Mo"])


def test_a_colleague_whom_no_database_can_look_up_is_not_there(store: Store) -> None:
    seed_people(store)
    with pytest.raises(NotFound):
        colleague(store, viewer_of(store, ADMIN), "a\0b@x.example", now=datetime.now(UTC))
    found = colleague(store, viewer_of(store, ADMIN), f" {MANAGER}\0", now=datetime.now(UTC))
    assert found.email == MANAGER


@pytest.mark.parametrize(("column", "ended"), [("declined_at", "declined"), ("withdrawn_at", "withdrawn"), ("", "")])
def test_a_referral_that_counts_no_more_says_why(place: tuple[Store, str, str], column: str, ended: str) -> None:
    store, url, posting = place
    now = datetime.now(UTC)
    with store.writing() as session:
        company_id = session.exec(select(JobPosting.company_id).where(JobPosting.id == uuid.UUID(posting))).one()
        row = Referral(company_id=company_id, code=f"ENDED-{ended}", sent_at=now, **({column: now} if column else {}))
        session.add(row)
    with speaking(url, key_of(store, "applications:read")) as client:
        listed = client.get(PATH, params={"dateRange": "7d", "limit": 100}).json()["referrals"]
    (told,) = (one for one in listed if one["id"] == str(row.id))
    assert (told["status"], told["ended"]) == ("pending", ended)
