"""How long a referral counts: up to the end of a day and no longer, for as long as the longer one of two made one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from actions.referrals import Refused, extend, merge
from actions.viewer import Viewer
from domain.referrals import LONGEST_WINDOW
from store.reports.landing import find_landing
from store.reports.referral_lists import WantedReferrals, count_lines
from store.reports.scope import find_company
from store.tables import Referral
from store.tables.columns import new_id
from store.writes.applications_told import StageTold, Told
from tests.store.writes.referral_scenes import Desk, at

ANN = "ann@people.example"
#: The end of 30 May in Berlin, where the company is.
MIDNIGHT = datetime(2026, 5, 30, 22, tzinfo=UTC)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def desk(store):
    return Desk(store)


@pytest.fixture
def admin(desk):
    return Viewer(new_id(), desk.company.id, "admin", "Ann", "ann@mill.example")


def refer(desk, **more):
    """A referral's id."""
    with desk.store.writing() as session:
        return desk.refer(session, **more).id


def row(desk, referral_id):
    with desk.store.reading() as session:
        return session.get_one(Referral, referral_id)


def apply(desk, when, *, email=ANN, touches=()):
    """Tell that Ann applied then, or whoever came by a code."""
    stages = (StageTold("applied", when, "api"),)
    told = Told("api", stages, (("", "A-1"),), posting_ref="REQ-1", email=email, touches=touches)
    with desk.store.writing() as session:
        desk.tell(session, told)


@pytest.mark.parametrize(
    ("when", "status"), [(MIDNIGHT - timedelta(seconds=1), "applied"), (MIDNIGHT, "pending")], ids=["in time", "late"]
)
def test_a_referral_that_was_given_a_day_more_counts_up_to_the_end_of_that_day(desk, admin, when, status):
    made = refer(desk)
    extend(desk.store, admin, made, date(2026, 5, 30), now=at(20))
    assert row(desk, made).expires_at == MIDNIGHT
    apply(desk, when)
    assert row(desk, made).status == status
    with desk.store.reading() as session:
        company = find_company(session, desk.company.id)
        expired = count_lines(session, company, WantedReferrals("expired"), now=MIDNIGHT)
        waiting = count_lines(session, company, WantedReferrals("pending"), now=MIDNIGHT)
    assert (expired, waiting) == ((1, 0) if status == "pending" else (0, 0))


@pytest.mark.parametrize(("when", "status"), [(at(181, 8), "applied"), (at(181), "pending")], ids=["in time", "late"])
def test_a_code_that_has_expired_is_worth_no_more_than_none(desk, when, status):
    made = refer(desk)
    apply(desk, when, email="", touches=(desk.by_code(row(desk, made)),))
    assert (row(desk, made).status, bool(row(desk, made).application_id)) == (status, status == "applied")


def test_the_last_day_that_can_be_said_is_taken_and_the_next_one_is_not(desk, admin):
    made = refer(desk)
    last = (at(1) + timedelta(days=LONGEST_WINDOW - 1)).date()
    extend(desk.store, admin, made, last, now=at(20))
    for day in (last + timedelta(days=1), date.max, at(19).date()):
        with pytest.raises(Refused, match=last.isoformat()):
            extend(desk.store, admin, made, day, now=at(20))


@pytest.mark.parametrize("is_longer_kept", [True, False])
def test_of_two_made_one_the_longer_time_is_the_kept_one_s_wherever_it_is_asked_for(desk, admin, is_longer_kept):
    short, long = refer(desk), refer(desk, email="ann@home.example", day=2, by=desk.lea)
    extend(desk.store, admin, short, date(2026, 5, 21), now=at(20))
    extend(desk.store, admin, long, date(2026, 5, 30), now=at(20))
    keep, gone = (long, short) if is_longer_kept else (short, long)
    merge(desk.store, admin, keep, gone, now=at(20))
    kept = row(desk, keep)
    assert kept.expires_at == MIDNIGHT
    with desk.store.reading() as session:
        for code in (kept.code, row(desk, gone).code):
            landing = find_landing(session, code, now=at(25))
            assert landing is not None
            assert (landing.ended, landing.expires_at) == ("", MIDNIGHT)
    apply(desk, at(25))
    assert row(desk, keep).status == "applied"
