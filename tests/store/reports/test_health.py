"""Platform health: answers of a span of hours add up, whatever the platform; nobody sees another company's."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from store.engine import run_writing
from store.opening import Store
from store.reports.health import list_alerts, list_errors, list_health
from store.reports.scope import CompanyScope, find_company
from store.reports.vitals import read_vitals
from store.tables import Company, ErrorLog, PlatformConfig
from store.writes.alerts import Trouble, raise_alert, settle_alerts
from store.writes.health import Answers, add_answers

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def config(store: Store, company: Company) -> PlatformConfig:
    found = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed", is_active=True)
    with store.writing() as session:
        session.add(found)
    return found


def seen(session: Session, config: PlatformConfig, at: datetime) -> None:
    told = Answers(10, 1, 1, 500, 1000, 400, {"100": 9, "500": 1}, quota_left=5)
    add_answers(session, config.number, told, now=at)


def scope_of(session: Session, company: Company) -> CompanyScope:
    found = find_company(session, company.id)
    assert found is not None
    return found


def test_the_hours_of_the_span_add_up_and_older_ones_do_not(
    store: Store, company: Company, config: PlatformConfig
) -> None:
    with store.writing() as session:
        for at in (NOW, NOW - timedelta(hours=3), NOW - timedelta(hours=30)):
            seen(session, config, at)
    with store.reading() as session:
        (row,) = list_health(session, scope_of(session, company), since=DAY, now=NOW)
        (week,) = list_health(session, scope_of(session, company), since=7 * DAY, now=NOW)
    assert (row.requests, row.failures, row.waits, row.mean_ms) == (20, 2, 2, 100)
    assert (row.quantile_95_ms, row.quota_left) == (500, 5)
    assert row.success_ratio == 0.9
    assert week.requests == 30


def test_what_was_never_asked_has_no_rate(store: Store, company: Company, config: PlatformConfig) -> None:
    with store.reading() as session:
        (row,) = list_health(session, scope_of(session, company), since=DAY, now=NOW)
    assert (row.success_ratio, row.mean_ms, row.quantile_95_ms, row.slowest_ms) == (None, None, None, None)


def test_another_companys_platforms_stay_unseen(store: Store, company: Company, config: PlatformConfig) -> None:
    other = Company(number=2, name="Elsewhere")
    trouble = Trouble(company.id, config.id, "auth_revoked", "critical")
    with store.writing() as session:
        session.add(other)
        seen(session, config, NOW)
        session.add(ErrorLog(company_id=company.id, config_id=config.id, at=NOW, cause_code="auth_revoked"))
        raise_alert(session, trouble, now=NOW)
    with store.reading() as session:
        theirs, ours = scope_of(session, other), scope_of(session, company)
        assert list_health(session, theirs, since=DAY, now=NOW) == []
        assert list_errors(session, theirs) == []
        assert list_alerts(session, theirs) == []
        assert len(list_errors(session, ours)) == len(list_alerts(session, ours)) == 1


def test_vitals_name_platforms_and_nothing_else(store: Store, company: Company, config: PlatformConfig) -> None:
    with store.writing() as session:
        seen(session, config, NOW)
        raise_alert(session, Trouble(company.id, config.id, "auth_revoked", "critical"), now=NOW)
    with store.reading() as session:
        vitals = read_vitals(session, NOW)
    assert vitals.platforms[config.platform].requests == 10
    assert vitals.open_alerts == 1
    run_writing(store.engine, lambda session: settle_alerts(session, config.id, now=NOW))
    with store.reading() as session:
        assert read_vitals(session, NOW).open_alerts == 0
