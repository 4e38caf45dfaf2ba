"""The operator's commands, run as an operator runs them."""

import json
import os
import select as select_system
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from settings import load
from store.opening import Store, open_store
from store.tables import AppMeta, Company, User
from tests.launch import ROOT, app_environment, running_app
from tests.manage.commanded import command
from tests.people import ADMIN, MANAGER, PASSWORD, seed_data_dir

SECONDS = 300
EXPORTED = ["export", "postings", "--from", "2026-01-01", "--to", "2026-02-01"]
Ended = subprocess.CompletedProcess[str]
Manage = Callable[..., Ended]


def typed(data_dir: Path, *arguments: str, given: str = "", **settings: str) -> Ended:
    """One command as an operator types it, which takes Python seconds to begin."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=app_environment("", data_dir, settings),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def manage(nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Manage:
    """The same in a process that has imported what it needs already."""

    def run(data_dir: Path, *arguments: str, given: str = "", **settings: str) -> Ended:
        folder = tmp_path_factory.mktemp("command")
        (folder / "in").write_text(given, "utf-8")
        told = (list(arguments), app_environment("", data_dir, settings), str(ROOT), str(folder))
        process = nursery.Process(target=command, args=told)
        process.start()
        process.join(SECONDS)
        assert process.exitcode is not None, f"{arguments} did not end"
        out, err = ((folder / name).read_text("utf-8") for name in ("out", "err"))
        return Ended(list(arguments), process.exitcode, out, err)

    return run


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with people in its database, to be copied."""
    folder = tmp_path_factory.mktemp("seeded")
    seed_data_dir(folder)
    return folder


@pytest.fixture
def data_dir(seeded: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(seeded, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _with_store(data_dir: Path) -> Store:
    return open_store(load({"DATA_DIR": str(data_dir)}))


def test_the_first_user_comes_with_the_company(tmp_path: Path, manage: Manage) -> None:
    told = ["create-user", "--email", "Ada@Acme.example", "--role", "admin", "--company", "Acme", "--password-stdin"]
    ended = typed(tmp_path, *told, "--time-zone", "Europe/Berlin", "--currency", "EUR", given=PASSWORD + "\n")
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    store = _with_store(tmp_path)
    with store.reading() as session:
        company, user = session.exec(select(Company)).one(), session.exec(select(User)).one()
    store.close()
    assert (company.name, company.time_zone, company.currency) == ("Acme", "Europe/Berlin", "EUR")
    assert (user.email, user.role) == ("ada@acme.example", "admin")
    again = manage(tmp_path, *told, given=PASSWORD + "\n")
    assert (again.returncode, again.stderr) == (1, "Somebody signs in with that e-mail already.\n")
    assert manage(tmp_path, "setup-link").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create-user", "--email", "x@y.example", "--password-stdin"], "Use at least 12 characters"),
        (["set-password", "--email", "nobody@y.example", "--password-stdin"], "Nobody signs in"),
        (["restore", "/nowhere/at/all.db"], "There is no file"),
        (["backfill", "--platform", "indeed", "--from", "2026-01-01", "--to", "2026-02-01"], "No connection to indeed"),
        (["sync", "--platform", "indeed"], "No connection to indeed"),
        (["change-user", "--email", "nobody@y.example", "--disable"], "Nobody signs in"),
        (["change-user", "--email", ADMIN], "Only the role"),
        (["change-user", "--email", ADMIN, "--disable"], "Somebody has to stay admin"),
        (EXPORTED, "Say which company"),
        ([*EXPORTED, "--company", "Akme"], "There is no company 'Akme'"),
        (
            [*EXPORTED, "--company", "Acme", "--into", "/nowhere/at/all.csv"],
            "/nowhere/at/all.csv: No such file or directory",
        ),
        (["export-audit", "--to", "/nowhere/at/all.jsonl"], "/nowhere/at/all.jsonl: No such file or directory"),
    ],
)
def test_a_refusal_is_one_sentence(data_dir: Path, manage: Manage, arguments: list[str], words: str) -> None:
    if arguments[0] == "create-user":
        arguments = [*arguments, "--company", "Acme"]
    kept = data_dir / "kept.csv"
    kept.write_text("mine", "utf-8")
    if arguments[0] == "export" and "--into" not in arguments:
        arguments = [*arguments, "--into", str(kept)]
    ended = manage(data_dir, *arguments, given="short\n")
    assert kept.read_text("utf-8") == "mine"
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_who_leaves_can_sign_in_no_more_and_may_come_back(data_dir: Path, manage: Manage) -> None:
    gone = manage(data_dir, "change-user", "--email", MANAGER, "--disable")
    assert (gone.returncode, gone.stdout) == (0, f"{MANAGER} can no longer sign in as hiring_manager.\n"), gone.stderr
    back = manage(data_dir, "change-user", "--email", MANAGER, "--enable", "--role", "admin")
    assert (back.returncode, back.stdout) == (0, f"{MANAGER} can sign in as admin.\n"), back.stderr
    store = _with_store(data_dir)
    with store.reading() as session:
        user = session.exec(select(User).where(col(User.email) == MANAGER)).one()
    store.close()
    assert (user.is_active, user.role) == (True, "admin")


