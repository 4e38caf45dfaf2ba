"""Referring somebody: every guard with its words, for everybody's role, and of two at once exactly one."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from actions import referrals
from actions.referrals import REASONS, Referred, Refused, Wanted
from actions.users import find_user
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.referrals import MOST_AN_HOUR, WINDOW_DAYS, is_code
from store.opening import Store
from store.tables import (
    ApplicationDirtyDay,
    AuditEntry,
    JobPosting,
    Referral,
    ReferralReward,
    RewardRule,
    TrackerSite,
    TrackingLink,
    User,
)
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from tests.people import ADMIN, MANAGER, OUTSIDER, seed_people

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
ANN = "ann@people.example"


class Firm:
    """Two companies with their people, postings and a career site."""

    def __init__(self, store: Store) -> None:
        self.store = store
        people = seed_people(store, now=NOW)
        self.company, self.other = people.company, people.other
        self.ada, self.mo, self.otto = (self._viewer(email) for email in (ADMIN, MANAGER, OUTSIDER))
        self.nurse, self.cook, self.shut = (
            JobPosting(
                company_id=self.company.id,
                number=100 + at,
                title=title,
                requisition_ref=title,
                path=title,
                status=status,
            )
            for at, (title, status) in enumerate((("Nurse", "open"), ("Cook", "open"), ("Shut", "closed")))
        )
        self.theirs = JobPosting(company_id=self.other.id, number=200, title="Theirs", status="open")
        site = TrackerSite(company_id=self.company.id, key="k", settings={"origins": ["https://jobs.acme.example"]})
        with store.writing() as session:
            session.add_all([self.nurse, self.cook, self.shut, self.theirs, site])

    def _viewer(self, email: str) -> Viewer:
        user = find_user(self.store, email)
        assert user is not None
        return Viewer(user.id, user.company_id, user.role, user.name, user.email)

    def refer(self, by: Viewer | None = None, *, now: datetime = NOW, **more: object) -> Referred:
        """Refer Ann, or somebody else."""
        values = {"posting_id": self.nurse.id, "name": "Ann Lee", "email": ANN, "by_mail": False, **more}
        return referrals.refer(self.store, by or self.mo, Wanted(**values), now=now)  # type: ignore[arg-type]

    def row(self, made: Referred) -> Referral:
        """A referral as stored."""
        with self.store.reading() as session:
            return session.get_one(Referral, made.id)

    def tell(self, *stages: tuple[str, datetime], **more: object) -> None:
        """Tell of an application."""
        with self.store.writing() as session:
            teller = Teller(self.company.id, self.store.vault, PostingIndex(session, self.company.id))
            told = tuple(StageTold(stage, at, "api") for stage, at in stages)
            values = {"refs": (("", "A-1"),), "posting_ref": "Nurse", **more}
            tell_application(session, teller, Told("api", told, **values), now=NOW)  # type: ignore[arg-type]

    def deeds(self) -> list[tuple[str, str]]:
        """What the audit log says, in order."""
        with self.store.reading() as session:
            rows = session.exec(
                select(AuditEntry).where(AuditEntry.action.startswith("referral")).order_by(AuditEntry.seq)
            )  # type: ignore[arg-type]
            return [(row.action, row.outcome) for row in rows]


@pytest.fixture
def firm(store: Store) -> Firm:
    """On either database."""
    return Firm(store)


@pytest.fixture
def sqlite_firm(sqlite_store: Store) -> Firm:
    """On SQLite only."""
    return Firm(sqlite_store)


def reason_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    """Why, having checked that there are words."""
    assert str(refused.value) == REASONS.get(refused.value.reason, str(refused.value)) != ""
    return refused.value.reason


def test_an_employee_refers_somebody_and_only_sealed_names_are_stored(firm: Firm) -> None:
    made = firm.refer(email=" Ann+Jobs@People.example ", note="Hello,\r\n\r\nlook\x00 at this.")
    row = firm.row(made)
    vault = firm.store.vault
    assert is_code(made.code)
    assert (row.status, row.referrer_id, row.referrer_name, row.sent_at) == ("pending", firm.mo.user_id, "Mo", NOW)
    assert made.expires_at == NOW + timedelta(days=WINDOW_DAYS)
    assert vault.open("referrals", row.id, "candidate_email", row.candidate_email) == "ann+jobs@people.example"
    assert row.person_index == vault.digest("email-bidx", ANN)
    assert vault.open("referrals", row.id, "note", row.note) == "Hello,\n\nlook at this."
    assert not [word for word in ("ann+jobs", "people.example", "look at") if word in row.model_dump_json().lower()]
    assert firm.deeds() == [("referral.make", "ok")]
    with firm.store.reading() as session:
        due = session.exec(select(ApplicationDirtyDay.day).where(ApplicationDirtyDay.company_id == firm.company.id))
        assert (NOW.date() - date(1970, 1, 1)).days in set(due)


@pytest.mark.parametrize("own", ["mo@acme.example", "MO@Acme.example", "mo+friend@acme.example"])
def test_nobody_refers_themselves(sqlite_firm: Firm, own: str) -> None:
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer(email=own)
    assert reason_of(refused) == "self"


@pytest.mark.parametrize("again", [ANN, "ANN@people.example", "ann+2@people.example"])
def test_one_person_is_referred_for_one_posting_once(sqlite_firm: Firm, again: str) -> None:
    sqlite_firm.refer()
    with pytest.raises(Refused) as mine:
        sqlite_firm.refer(email=again)
    with pytest.raises(Refused) as known:
        sqlite_firm.refer(sqlite_firm.ada, email=again)
    assert (reason_of(mine), reason_of(known)) == ("mine", "known")
    assert "Mo" not in str(known.value)
    assert sqlite_firm.refer(sqlite_firm.ada, email=again, posting_id=sqlite_firm.cook.id).status == "pending"


def test_who_applied_before_is_not_referred_any_more_and_who_applied_long_ago_is(sqlite_firm: Firm) -> None:
    sqlite_firm.tell(("applied", NOW - timedelta(days=2)), email="ann+old@people.example")
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer()
    assert reason_of(refused) == "applied"
    assert sqlite_firm.refer(now=NOW + timedelta(days=WINDOW_DAYS)).status == "pending"


def test_an_expired_referral_makes_room_and_keeps_what_was_told_late(sqlite_firm: Firm) -> None:
    first = sqlite_firm.refer()
    later = NOW + timedelta(days=WINDOW_DAYS + 1)
    second = sqlite_firm.refer(sqlite_firm.ada, now=later)
    sqlite_firm.tell(("applied", NOW + timedelta(days=3)), email=ANN)
    assert (sqlite_firm.row(first).status, sqlite_firm.row(second).status) == ("applied", "pending")
    with pytest.raises(Refused) as refused:
        referrals.extend(sqlite_firm.store, sqlite_firm.ada, first.id, date(2027, 6, 1), now=later)
    assert reason_of(refused) == "later"


def test_a_posting_that_is_shut_or_unknown_or_another_company_s_takes_nobody(sqlite_firm: Firm) -> None:
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer(posting_id=sqlite_firm.shut.id)
    assert reason_of(refused) == "closed"
    for posting in (sqlite_firm.theirs.id, sqlite_firm.mo.user_id):
        with pytest.raises(NotFound, match="no such posting"):
            sqlite_firm.refer(posting_id=posting)


def test_twenty_an_hour_and_tries_that_tell_something_count_too(sqlite_firm: Firm) -> None:
    for number in range(MOST_AN_HOUR - 2):
        sqlite_firm.refer(email=f"p{number}@people.example", now=NOW + timedelta(minutes=number))
    for _ in range(2):
        with pytest.raises(Refused):
            sqlite_firm.refer(email="p1@people.example", now=NOW + timedelta(minutes=30))
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer(email="one@more.example", now=NOW + timedelta(minutes=40))
    assert reason_of(refused) == "often"
    # Others may go on, and so may they an hour later.
    assert sqlite_firm.refer(sqlite_firm.ada, email="x@more.example", now=NOW + timedelta(minutes=41))
    assert sqlite_firm.refer(email="one@more.example", now=NOW + timedelta(minutes=75))


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "@people.example", "ann@people", "a b@people.example", "Ann <ann@people.example>",
              "ann@people.example\r\nBcc: bob@people.example", "\u202eann@people.example",
              "ann@people.example,bob@people.example", f"{'a' * 70}@people.example", "änn@people.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_words(sqlite_firm: Firm, email: str) -> None:
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer(email=email)
    assert reason_of(refused) == "unusable"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann\r\nBcc: bob@people.example", "Ann Bcc: bob@people.example"),
        ("\u202eeeL nnA\u202c", "eeL nnA"),
        ("Cafe\u0301 🚀", "Café 🚀"),
        ("<b>Ann</b> [x](javascript:y)", "<b>Ann</b> [x](javascript:y)"),
        ("עדה לבלייס", "עדה לבלייס"),
        ("Ann\x00\x1b[31m", "Ann[31m"),
    ],
)
def test_names_are_kept_as_the_text_they_are(sqlite_firm: Firm, typed: str, kept: str) -> None:
    row = sqlite_firm.row(sqlite_firm.refer(name=typed))
    assert sqlite_firm.store.vault.open("referrals", row.id, "candidate_name", row.candidate_name) == kept


@pytest.mark.parametrize("more", [{"name": "x" * 121}, {"name": " \u200b "}, {"note": "x" * 1_001}])
def test_what_is_too_long_or_nothing_is_refused(sqlite_firm: Firm, more: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        sqlite_firm.refer(**more)
    assert reason_of(refused) == "unusable"


def test_somebody_who_was_switched_off_refers_nobody(sqlite_firm: Firm) -> None:
    with sqlite_firm.store.writing() as session:
        session.get_one(User, sqlite_firm.mo.user_id).is_active = False
    with pytest.raises(NotAllowed):
        sqlite_firm.refer()


def test_of_two_who_refer_one_person_at_the_same_instant_one_does(firm: Firm) -> None:
    began, outcomes = threading.Barrier(2), []

    def go(by: Viewer, email: str) -> None:
        began.wait(60)
        try:
            outcomes.append(firm.refer(by, email=email).status)
        except Refused as refused:
            outcomes.append(refused.reason)

    threads = [threading.Thread(target=go, args=who) for who in ((firm.mo, ANN), (firm.ada, "ann+1@people.example"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["known", "pending"]


def test_the_database_itself_keeps_one_person_from_being_referred_twice(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.refer()
    monkeypatch.setattr("store.writes.referrals.find_same", lambda *_args: None)
    with pytest.raises(Refused) as refused:
        firm.refer(firm.ada)
    assert reason_of(refused) == "known"


def test_an_own_link_is_one_for_each_posting_and_leads_to_own_sites(firm: Firm) -> None:
    first = referrals.share_link(firm.store, firm.mo, firm.nurse.id, now=NOW)
    again = referrals.share_link(firm.store, firm.mo, firm.nurse.id, now=NOW)
    every = referrals.share_link(firm.store, firm.mo, None, now=NOW)
    hers = referrals.share_link(firm.store, firm.ada, firm.nurse.id, now=NOW)
    assert (first.code, first.is_new, again.code, again.is_new) == (first.code, True, first.code, False)
    assert len({first.code, every.code, hers.code}) == 3
    assert is_code(first.code)
    assert referrals.share_link(firm.store, firm.mo, None, now=NOW).code == every.code
    with firm.store.reading() as session:
        link = session.get_one(TrackingLink, first.id)
        assert (link.referrer_id, link.platform) == (firm.mo.user_id, "referrals")
        assert link.target_url == "https://jobs.acme.example/Nurse"
    with pytest.raises(Refused) as closed:
        referrals.share_link(firm.store, firm.mo, firm.shut.id, now=NOW)
    with pytest.raises(Refused) as nowhere:
        referrals.share_link(firm.store, firm.otto, firm.theirs.id, now=NOW)
    assert (reason_of(closed), reason_of(nowhere)) == ("closed", "no_address")
    with pytest.raises(NotFound):
        referrals.share_link(firm.store, firm.otto, firm.nurse.id, now=NOW)


def test_one_s_own_referral_is_withdrawn_before_anybody_applied_and_an_admin_withdraws_any(firm: Firm) -> None:
    made = firm.refer()
    with pytest.raises(NotFound):
        referrals.withdraw(firm.store, firm.otto, made.id, now=NOW)
    with pytest.raises(NotFound):
        referrals.withdraw(
            firm.store, Viewer(firm.ada.user_id, firm.company.id, "hiring_manager", "", "x"), made.id, now=NOW
        )
    firm.tell(("applied", NOW + timedelta(hours=1)), email=ANN)
    with pytest.raises(Refused) as refused:
        referrals.withdraw(firm.store, firm.mo, made.id, now=NOW)
    assert reason_of(refused) == "converted"
    referrals.withdraw(firm.store, firm.ada, made.id, now=NOW)
    assert (firm.row(made).status, firm.row(made).application_id) == ("pending", None)
    with pytest.raises(Refused) as over:
        referrals.withdraw(firm.store, firm.ada, made.id, now=NOW)
    assert reason_of(over) == "over"
    free = firm.refer(email="bo@people.example")
    referrals.withdraw(firm.store, firm.mo, free.id, now=NOW)
    assert firm.refer(firm.ada, email="bo@people.example").status == "pending"


def test_two_referrals_of_one_person_are_made_one_by_an_admin(firm: Firm) -> None:
    keep, gone = firm.refer(), firm.refer(firm.ada, email="ann@work.example")
    elsewhere = firm.refer(posting_id=firm.cook.id)
    for other, reason in ((elsewhere, "other_posting"), (keep, "same")):
        with pytest.raises(Refused) as refused:
            referrals.merge(firm.store, firm.ada, keep.id, other.id, now=NOW)
        assert reason_of(refused) == reason
    with pytest.raises(NotAllowed):
        referrals.merge(firm.store, firm.mo, keep.id, gone.id, now=NOW)
    with pytest.raises(NotFound):
        referrals.merge(firm.store, firm.otto, keep.id, gone.id, now=NOW)
    referrals.merge(firm.store, firm.ada, keep.id, gone.id, now=NOW)
    by_code = TouchTold("referral", gone.code, NOW, platform="referrals", referral_id=gone.id)
    firm.tell(("applied", NOW + timedelta(hours=1)), touches=(by_code,))
    assert (firm.row(keep).status, firm.row(gone).merged_into) == ("applied", keep.id)
    assert ("referral.merge", "denied") in firm.deeds()
    assert firm.deeds()[-1] == ("referral.merge", "ok")


def test_what_has_a_decided_reward_is_kept_in_a_merge(sqlite_firm: Firm) -> None:
    keep, gone = sqlite_firm.refer(), sqlite_firm.refer(sqlite_firm.ada, email="ann@work.example")
    rule = RewardRule(company_id=sqlite_firm.company.id, amount_minor=1, currency="EUR")
    with sqlite_firm.store.writing() as session:
        session.add(rule)
        session.flush()
        reward = {"rule_id": rule.id, "amount_minor": 1, "currency": "EUR", "state": "approved"}
        session.add(ReferralReward(company_id=sqlite_firm.company.id, referral_id=gone.id, **reward))
    with pytest.raises(Refused) as refused:
        referrals.merge(sqlite_firm.store, sqlite_firm.ada, keep.id, gone.id, now=NOW)
    assert reason_of(refused) == "decided"


def test_a_longer_time_lets_a_late_application_count(firm: Firm) -> None:
    made = firm.refer()
    applied = NOW + timedelta(days=WINDOW_DAYS + 5)
    firm.tell(("applied", applied), email=ANN)
    assert firm.row(made).status == "pending"
    with pytest.raises(NotAllowed):
        referrals.extend(firm.store, firm.mo, made.id, applied.date(), now=applied)
    with pytest.raises(NotFound):
        referrals.extend(firm.store, firm.otto, made.id, applied.date(), now=applied)
    for day in (NOW.date(), date(2040, 1, 1)):
        with pytest.raises(Refused):
            referrals.extend(firm.store, firm.ada, made.id, day, now=applied)
    referrals.extend(firm.store, firm.ada, made.id, applied.date(), now=applied)
    assert firm.row(made).status == "applied"


def test_an_admin_sets_for_how_long_new_referrals_count(sqlite_firm: Firm) -> None:
    referrals.set_window(sqlite_firm.store, sqlite_firm.ada, 30, now=NOW)
    assert sqlite_firm.refer().expires_at == NOW + timedelta(days=30)
    with pytest.raises(NotAllowed):
        referrals.set_window(sqlite_firm.store, sqlite_firm.mo, 30, now=NOW)
    with pytest.raises(Refused):
        referrals.set_window(sqlite_firm.store, sqlite_firm.ada, 0, now=NOW)
