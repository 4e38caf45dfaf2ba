"""Deliveries applied: in any order, each once, the bad ones apart, and an application counted once whoever tells."""

import itertools
import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from actions.viewer import Viewer
from actions.webhooks import arrived, change_secret, find_door, open_endpoint, run_again
from connectors.webhooks.contract import Delivery, Request
from connectors.webhooks.registry import RECEIVERS
from domain.facts import Breakdown, Fact, Origin, Scope, day_number
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY
from jobs import apply
from jobs.aggregate import aggregate_due
from jobs.apply import AT_ONCE, MOST_ATTEMPTS, apply_due
from jobs.project import project_due
from sandbox.senders import SENDERS, Applied
from store.keyring import Keyring
from store.opening import Store
from store.rotation import rotate
from store.tables import (
    AggregatedFact,
    Application,
    ApplicationTouch,
    Company,
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    Referral,
    User,
    WebhookEndpoint,
    WebhookInbox,
)
from store.vault import Vault
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from store.writes.connections import next_config_number
from store.writes.coverage import cover, mark_dirty
from store.writes.facts import FactWriter, place_of
from store.writes.inbox import write_deliveries

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SECRET = "whsec_b25lIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzLi4="
ANN = Applied("r-1", "REQ-1", "Welder", "Ann Ünal", "ann@people.example", NOW - timedelta(hours=3))
_codes = itertools.count(1)


class Desk:
    """A company with a posting, whose platforms deliver straight into the inbox."""

    def __init__(self, store, company):
        self.store, self.company, self.doors = store, company, {}
        user = User(company_id=company.id, email=f"desk@{company.id}.example", name="Desk", role="admin")
        with store.writing() as session:
            session.add(user)
            self.posting = JobPosting(company_id=company.id, number=1, requisition_ref="REQ-1", title="Welder")
            session.add(self.posting)
        self.viewer = Viewer(user.id, company.id, "admin", "Desk", user.email)

    def door(self, platform):
        if platform not in self.doors:
            endpoint_id = open_endpoint(self.store, self.viewer, platform, now=NOW)
            change_secret(self.store, self.viewer, endpoint_id, SECRET, now=NOW)
            with self.store.reading() as session:
                hook_id = session.get_one(WebhookEndpoint, endpoint_id).hook_id
            self.doors[platform] = find_door(self.store, platform, hook_id, NOW)
        return self.doors[platform]

    def deliver(self, name, who=ANN, *, now=NOW):
        """As the route takes it in; what became of it."""
        platform, sender = SENDERS[name]
        sent = sender(SECRET, who, now)
        headers = {key.lower(): value for key, value in sent.headers.items()}
        request = Request(headers, sent.body, now, sent.path[1:])
        RECEIVERS[platform].verify(request, [SECRET])
        return self.put(platform, RECEIVERS[platform].read(request), sent.body, now=now)

    def put(self, platform, delivery, body=b"", *, now=NOW):
        letter = arrived(self.store.vault, self.door(platform), delivery, body, now=now)
        with self.store.writing() as session:
            return write_deliveries(session, [letter])[0]

    def applications(self):
        with self.store.reading() as session:
            return list(session.exec(select(Application).where(Application.company_id == self.company.id)))

    def inbox(self):
        with self.store.reading() as session:
            query = select(WebhookInbox).where(WebhookInbox.company_id == self.company.id)
            return list(session.exec(query.order_by(WebhookInbox.received_at, WebhookInbox.id)))

    def counted(self, metric="applications"):
        """Platform → the counted total over all days."""
        project_due(self.store, NOW)
        aggregate_due(self.store, NOW, seconds=600)
        with self.store.reading() as session:
            rows = session.exec(
                select(AggregatedFact).where(
                    AggregatedFact.company_no == self.company.number,
                    AggregatedFact.grain == 1,
                    AggregatedFact.metric == BY_NAME[metric].number,
                )
            )
            totals = {}
            for row in rows:
                totals[row.platform] = totals.get(row.platform, 0) + row.value
        return {key: totals[one.number] for key, one in BY_KEY.items() if totals.get(one.number)}


@pytest.fixture
def desk(store, company):
    return Desk(store, company)


@pytest.fixture
def sqlite_desk(sqlite_store, sqlite_company):
    return Desk(sqlite_store, sqlite_company)


def test_an_application_is_applied_and_its_body_forgotten(desk):
    assert desk.deliver("indeed_apply") == "new"
    assert apply_due(desk.store, NOW) == {"applied": 1}
    (row,) = desk.applications()
    assert (row.source_platform, row.told_by, row.posting_id) == ("indeed", "webhook", desk.posting.id)
    assert row.applied_at == ANN.at
    assert desk.store.vault.open("applications", row.id, "candidate_email", row.candidate_email) == ANN.email
    (letter,) = desk.inbox()
    assert (letter.state, letter.body, letter.detail) == ("applied", b"", "New application")
    assert apply_due(desk.store, NOW) == {}


