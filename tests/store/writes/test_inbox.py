"""Deliveries as they are acknowledged: each id once, whatever comes with it in one batch, and all of them counted."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from store.opening import Store
from store.tables import Company, PlatformConfig, WebhookDelivery, WebhookEndpoint, WebhookInbox
from store.tables.columns import new_id
from store.writes.in_bulk import MOST_ROWS
from store.writes.inbox import Arrived, write_deliveries
from store.writes.webhooks import make_endpoint

NOW = datetime(2026, 3, 5, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def endpoint(store: Store, company: Company) -> WebhookEndpoint:
    with store.writing() as session:
        config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed", name="x")
        session.add(config)
        session.flush()
        return make_endpoint(session, company.id, config.id, now=NOW)


def arrived(endpoint: WebhookEndpoint, ref: str, body_hash: str = "h", *, at: datetime = NOW) -> Arrived:
    return Arrived(new_id(), endpoint.company_id, endpoint.config_id, endpoint.id, ref, "apply", body_hash, "v1.ü", at)


def write(store: Store, *told: Arrived) -> list[str]:
    with store.writing() as session:
        return list(write_deliveries(session, told))


def test_what_is_new_is_kept_as_it_came(store: Store, endpoint: WebhookEndpoint) -> None:
    one = arrived(endpoint, 'Zoë "1" \\ %s')
    assert write(store, one) == ["new"]
    with store.reading() as session:
        letter = session.exec(select(WebhookInbox)).one()
        known = session.exec(select(WebhookDelivery)).one()
    assert (letter.id, letter.delivery_ref, letter.received_at) == (one.inbox_id, one.delivery_ref, NOW)
    assert (bytes(letter.body).decode(), letter.kind, letter.state) == ("v1.ü", "apply", "waiting")
    assert (known.config_id, known.delivery_ref, known.received_at, known.body_hash, known.repeats) == (
        endpoint.config_id, one.delivery_ref, NOW, "h", 0,
    )  # fmt: skip


def test_repeats_and_conflicts_are_told_apart_and_leave_the_first(store: Store, endpoint: WebhookEndpoint) -> None:
    write(store, arrived(endpoint, "old"))
    batch = [arrived(endpoint, f"new {number}") for number in range(2 * MOST_ROWS + 1)]
    batch += [arrived(endpoint, "old"), arrived(endpoint, "old", "other"), arrived(endpoint, "new 3")]
    later = arrived(endpoint, "latest", at=NOW + timedelta(seconds=5))
    assert write(store, *batch, later) == ["new"] * (2 * MOST_ROWS + 1) + ["repeat", "conflict", "repeat", "new"]
    with store.reading() as session:
        refs = sorted(session.exec(select(WebhookInbox.delivery_ref)))
        told = {row.delivery_ref: row for row in session.exec(select(WebhookDelivery))}
        row = session.exec(select(WebhookEndpoint).where(col(WebhookEndpoint.id) == endpoint.id)).one()
    assert refs == sorted(told)
    assert len(refs) == 2 * MOST_ROWS + 3
    assert (told["old"].repeats, told["old"].body_hash, told["new 3"].repeats) == (2, "h", 1)
    assert (row.deliveries, row.last_delivery_at) == (len(batch) + 2, NOW + timedelta(seconds=5))
    assert row.settings["conflicts"] == 1