def test_a_copy_put_back_is_what_was_copied(data_dir: Path, manage: Manage) -> None:
    copied = manage(data_dir, "backup")
    assert copied.returncode == 0, copied.stderr
    copy = next((data_dir / "backups").glob("*.db"))
    store = _with_store(data_dir)
    with store.writing() as session:
        session.add(AppMeta(key="after the copy", value="x"))
    store.close()
    assert manage(data_dir, "restore", str(copy)).returncode == 0
    store = _with_store(data_dir)
    with store.reading() as session:
        assert session.get(AppMeta, "after the copy") is None
        assert session.exec(select(User).where(col(User.email) == ADMIN)).one()
    store.close()
    kept = [path for path in (data_dir / "backups").glob("*.db") if path != copy]
    assert kept, "what was there before must have been kept"
    assert manage(data_dir, "restore", str(kept[0])).returncode == 0
    store = _with_store(data_dir)
    with store.reading() as session:
        assert session.get(AppMeta, "after the copy") is not None
    store.close()


def test_it_does_not_restore_under_a_running_program(data_dir: Path, manage: Manage) -> None:
    assert manage(data_dir, "backup").returncode == 0
    copy = next((data_dir / "backups").glob("*.db"))
    with running_app(data_dir=data_dir):
        ended = manage(data_dir, "restore", str(copy))
        assert (ended.returncode, ended.stderr) == (1, "The database is in use. Stop Sourceboard first.\n")
    assert manage(data_dir, "restore", str(copy)).returncode == 0


def test_it_restores_nothing_that_is_damaged_or_foreign(data_dir: Path, tmp_path: Path, manage: Manage) -> None:
    before = (data_dir / "sourceboard.db").read_bytes()
    damaged, foreign = tmp_path / "damaged.db", tmp_path / "foreign.db"
    damaged.write_bytes(before[: len(before) // 2] + os.urandom(4096))
    foreign.write_bytes(b"")
    for copy in (damaged, foreign):
        ended = manage(data_dir, "restore", str(copy))
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
    assert (data_dir / "sourceboard.db").read_bytes() == before


def test_the_doctor_says_what_is_wrong(data_dir: Path, manage: Manage) -> None:
    well = manage(data_dir, "doctor")
    assert well.returncode == 0, well.stdout
    assert "ok   audit log: whole" in well.stdout
    (data_dir / "encryption.key").unlink()
    ill = manage(data_dir, "doctor")
    assert ill.returncode == 1
    assert "BAD  database" in ill.stdout


def test_the_audit_log_comes_out_as_lines(data_dir: Path, manage: Manage) -> None:
    ended = manage(data_dir, "set-password", "--email", ADMIN, "--password-stdin", given="another walk 8 blocks\n")
    assert ended.returncode == 0, ended.stderr
    out = data_dir / "audit.jsonl"
    assert manage(data_dir, "export-audit", "--to", str(out)).returncode == 0
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["action"] for line in lines] == ["company.create", "company.create", "user.password"]
    assert lines[-1]["previous_hash"] == lines[-2]["hash"]
    assert "another walk" not in out.read_text("utf-8")


def test_keys_are_rotated_and_the_old_one_can_go(data_dir: Path, manage: Manage) -> None:
    old = (data_dir / "encryption.key").read_text("ascii").strip()
    (data_dir / "encryption.key").unlink()
    new = "k9:8f3GMJw0d5sBqR1tYpVhXkT9o7uLzEa2iNc4QvDbW6Y="
    ended = manage(data_dir, "rotate-keys", ENCRYPTION_KEY=f"{new},{old}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("k9: ")
    assert len(ended.stdout.splitlines()) == 1
    assert manage(data_dir, "doctor", ENCRYPTION_KEY=new).returncode == 0
    assert manage(data_dir, "doctor", ENCRYPTION_KEY=old).returncode == 1


def test_its_words_leave_at_once_also_into_a_pipe() -> None:
    environment = app_environment("", ROOT / "unused", {})
    del environment["PYTHONUNBUFFERED"]
    command = [sys.executable, "-c", "import manage, sys; manage._say('password 1'); sys.stdin.read()"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready, _, _ = select_system.select([process.stdout], [], [], SECONDS)
        told = process.stdout.readline() if ready else b""
        process.stdin.close()
    assert told == b"password 1\n"


def test_every_command_stands_in_the_operating_guide(tmp_path: Path, manage: Manage) -> None:
    guide = (ROOT / "docs" / "operating.md").read_text("utf-8")
    told = manage(tmp_path, "--help").stdout
    commands = [line.split()[0] for line in told.splitlines() if line.startswith("    ") and line[4] != " "]
    assert len(commands) >= 13
    assert not [command for command in commands if f"| `{command}` |" not in guide]
