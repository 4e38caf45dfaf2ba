"""Registrations as they are stored: taken in hand once, and never written over a wish that was changed meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.registrations import Registration, parse_registration
from store.tables import PlatformConfig, WebhookEndpoint
from store.writes import registrations as rows

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADDRESS = "https://hiring.acme.com/api/webhooks/x/hook"


@pytest.fixture
def wish(store, company):
    """Call it for an endpoint with (or without) a registration; its id."""
    made = []

    def make(held: Registration | None = None, **of_config: object):
        number = len(made) + 1
        values = {"platform": "x", "connector": "x", "is_active": True, "credentials": "sealed", **of_config}
        with store.writing() as session:
            config = PlatformConfig(number=number, company_id=company.id, **values)
            session.add(config)
            session.flush()
            endpoint = WebhookEndpoint(
                company_id=company.id, config_id=config.id, hook_id=f"hook {number}", secret="sealed"
            )
            endpoint.settings = {"conflicts": 3}
            session.add(endpoint)
            session.flush()
            if held is not None:
                rows.note(session, endpoint, held)
        made.append(endpoint.id)
        return endpoint.id

    return make


def standing(store):
    with store.reading() as session:
        (found,) = rows.list_standings(session)
    return found


def take(store, one, step="register", address=ADDRESS, now=NOW):
    with store.writing() as session:
        return rows.take(session, one, step, address, now=now)


def test_what_is_stored_is_read_again_to_the_instant():
    told = Registration(True, "registered", "register", ADDRESS, due_at=NOW, since=NOW, answers={"api_key": "k"})
    assert parse_registration(told.document()) == told
    assert parse_registration({}) is None


def test_only_endpoints_that_somebody_wants_registered_are_found(store, wish):
    wish()
    endpoint_id = wish(Registration(wanted=True, due_at=NOW))
    found = standing(store)
    assert (found.endpoint_id, found.can_stand, found.is_deleted) == (endpoint_id, True, False)
    with store.reading() as session:
        assert session.get_one(WebhookEndpoint, endpoint_id).settings["conflicts"] == 3


@pytest.mark.parametrize(
    ("config", "endpoint"),
    [({"is_active": False}, {}), ({"deleted_at": NOW}, {}), ({}, {"disabled_at": NOW}), ({}, {"secret": ""})],
)
def test_nothing_stands_whose_address_or_connection_is_off(store, wish, config, endpoint):
    endpoint_id = wish(Registration(wanted=True), **config)
    with store.writing() as session:
        row = session.get_one(WebhookEndpoint, endpoint_id)
        for name, value in endpoint.items():
            setattr(row, name, value)
        session.add(row)
    assert not standing(store).can_stand


def test_a_step_is_taken_in_hand_by_one(store, wish):
    wish(Registration(wanted=True, due_at=NOW))
    seen = standing(store)
    first = take(store, seen)
    assert (first.attempts, first.due_at) == (1, NOW + rows.HOLD)
    assert take(store, seen) is None
    again = take(store, standing(store), now=NOW + rows.HOLD)
    assert again.attempts == 2, "whoever held it is gone"


def test_a_wish_that_was_changed_meanwhile_stays(store, wish):
    endpoint_id = wish(Registration(wanted=True, due_at=NOW))
    seen = standing(store)
    taken = take(store, seen)
    with store.writing() as session:
        endpoint = rows.locked(session, endpoint_id)
        rows.note(session, endpoint, replace(taken, wanted=False, due_at=NOW))
    with store.writing() as session:
        rows.finish(session, seen, taken, replace(taken, state="registered", due_at=None), "17")
    found = standing(store)
    assert (found.registration.wanted, found.registration.state, found.ref) == (False, "asked", "17")


def test_the_former_address_is_remembered_only_where_it_was_registered(store, wish):
    wish(Registration(True, "registered", "register", ADDRESS))
    assert take(store, standing(store), address=f"{ADDRESS}2").former == ""
    with store.writing() as session:
        endpoint = rows.locked(session, standing(store).endpoint_id)
        endpoint.registered_ref = "17"
        rows.note(session, endpoint, Registration(True, "registered", "register", ADDRESS))
    assert take(store, standing(store), address=f"{ADDRESS}2").former == ADDRESS


def test_a_deleted_connection_keeps_its_credentials_until_nothing_is_left_there(store, wish):
    wish(Registration(True, "registered", "register", ADDRESS), deleted_at=NOW)
    seen = standing(store)
    with store.reading() as session:
        assert rows.is_left_there(session, seen.config_id)
    taken = take(store, seen, "remove")
    for state, kept in (("asked", "sealed"), ("left", "")):
        with store.writing() as session:
            rows.finish(session, seen, taken, replace(taken, state=state, due_at=taken.due_at), "")
        with store.reading() as session:
            assert session.get_one(PlatformConfig, seen.config_id).credentials == kept
    with store.reading() as session:
        assert not rows.is_left_there(session, seen.config_id)


def test_a_check_is_asked_for_only_where_the_address_is_wanted(store, wish):
    endpoint_id = wish(Registration(True, "refused", "register", ADDRESS, attempts=3, cause="timeout"))
    with store.writing() as session:
        assert rows.check_anew(session, endpoint_id, now=NOW)
    held = standing(store).registration
    assert (held.state, held.attempts, held.cause, held.due_at) == ("asked", 0, "", NOW)
    with store.writing() as session:
        rows.note(session, rows.locked(session, endpoint_id), replace(held, wanted=False))
        assert not rows.check_anew(session, endpoint_id, now=NOW + timedelta(hours=1))
