"""Opening the store: the key is made once, asked for when it is missing, and nothing is changed without it."""

import base64
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.errors import StartError
from store.migrate import find_revision
from store.opening import attach_store, open_store

ROOT = Path(__file__).parents[2]
KEY = "k7:wvJbIVTsOEo3VZnq4uL4mJ0KV1Qm8Jxk2n3cC6ysU2E="


@dataclass(frozen=True)
class Told:
    """Settings of a test."""

    url: str
    data_dir: Path
    encryption_key: str = ""
    encryption_key_file: str = ""


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Told]:
    """Settings for an SQLite database that is not there yet."""
    return lambda **more: Told(f"sqlite:///{tmp_path / 'data' / 's.db'}", tmp_path / "data", **more)


def test_a_fresh_sqlite_database_gets_a_key_that_only_we_can_read(told: Callable[..., Told]) -> None:
    settings = told()
    first = open_store(settings)
    digest = first.vault.digest("session", "x")
    first.close()
    assert (settings.data_dir / "encryption.key").stat().st_mode & 0o777 == 0o600
    for opened in (open_store(settings), attach_store(settings)):
        assert opened.vault.digest("session", "x") == digest
        opened.close()


def test_the_key_may_come_from_the_environment_or_a_file(told: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(KEY + "\n")
    first = open_store(told(encryption_key=KEY))
    first.close()
    second = open_store(told(encryption_key_file=str(tmp_path / "secret")))
    assert second.vault.keyring.writer == "k7"
    second.close()
    assert not (tmp_path / "data" / "encryption.key").exists()


def test_a_database_without_its_key_is_not_opened_and_no_new_key_is_made(told: Callable[..., Told]) -> None:
    settings = told()
    open_store(settings).close()
    (settings.data_dir / "encryption.key").unlink()
    with pytest.raises(StartError, match="encryption key is missing"):
        open_store(settings)
    with pytest.raises(StartError, match="encryption key is missing"):
        attach_store(settings)
    assert not (settings.data_dir / "encryption.key").exists()


def test_another_key_is_refused(told: Callable[..., Told]) -> None:
    open_store(told(encryption_key=KEY)).close()
    other = base64.b64encode(bytes(range(100, 132))).decode()
    with pytest.raises(StartError, match="k7 is not the one"):
        open_store(told(encryption_key=f"k7:{other}"))
    with pytest.raises(StartError, match="k7 is missing"):
        open_store(told(encryption_key=f"k8:{other}"))


def test_a_server_database_gets_no_key_by_itself(postgres: Callable[[str], str], tmp_path: Path) -> None:
    url = postgres("postgres").replace("postgresql://", "postgresql+psycopg://", 1)
    with pytest.raises(StartError, match="encryption key is missing"):
        open_store(Told(url, tmp_path))
    assert not (tmp_path / "encryption.key").exists()


def test_a_key_file_that_is_not_there_is_named(told: Callable[..., Told], tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nowhere"):
        open_store(told(encryption_key_file=str(tmp_path / "nowhere")))
    with pytest.raises(StartError, match="not both"):
        open_store(told(encryption_key_file="x", encryption_key=KEY))


def test_a_worker_does_not_migrate(told: Callable[..., Told]) -> None:
    settings = told(encryption_key=KEY)
    with pytest.raises(StartError, match="not been migrated"):
        attach_store(settings)
    assert not settings.data_dir.exists()


def test_processes_that_start_at_once_agree_on_one_key(told: Callable[..., Told]) -> None:
    settings = told()
    code = (
        "import os, settings; from store.opening import open_store; "
        "print(open_store(settings.load(os.environ)).vault.digest('session', 'x'))"
    )
    environment = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.url, "PATH": "/usr/bin:/bin"}
    starters = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert len({starter.communicate(timeout=300)[0] for starter in starters}) == 1
    assert all(starter.returncode == 0 for starter in starters)


def test_a_newer_database_is_named_before_the_key_is_asked_for(told: Callable[..., Told]) -> None:
    from sqlalchemy import text

    settings = told(encryption_key=KEY)
    opened = open_store(settings)
    with opened.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(StartError, match="newer"):
        open_store(told())


def test_nothing_is_made_where_the_key_is_bad(told: Callable[..., Told]) -> None:
    settings = told(encryption_key="k1:c2hvcnQ=")
    with pytest.raises(StartError, match="bytes"):
        open_store(settings)
    assert not settings.data_dir.exists()


def test_find_revision_makes_no_file(tmp_path: Path) -> None:
    from store.engine import open_engine

    engine = open_engine(f"sqlite:///{tmp_path / 'none.db'}")
    assert find_revision(engine) is None
    assert not (tmp_path / "none.db").exists()
    engine.dispose()