def test_a_repeat_is_known_and_changes_nothing(desk):
    fates = [desk.deliver("indeed_apply") for _ in range(3)]
    assert fates == ["new", "repeat", "repeat"]
    apply_due(desk.store, NOW)
    desk.deliver("indeed_apply")
    assert apply_due(desk.store, NOW) == {}
    assert len(desk.applications()) == 1


def test_all_orders_of_stages_end_alike(sqlite_desk):
    stages = {"applied": 1, "interviewed": 5, "rejected": 6, "hired": 9}
    ends = set()
    for order in itertools.permutations(stages):
        ref = uuid.uuid4().hex
        for stage in order:
            at = (NOW - timedelta(days=10 - stages[stage])).isoformat()
            more = {"stages": {stage: at}}
            sqlite_desk.deliver("standard", Applied(ref, "REQ-1", "Welder", "Bo", f"{ref}@x.example", NOW, more))
        apply_due(sqlite_desk.store, NOW)
    for row in sqlite_desk.applications():
        ends.add((row.stage, row.applied_at, row.interviewed_at, row.rejected_at, row.hired_at))
    assert len(sqlite_desk.applications()) == 24
    assert len(ends) == 1


def test_one_bad_delivery_does_not_hold_up_a_thousand(sqlite_desk):
    bad = Delivery("bad", "apply", {"id": "bad", "appliedOnMillis": 2**63, "job": {}, "applicant": {}})
    for number in range(40):
        sqlite_desk.deliver("indeed_apply", Applied(f"r{number}", "REQ-1", "W", "N", f"n{number}@x.example", NOW))
        if number == 20:
            sqlite_desk.put("indeed", bad)
    fates = apply_due(sqlite_desk.store, NOW)
    assert fates == {"applied": 40, "waiting": 1}
    for _ in range(MOST_ATTEMPTS - 2):
        assert apply_due(sqlite_desk.store, NOW) == {"waiting": 1}
    assert apply_due(sqlite_desk.store, NOW) == {"dead": 1}
    assert apply_due(sqlite_desk.store, NOW) == {}
    (dead,) = [row for row in sqlite_desk.inbox() if row.state == "dead"]
    assert (dead.attempts, dead.cause_code, dead.detail) == (5, "not_understood", "the time is not believable")


def test_a_burst_is_applied_in_turns_that_let_the_numbers_follow(sqlite_desk, monkeypatch):
    monkeypatch.setattr(apply, "MOST_SECONDS", 600.0)
    for number in range(AT_ONCE + 1):
        sqlite_desk.deliver("indeed_apply", Applied(f"r-{number}", "REQ-1", "", "", f"p{number}@x.example", NOW))
    assert apply_due(sqlite_desk.store, NOW, seconds=0) == {"applied": AT_ONCE}
    assert sqlite_desk.counted() == {"indeed": AT_ONCE}
    assert apply_due(sqlite_desk.store, NOW, seconds=0) == {"applied": 1}


def test_what_takes_long_is_left_to_the_next_transaction(desk, monkeypatch):
    monkeypatch.setattr(apply, "MOST_SECONDS", -1.0)
    for number in range(3):
        desk.deliver("indeed_apply", Applied(f"r-{number}", "REQ-1", "", "", f"p{number}@x.example", NOW))
    assert [apply_due(desk.store, NOW, seconds=0) for _ in range(4)] == [{"applied": 1}] * 3 + [{}]
    assert len(desk.applications()) == 3


def test_what_failed_with_its_neighbours_is_told_once_and_counts_one_attempt(desk, monkeypatch):
    def tell_or_crash(session, teller, told, *, now):
        outcome = tell_application(session, teller, told, now=now)
        if told.email == "p1@x.example":
            raise RuntimeError("poison")
        return outcome

    for number in range(3):
        desk.deliver("indeed_apply", Applied(f"r-{number}", "REQ-1", "", "", f"p{number}@x.example", NOW))
    with monkeypatch.context() as patched:
        patched.setattr(apply, "MOST_SECONDS", 600.0)
        patched.setattr(apply, "tell_application", tell_or_crash)
        assert apply_due(desk.store, NOW) == {"applied": 2, "waiting": 1}
    assert sorted((row.state, row.attempts, row.cause_code) for row in desk.inbox()) == [
        ("applied", 1, ""), ("applied", 1, ""), ("waiting", 1, "failed"),
    ]  # fmt: skip
    assert len(desk.applications()) == 2
    assert apply_due(desk.store, NOW) == {"applied": 1}
    assert len(desk.applications()) == 3


