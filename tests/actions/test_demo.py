"""The demo's sign-ins stay the same from start to start, and are nobody else's to read."""

import stat
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from actions.demo import ADMIN_EMAIL, PASSWORD_FILE, seed_people
from actions.passwords import verify_password
from settings import load
from store.tables import User

TOLD = {"name": "Halden Robotics", "time_zone": "Europe/Berlin"}


@pytest.fixture
def database_kind() -> str:
    """Nothing here differs between databases."""
    return "sqlite"


def seed(store, tmp_path, **more):
    return seed_people(store, load({"DATA_DIR": str(tmp_path), **more}), TOLD, now=datetime.now(UTC)).password


def password_fits(store, password):
    with store.reading() as session:
        users = session.exec(select(User)).all()
    return len(users) == 2 and all(verify_password(password, user.password_hash) for user in users)


def test_a_second_start_prints_the_same_password_and_it_fits(store, tmp_path):
    first = seed(store, tmp_path)
    with store.reading() as session:
        before = session.exec(select(User.password_changed_at).where(User.email == ADMIN_EMAIL)).one()
    assert seed(store, tmp_path) == first
    assert password_fits(store, first)
    with store.reading() as session:
        # Who is signed in stays so: the password was not set anew.
        assert session.exec(select(User.password_changed_at).where(User.email == ADMIN_EMAIL)).one() == before
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600


def test_a_password_of_one_s_own_goes_before_the_kept_one_and_leaves_it(store, tmp_path):
    kept = seed(store, tmp_path)
    own = "a password of mine"
    assert seed(store, tmp_path, DEMO_PASSWORD=own) == own
    assert password_fits(store, own)
    assert seed(store, tmp_path) == kept
    assert password_fits(store, kept)


def test_an_empty_file_is_as_good_as_none(store, tmp_path):
    (tmp_path / PASSWORD_FILE).write_text("\n", "utf-8")
    (tmp_path / PASSWORD_FILE).chmod(0o644)
    made = seed(store, tmp_path)
    assert len(made) >= 12
    assert password_fits(store, made)
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600
