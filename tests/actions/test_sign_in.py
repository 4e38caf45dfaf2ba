"""The life of a session: ticket, cookie, idle and absolute end, and what cuts it short. With a clock of our own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event
from sqlmodel import col, select

from actions import sign_in, tokens, users
from actions.sign_in import SignedIn, Throttled, WrongCredentials
from actions.viewer import NotAllowed, NotFound, Viewer
from settings import Settings, load
from store.engine import open_engine, writing
from store.errors import DatabaseUnwritable
from store.opening import Store
from store.tables import AuditEntry, Company, SessionRow, SignInTicket, User
from tests.people import ADMIN, MANAGER, OUTSIDER, PASSWORD, People, seed_people

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SETTINGS: Settings = load({"SESSION_IDLE_MINUTES": "30", "SESSION_HOURS": "12"})


@pytest.fixture
def people(store: Store) -> People:
    return seed_people(store, now=NOW)


def viewer_of(store: Store, email: str) -> Viewer:
    user = users.find_user(store, email)
    assert user is not None
    return Viewer(user.id, user.company_id, user.role, user.name, user.email)


def come_in(store: Store, email: str, now: datetime = NOW) -> str:
    ticket = sign_in.make_ticket(store, viewer_of(store, email), visit="v", now=now)
    token = sign_in.enter(store, SETTINGS, ticket, visit="v", address="203.0.113.77", now=now)
    assert token is not None
    return token


def find(store: Store, token: str, now: datetime = NOW) -> SignedIn | None:
    return sign_in.find_signed_in(store, SETTINGS, token, now=now)


def deeds(store: Store) -> list[tuple[str, str, str]]:
    with store.reading() as session:
        entries = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))).all()
    return [(entry.actor, entry.action, entry.outcome) for entry in entries]


def test_a_ticket_is_good_once_for_one_browser_and_one_minute(store: Store, people: People) -> None:
    viewer = viewer_of(store, ADMIN)

    def exchange(ticket: str, visit: str, at: datetime) -> str | None:
        return sign_in.enter(store, SETTINGS, ticket, visit=visit, address="127.0.0.1", now=at)

    ticket = sign_in.make_ticket(store, viewer, visit="mine", now=NOW)
    assert exchange(ticket, "somebody else's", NOW) is None
    assert exchange(ticket, "", NOW) is None
    assert exchange(ticket, "mine", NOW) is not None
    assert exchange(ticket, "mine", NOW) is None
    late = sign_in.make_ticket(store, viewer, visit="mine", now=NOW)
    assert exchange(late, "mine", NOW + timedelta(seconds=61)) is None


def test_of_two_exchanges_at_once_one_succeeds(store: Store, people: People) -> None:
    ticket = sign_in.make_ticket(store, viewer_of(store, ADMIN), visit="v", now=NOW)
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(
                lambda _: sign_in.enter(store, SETTINGS, ticket, visit="v", address="127.0.0.1", now=NOW), range(4)
            )
        )
    assert sum(token is not None for token in made) == 1


def test_the_database_holds_no_cookie_and_no_ticket(store: Store, people: People) -> None:
    ticket = sign_in.make_ticket(store, viewer_of(store, ADMIN), visit="v", now=NOW)
    token = sign_in.enter(store, SETTINGS, ticket, visit="v", address="203.0.113.77", now=NOW)
    with store.reading() as session:
        row = session.exec(select(SessionRow)).one()
        kept = str(session.exec(select(SignInTicket)).all()) + str(row)
    assert token is not None
    assert token not in kept
    assert ticket not in kept
    assert row.address_prefix == "203.0.113.0/24"


def test_a_session_ends_when_idle_and_in_any_case(store: Store, people: People) -> None:
    token = come_in(store, ADMIN)
    assert find(store, token, NOW + timedelta(minutes=31)) is None
    at = NOW
    for _ in range(23):
        at += timedelta(minutes=29)
        found = find(store, token, at)
        assert (found is not None) == (at < NOW + timedelta(hours=12))
    assert find(store, token, NOW + timedelta(hours=12)) is None


def test_a_session_and_a_token_are_good_where_nothing_can_be_written(store: Store, people: People) -> None:
    session, bearer = come_in(store, ADMIN), tokens.make_token(store, ADMIN, PASSWORD, address="", now=NOW)
    later = NOW + timedelta(minutes=10)

    def forbid(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = 1")
            connection.info["query_only"] = True
        else:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    event.listen(store.engine, "begin", forbid)
    try:
        with pytest.raises(DatabaseUnwritable):
            come_in(store, ADMIN)
        assert find(store, session, later) is not None
        assert tokens.find_bearer(store, bearer, now=later) is not None
    finally:
        event.remove(store.engine, "begin", forbid)
    assert find(store, session, later) is not None


@pytest.mark.parametrize("elsewhere", ["in this process", "in another"])
def test_who_is_signed_in_stays_so_while_nobody_lets_go_of_the_database(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    seed_people(sqlite_store, now=NOW)
    session, bearer = (
        come_in(sqlite_store, ADMIN),
        tokens.make_token(sqlite_store, ADMIN, PASSWORD, address="", now=NOW),
    )
    later = NOW + timedelta(minutes=10)
    monkeypatch.setattr("store.engine.BUSY_SECONDS", 0.05)
    other = open_engine(str(sqlite_store.engine.url)) if elsewhere == "in another" else sqlite_store.engine
    with writing(other), ThreadPoolExecutor(1) as pool:
        found = pool.submit(find, sqlite_store, session, later).result()
        assert pool.submit(tokens.find_bearer, sqlite_store, bearer, now=later).result() is not None
    assert found is not None
    other.dispose()


def test_signing_out_ends_it_at_once(store: Store, people: People) -> None:
    token, other = come_in(store, ADMIN), come_in(store, ADMIN)
    assert sign_in.leave(store, SETTINGS, token, now=NOW)
    assert find(store, token) is None
    assert find(store, other) is not None
    assert not sign_in.leave(store, SETTINGS, token, now=NOW)


def test_a_new_role_counts_from_the_next_click(store: Store, people: People) -> None:
    token, admin = come_in(store, MANAGER), viewer_of(store, ADMIN)
    users.change_user(store, admin, viewer_of(store, MANAGER).user_id, now=NOW, role="admin")
    found = find(store, token)
    assert found is not None
    assert found.viewer.is_admin


def test_a_disabled_user_is_out_at_once_with_tokens_and_all(store: Store, people: People) -> None:
    token = come_in(store, MANAGER)
    bearer = tokens.make_token(store, MANAGER, PASSWORD, address="127.0.0.1", now=NOW)
    users.change_user(store, viewer_of(store, ADMIN), viewer_of(store, MANAGER).user_id, now=NOW, is_active=False)
    assert find(store, token) is None
    assert tokens.find_bearer(store, bearer, now=NOW) is None
    with pytest.raises(WrongCredentials):
        sign_in.check_password(store, MANAGER, PASSWORD, address="127.0.0.1", now=NOW)


def test_a_new_password_ends_the_other_sessions(store: Store, people: People) -> None:
    mine, other = come_in(store, ADMIN), come_in(store, ADMIN)
    found = find(store, mine)
    assert found is not None
    users.change_password(
        store, found.viewer.user_id, "another walk 8 blocks", by=ADMIN, now=NOW, spare=found.token_hash
    )
    assert find(store, mine) is not None
    assert find(store, other) is None
    assert sign_in.check_password(store, ADMIN, "another walk 8 blocks", address="::1", now=NOW).email == ADMIN


def test_a_token_lives_an_hour(store: Store, people: People) -> None:
    bearer = tokens.make_token(store, ADMIN, PASSWORD, address="127.0.0.1", now=NOW)
    assert tokens.find_bearer(store, bearer, now=NOW + timedelta(minutes=59)) is not None
    assert tokens.find_bearer(store, bearer, now=NOW + timedelta(minutes=60)) is None


def test_tries_from_one_address_are_slowed_and_others_are_not(store: Store, people: People) -> None:
    def guess(address: str, password: str, at: datetime = NOW) -> str:
        try:
            return sign_in.check_password(store, MANAGER, password, address=address, now=at).email
        except WrongCredentials:
            return "wrong"
        except Throttled as error:
            return "throttled" if 0 < error.retry_after <= 900 else "throttled for too long"

    assert [guess("198.51.100.1", "no no no no no") for _ in range(11)] == ["wrong"] * 10 + ["throttled"]
    assert guess("198.51.100.1", PASSWORD) == "throttled"
    assert guess("198.51.100.2", PASSWORD) == MANAGER
    assert guess("198.51.100.1", PASSWORD, NOW + timedelta(minutes=16)) == MANAGER


def test_an_address_that_tries_everybody_is_slowed(
    store: Store, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "TRIES_PER_ADDRESS", 5)

    def guess(number: int) -> None:
        sign_in.check_password(store, f"user{number}@acme.example", "x", address="198.51.100.9", now=NOW)

    for number in range(5):
        with pytest.raises(WrongCredentials):
            guess(number)
    with pytest.raises(Throttled):
        guess(6)


def test_everything_is_written_down(store: Store, people: People) -> None:
    token = come_in(store, ADMIN)
    sign_in.leave(store, SETTINGS, token, now=NOW)
    with pytest.raises(WrongCredentials):
        sign_in.check_password(store, MANAGER, "wrong wrong wrong", address="127.0.0.1", now=NOW)
    with pytest.raises(WrongCredentials):
        sign_in.check_password(store, "x@y.example\r\nforged line", "wrong", address="127.0.0.1", now=NOW)
    assert deeds(store)[-4:] == [
        (ADMIN, "sign_in", "ok"),
        (ADMIN, "sign_out", "ok"),
        (MANAGER, "sign_in", "denied"),
        ("unknown", "sign_in", "denied"),
    ]


def test_an_admin_changes_only_people_of_the_own_company(store: Store, people: People) -> None:
    admin, outsider = viewer_of(store, ADMIN), viewer_of(store, OUTSIDER)
    with pytest.raises(NotFound):
        users.change_user(store, admin, outsider.user_id, now=NOW, role="hiring_manager")
    with pytest.raises(NotAllowed):
        users.change_user(store, viewer_of(store, MANAGER), admin.user_id, now=NOW, is_active=False)
    with pytest.raises(users.NotAccepted):
        users.change_user(store, admin, admin.user_id, now=NOW, role="hiring_manager")
    assert viewer_of(store, ADMIN).is_admin


def test_a_set_up_link_makes_one_admin(store: Store) -> None:
    token = users.make_setup_link(store, now=NOW)
    assert users.is_setup_link(store, token, now=NOW)
    assert not users.is_setup_link(store, token, now=NOW + timedelta(hours=25))

    def set_up(number: int) -> bool:
        company = Company(number=1, name=f"Acme {number}", time_zone="UTC", currency="EUR")
        admin = User(company_id=company.id, email=f"a{number}@acme.example", name="Ada", role="admin")
        try:
            users.set_up(store, token, company, admin, password=PASSWORD, now=NOW)
        except users.LinkSpent:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(set_up, range(2))) == [False, True]
    assert len(users.list_companies(store)) == 1
    assert not users.is_setup_link(store, token, now=NOW)
    with pytest.raises(NotAllowed):
        users.make_setup_link(store, now=NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a b@c.example"),
        ("name", " "),
        ("role", "root"),
        ("company", ""),
        ("zone", "Mars"),
    ],
)
def test_it_refuses_people_and_companies_that_cannot_be(sqlite_store: Store, field: str, value: str) -> None:
    token = users.make_setup_link(sqlite_store, now=NOW)
    given = {"email": "a@b.example", "name": "A", "role": "admin", "company": "Acme", "zone": "UTC", field: value}
    company = Company(number=1, name=given["company"], time_zone=given["zone"], currency="EUR")
    admin = User(company_id=company.id, email=given["email"], name=given["name"], role=given["role"])
    with pytest.raises(users.NotAccepted):
        users.set_up(sqlite_store, token, company, admin, password=PASSWORD, now=NOW)
    assert not users.has_users(sqlite_store)
    assert users.is_setup_link(sqlite_store, token, now=NOW)