def test_a_posting_made_or_renamed_between_two_batches_is_found(desk, monkeypatch):
    made = []

    def tell_and_rename(session, teller, told, *, now):
        outcome = tell_application(session, teller, told, now=now)
        if not made:
            row = JobPosting(company_id=desk.company.id, number=2, requisition_ref="REQ-2", title="Baker")
            made.append(row)
            session.add(row)
        return outcome

    monkeypatch.setattr(apply, "AT_ONCE", 1)
    monkeypatch.setattr(apply, "tell_application", tell_and_rename)
    for number in (1, 2):
        desk.deliver("indeed_apply", Applied(f"r-{number}", f"REQ-{number}", "", "", f"p{number}@x.example", NOW))
    assert apply_due(desk.store, NOW) == {"applied": 2}
    assert {row.posting_id for row in desk.applications()} == {desk.posting.id, made[0].id}


def test_the_dead_run_again_are_applied_once(desk, monkeypatch):
    def crash(*_args, **_named):
        raise RuntimeError("poison")

    desk.deliver("indeed_apply")
    with monkeypatch.context() as patched:
        patched.setattr(apply, "tell_application", crash)
        for _ in range(MOST_ATTEMPTS):
            apply_due(desk.store, NOW)
    (dead,) = desk.inbox()
    assert (dead.state, dead.cause_code, dead.detail) == ("dead", "failed", "RuntimeError")
    assert desk.applications() == []
    endpoint = desk.door("indeed").endpoint_id
    assert run_again(desk.store, desk.viewer, endpoint, dead.id, now=NOW) == 1
    assert run_again(desk.store, desk.viewer, endpoint, now=NOW) == 0
    assert apply_due(desk.store, NOW) == {"applied": 1}
    assert run_again(desk.store, desk.viewer, endpoint, dead.id, now=NOW) == 0
    assert len(desk.applications()) == 1


def test_a_crash_halfway_leaves_nothing_of_the_delivery(desk, monkeypatch):
    def tell_and_crash(*args, **named):
        tell_application(*args, **named)
        raise RuntimeError("poison")

    desk.deliver("indeed_apply")
    monkeypatch.setattr(apply, "tell_application", tell_and_crash)
    assert apply_due(desk.store, NOW) == {"waiting": 1}
    assert desk.applications() == []


def test_a_kind_nobody_knows_is_kept_and_shown(desk):
    desk.put("other", Delivery("m1", "candidate.juggled", {"type": "candidate.juggled", "data": {"balls": 3}}))
    assert apply_due(desk.store, NOW) == {"unknown": 1}
    (row,) = desk.inbox()
    assert (row.state, row.kind) == ("unknown", "candidate.juggled")
    kept = json.loads(desk.store.vault.open("webhook_inbox", row.id, "body", row.body.decode()))
    assert kept["data"] == {"balls": 3}


def test_a_posting_may_be_called_what_the_platform_calls_it(desk):
    config_id = desk.door("indeed").config_id
    who = Applied("r-9", "JK-77", "Somebody else's title", "Bo", "bo@x.example", NOW)
    with desk.store.writing() as session:
        row = ExternalPosting(company_id=desk.company.id, config_id=config_id, external_ref="JK-77")
        row.posting_id = desk.posting.id
        session.add(row)
    desk.deliver("indeed_apply", who)
    apply_due(desk.store, NOW)
    assert desk.applications()[0].posting_id == desk.posting.id


def test_a_referral_code_and_utm_are_kept_as_touches(desk):
    referral = Referral(company_id=desk.company.id, code=f"code{next(_codes)}-{uuid.uuid4().hex}", sent_at=NOW)
    with desk.store.writing() as session:
        session.add(referral)
    more = {"referralCode": referral.code, "utm": {"source": "LinkedIn", "medium": "social", "campaign": "spring"}}
    desk.deliver("standard", Applied("r-2", "REQ-1", "Welder", "Bo", "bo@x.example", NOW, more))
    desk.deliver("standard", Applied("r-3", "REQ-1", "Welder", "Cy", "cy@x.example", NOW, {"referralCode": "nobody's"}))
    apply_due(desk.store, NOW)
    with desk.store.reading() as session:
        touches = {(row.kind, row.platform, row.campaign) for row in session.exec(select(ApplicationTouch))}
        assert session.get_one(Referral, referral.id).application_id is not None
    assert touches == {("utm", "linkedin", "spring"), ("referral", "referrals", ""), ("referral", "", "")}
    assert {row.source_platform for row in desk.applications()} == {"linkedin", "other"}


