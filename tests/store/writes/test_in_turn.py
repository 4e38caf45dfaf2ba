"""Two who make the same thing at the same moment: on PostgreSQL the second finds what the first made."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlmodel import select

from actions.postings import save_posting
from actions.users import NotAccepted, add_company, add_user
from actions.viewer import ADMIN, Viewer
from domain.platforms import BY_KEY
from store.opening import Store
from store.tables import AppMeta, Company, ExternalPosting, ImportMapping, PlatformConfig, User
from store.vault import Vault
from store.writes import numbers
from store.writes.applications_locked import lock_applications
from store.writes.audit import Deed, append_audit
from store.writes.facts import Place
from store.writes.imports import platform_config, remember_mapping
from store.writes.links import make_link
from store.writes.postings import next_number, upsert_external_postings
from store.writes.tracked_targets import TrackedCompany, make_internal
from store.writes.tracker import save_site
from store.writes.webhooks import make_endpoint
from tests.store.beside import beside

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SITE = BY_KEY["company_website"].number
SEEN = SimpleNamespace(
    ref="p-1", title="Welder", requisition_ref="R1", path="", url="", location="", kind="posting", links=(),
    campaign="", posted_at=None,
)  # fmt: skip


@pytest.fixture
def config(store: Store, company: Company) -> PlatformConfig:
    """An internal connection of the company."""
    with store.writing() as session:
        return platform_config(session, company.id, "indeed", now=NOW)


def both(store, make):
    """What `make(session)` returned to the first and to the second, who begins while the first is at it."""
    made = []

    def first(session):
        made.append(make(session))
        yield

    def second():
        with store.writing() as session:
            made.append(make(session))

    assert beside(store, first, second) == []
    return made


def test_an_endpoint_is_made_once(store, company, config):
    one, other = both(store, lambda session: make_endpoint(session, company.id, config.id, now=NOW).id)
    assert one == other


def test_a_site_is_made_once(store, company):
    keys = iter(["first", "second"])
    made = both(store, lambda session: save_site(session, company.id, next(keys), {}, now=NOW).key)
    assert made == ["first", "first"]


def test_a_link_is_made_once(store, company):
    values = {"posting_id": None, "platform": "indeed", "campaign": "", "target_url": "https://jobs.acme.example/"}
    one, other = both(store, lambda session: make_link(session, company.id, values, now=NOW).slug)
    assert one == other


def test_a_mapping_is_kept_once_and_counted_twice(store, company):
    both(store, lambda session: remember_mapping(session, company.id, "metrics", "hash", mapping={}, now=NOW))
    with store.reading() as session:
        assert session.exec(select(ImportMapping.uses)).all() == [2]


def test_a_platforms_internal_connection_is_made_once(store, company):
    one, other = both(store, lambda session: platform_config(session, company.id, "indeed", now=NOW).id)
    assert one == other


def test_the_trackers_internal_connection_is_made_once(store, company):
    whose = TrackedCompany(company.id, company.number, company.time_zone, "", frozenset({SITE}), frozenset())
    one, other = both(store, lambda session: make_internal(session, whose, SITE, NOW).id)
    assert one == other


def test_a_posting_that_two_hear_of_is_entered_once(store, company, config):
    place = Place(company.id, company.number, config.id, config.number)
    both(store, lambda session: upsert_external_postings(session, place, [SEEN], now=NOW))
    with store.reading() as session:
        assert session.exec(select(ExternalPosting.title)).all() == ["Welder"]


def test_a_posting_whose_number_was_told_meanwhile_gets_its_title(store, company, config):
    place = Place(company.id, company.number, config.id, config.number)

    def first(session):
        numbers.Numbers(company.id, company.number, config.id, config.number).of_postings(session, ["p-1"])
        yield

    def second():
        with store.writing() as session:
            upsert_external_postings(session, place, [SEEN], now=NOW)

    assert beside(store, first, second) == []
    with store.reading() as session:
        assert session.exec(select(ExternalPosting.title)).all() == ["Welder"]


def test_companies_made_at_once_have_numbers_of_their_own(store):
    def made(name):
        return Company(number=1, name=name, time_zone="UTC", currency="EUR")

    first, second = made("First"), made("Second")

    def begin(session):
        from actions.users import _add_company

        _add_company(session, first)
        yield

    assert beside(store, begin, lambda: add_company(store, second, by="test", now=NOW)) == []
    assert (first.number, second.number) == (1, 2)


def test_of_two_users_with_one_address_the_second_is_told(store, company):
    def user():
        return User(company_id=company.id, email="ada@acme.example", name="Ada", role="admin")

    told = []

    def begin(session):
        from actions.users import _add_user

        _add_user(session, company, user(), by="test", now=NOW)
        yield

    def add():
        with pytest.raises(NotAccepted, match="already"):
            add_user(store, company, user(), password="correct horse battery", by="test", now=NOW)
        told.append(True)

    assert beside(store, begin, add) == []
    assert told == [True]


def test_processes_that_first_open_a_database_agree_on_its_proof(store, keyring):
    vaults = [Vault(keyring), Vault(keyring)]
    with store.writing() as session:
        session.execute(text("DELETE FROM app_meta"))
    begun = iter(vaults)
    both(store, lambda session: next(begun).check_canary(session, plant=True))
    assert len({vault.digest("session", "x") for vault in vaults}) == 1
    with store.reading() as session:
        assert len(session.exec(select(AppMeta.key)).all()) == 2


def test_who_makes_a_posting_and_who_enters_an_application_do_not_wait_in_a_circle(store, company):
    admin = Viewer(company.id, company.id, ADMIN, "Ada", "ada@acme.example")

    def event(session):
        lock_applications(session, company.id)
        yield
        session.execute(
            text("INSERT INTO event_dirty_days (company_id, day, made_at) VALUES (:id, 1, now())"), {"id": company.id}
        )
        session.exec(select(Company).where(Company.id == company.id).with_for_update(key_share=True)).one()

    made = []
    raised = beside(store, event, lambda: made.append(save_posting(store, admin, {"title": "Welder"}, now=NOW)))
    assert raised == []
    assert len(made) == 1


def test_who_refers_to_a_company_need_not_wait_for_who_numbers_its_postings(store, company):
    def numbering(session):
        next_number(session, company.id)
        yield
        assert done == [True]

    done = []

    def refer():
        with store.writing() as session:
            platform_config(session, company.id, "indeed", now=NOW)
        done.append(True)

    assert beside(store, numbering, refer) == []


def test_who_changes_the_same_row_and_writes_it_down_waits_in_one_order(store, company):
    def changed(session, name):
        row = session.get_one(Company, company.id)
        row.name = name
        session.add(row)
        append_audit(session, Deed("test", "company.rename"), now=NOW)

    def first(session):
        session.execute(text("UPDATE companies SET currency = 'USD'"))
        yield
        append_audit(session, Deed("test", "company.currency"), now=NOW)

    def second():
        with store.writing() as session:
            changed(session, "Renamed")

    assert beside(store, first, second) == []
