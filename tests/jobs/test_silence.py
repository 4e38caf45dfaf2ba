"""Who used to deliver often and fell silent is noticed; who never did, or sleeps at night, is not."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from jobs.retention import DELIVERY_DAYS, INBOX_DAYS, tidy
from jobs.silence import CAUSE, is_silent, usual_gap, watch_silence
from store.tables import ErrorLog, PlatformConfig, WebhookDelivery, WebhookEndpoint, WebhookInbox

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def steady(count, gap, until=NOW):
    """Instants `gap` apart, the last one at `until`."""
    return [until - gap * number for number in reversed(range(count))]


def office_hours(days, until=NOW):
    """One an hour from 8 to 17, Monday to Friday."""
    hours = (until - HOUR * number for number in range(24 * days))
    return sorted(at for at in hours if 8 <= at.hour <= 17 and at.weekday() < 5)


def test_a_few_deliveries_make_nobody_talkative():
    assert usual_gap(steady(19, HOUR)) is None
    assert not is_silent(steady(19, HOUR), NOW + timedelta(days=90))


def test_a_steady_sender_is_missed_after_twice_its_gap():
    times = steady(200, timedelta(hours=2))
    assert not is_silent(times, NOW + timedelta(hours=4))
    assert is_silent(times, NOW + timedelta(hours=4, minutes=1))


def test_one_outage_makes_nobody_patient():
    times = steady(100, timedelta(hours=2), NOW - timedelta(days=5)) + steady(100, timedelta(hours=1))
    assert usual_gap(times) == timedelta(hours=2)


def test_nights_and_weekends_are_no_silence():
    friday = datetime(2026, 5, 15, 17, tzinfo=UTC)
    times = office_hours(28, friday)
    assert not is_silent(times, friday + timedelta(days=2, hours=16))
    assert is_silent(times, friday + timedelta(days=7))


def test_a_first_busy_day_gives_a_whole_day_of_patience():
    times = steady(60, timedelta(minutes=1))
    assert not is_silent(times, NOW + timedelta(hours=23))
    assert is_silent(times, NOW + timedelta(hours=25))


@pytest.fixture
def endpoint(store, company):
    """An endpoint that had a delivery every two hours for eight days."""
    config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed")
    with store.writing() as session:
        session.add(config)
        session.flush()
        row = WebhookEndpoint(company_id=company.id, config_id=config.id, hook_id="h", secret="sealed")
        row.last_delivery_at = NOW
        session.add(row)
        for number, at in enumerate(steady(100, timedelta(hours=2))):
            session.add(
                WebhookDelivery(company_id=company.id, config_id=config.id, delivery_ref=f"d{number}", received_at=at)
            )
    return row


def row_of(store, endpoint):
    with store.reading() as session:
        return session.get_one(WebhookEndpoint, endpoint.id)


def errors(store):
    with store.reading() as session:
        return list(session.exec(select(ErrorLog)))


def test_silence_is_shown_and_logged_once_and_ends_with_the_next_delivery(store, endpoint):
    assert watch_silence(store, NOW + HOUR) == 0
    assert row_of(store, endpoint).usual_gap_seconds == 7200
    late = NOW + 5 * HOUR
    assert watch_silence(store, late) == 1
    assert watch_silence(store, late + HOUR) == 0
    assert row_of(store, endpoint).silent_since == late
    (error,) = errors(store)
    assert (error.cause_code, error.severity, error.resolved_at) == (CAUSE, "medium", None)
    with store.writing() as session:
        row = session.get_one(WebhookEndpoint, endpoint.id)
        row.last_delivery_at, row.silent_since = late + 2 * HOUR, None
        session.add(
            WebhookDelivery(
                company_id=row.company_id, config_id=row.config_id, delivery_ref="new", received_at=late + 2 * HOUR
            )
        )
    assert watch_silence(store, late + 3 * HOUR) == 0
    (error,) = errors(store)
    assert error.resolved_at == late + 3 * HOUR


def test_who_is_shut_is_not_missed(store, endpoint):
    with store.writing() as session:
        session.get_one(WebhookEndpoint, endpoint.id).disabled_at = NOW
    assert watch_silence(store, NOW + timedelta(days=9)) == 0
    assert errors(store) == []


def test_deliveries_are_known_for_thirteen_months_and_bodies_kept_for_one(store, endpoint):
    with store.writing() as session:
        for days in (INBOX_DAYS - 1, INBOX_DAYS + 1):
            at = NOW - timedelta(days=days)
            letter = WebhookInbox(company_id=endpoint.company_id, config_id=endpoint.config_id, received_at=at)
            letter.body = b""
            session.add(letter)
        for days in (DELIVERY_DAYS - 1, DELIVERY_DAYS + 1):
            at = NOW - timedelta(days=days)
            name = {"company_id": endpoint.company_id, "config_id": endpoint.config_id, "delivery_ref": f"old{days}"}
            session.add(WebhookDelivery(**name, received_at=at))
    done = tidy(store, NOW)
    assert (done["webhook_deliveries"], done["webhook_inbox"]) == (1, 1)
    assert tidy(store, NOW)["webhook_deliveries"] == 0