def test_what_no_database_takes_is_no_part_of_a_name(desk):
    odd = "\x00\ud83d"
    desk.deliver("indeed_apply", Applied("r-4\x00", "RE\x00Q-1", f"Welder{odd}", f"Bo{odd}", "bo@x.example", NOW))
    desk.deliver("standard", Applied("r-5", odd, "", f"Cy{odd}", f"cy{odd}@x.example", NOW, {"referralCode": odd}))
    assert apply_due(desk.store, NOW) == {"applied": 2}
    assert {row.posting_id for row in desk.applications()} == {desk.posting.id, None}


def test_what_waits_outlives_a_change_of_the_key(desk, keyring):
    desk.deliver("indeed_apply")
    vault = Vault(Keyring({"k3": bytes(range(100, 132)), **keyring.masters}))
    with desk.store.reading() as session:
        vault.check_canary(session)
    turned = Store(desk.store.engine, vault)
    assert set(rotate(turned)) == {"k3"}
    alone = Vault(Keyring({"k3": bytes(range(100, 132))}))
    with turned.reading() as session:
        alone.check_canary(session)
    assert apply_due(Store(desk.store.engine, alone), NOW) == {"applied": 1}


def test_a_late_day_is_entered_and_counted(desk):
    desk.deliver("indeed_apply")
    apply_due(desk.store, NOW)
    assert desk.counted() == {"indeed": 1}


def _tracked(desk, *, with_ref):
    """The career site saw the same person come from Indeed and apply."""
    at = ANN.at - timedelta(minutes=2)
    told = Told(
        "tracker",
        (StageTold("applied", at, "tracker"),),
        refs=(("", f"ATS-{ANN.ref}"),) if with_ref else (("tracker", "visit-1"),),
        posting_id=desk.posting.id,
        touches=(TouchTold("utm", "visit-1", at, platform="indeed", source="indeed", medium="cpc"),),
    )
    with desk.store.writing() as session:
        teller = Teller(desk.company.id, desk.store.vault, PostingIndex(session, desk.company.id))
        tell_application(session, teller, told, now=NOW)


def _reported(desk):
    """GA4 reports the same application of the career site, as one that came from Indeed, beside two that did not."""
    day = ANN.at.date()
    with desk.store.writing() as session:
        config = PlatformConfig(
            number=next_config_number(session),
            company_id=desk.company.id,
            platform="company_website",
            connector="company_website",
            is_active=True,
        )
        session.add(config)
        session.flush()
        place = place_of(session, config)
        facts = [Fact("applications", day, 3)] + [
            Fact("applications", day, value, breakdown=Breakdown("source", source=source, medium=medium))
            for source, medium, value in (("indeed", "cpc", 1), ("(direct)", "(none)", 2))
        ]
        FactWriter(place, Origin.POLL, 1).write(session, facts, now=NOW)
        read = [(day_number(day), BY_NAME["applications"].number, False)]
        cover(session, place, read, scope=Scope.TOTAL, origin=Origin.POLL, now=NOW)
        mark_dirty(session, place, {day_number(day)}, now=NOW)


def test_indeed_the_tracker_and_the_site_s_report_tell_of_one_application(desk):
    desk.deliver("indeed_apply")
    more = {"applicationId": f"ATS-{ANN.ref}", "source": "Indeed"}
    desk.deliver("standard", Applied(ANN.ref, "REQ-1", "Welder", ANN.name, ANN.email, ANN.at, more))
    _tracked(desk, with_ref=True)
    apply_due(desk.store, NOW)
    _reported(desk)
    assert len(desk.applications()) == 1
    # The site's own two stay the site's.
    assert desk.counted() == {"indeed": 1, "company_website": 2}


def test_any_order_of_deliveries_counts_alike(sqlite_store):
    chance = random.Random(7)
    totals = set()
    for run in range(4):
        company = Company(number=900 + run, name="Mill", time_zone="UTC", currency="EUR")
        with sqlite_store.writing() as session:
            session.add(company)
        desk = Desk(sqlite_store, company)
        people = [Applied(f"p{n}", "REQ-1", "Welder", "N", f"p{n}@x.example", NOW) for n in range(6)]
        work = [(name, who) for who in people for name in ("indeed_apply", "ziprecruiter", "standard")]
        work += chance.sample(work, 9)
        chance.shuffle(work)
        for at, (name, who) in enumerate(work):
            desk.deliver(name, who)
            if at % 5 == run:
                apply_due(sqlite_store, NOW)
        apply_due(sqlite_store, NOW)
        assert len(desk.applications()) == 6
        totals.add(repr(desk.counted()))
    assert len(totals) == 1
