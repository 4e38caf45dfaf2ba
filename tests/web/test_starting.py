"""Starting: what cannot work is said in one sentence, nothing is touched, and a database that is away is waited for."""

import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from settings import load
from store.opening import open_store
from tests.launch import ROOT, app_environment, command, free_port, running_app

SECONDS = 180


def _start(way: str, data_dir: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    data_dir.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        command(free_port(), way),
        cwd=ROOT,
        env=app_environment("", data_dir, settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _key() -> str:
    return "k1:" + base64.b64encode(os.urandom(32)).decode()


def _make(data_dir: Path, **settings: str) -> None:
    """The database that a first start makes."""
    open_store(load({"DATA_DIR": str(data_dir), **settings})).close()


@pytest.mark.parametrize("way", ["streamlit", "uvicorn"])
def test_another_key_than_the_databases_stops_it(tmp_path: Path, way: str) -> None:
    _make(tmp_path, ENCRYPTION_KEY=_key())
    before = (tmp_path / "sourceboard.db").read_bytes()
    ended = _start(way, tmp_path, ENCRYPTION_KEY=_key())
    told = ended.stdout + ended.stderr
    assert ended.returncode not in (0, -9)
    assert "Sourceboard cannot start" in told
    assert "not the one this database was written with" in told
    assert "Traceback" not in told
    assert (tmp_path / "sourceboard.db").read_bytes() == before


def test_a_lost_key_stops_it(tmp_path: Path) -> None:
    _make(tmp_path)
    (tmp_path / "encryption.key").unlink()
    ended = _start("streamlit", tmp_path)
    assert ended.returncode != 0
    assert "Sourceboard cannot start" in ended.stdout + ended.stderr
    assert not (tmp_path / "encryption.key").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "http"}, "PORT must be a whole number"),
        ({"REDIS_URL": "redis://127.0.0.1"}, "REDIS_URL"),
        ({"ENCRYPTION_KEY": "k1:c2hvcnQ="}, "k1"),
    ],
)
def test_a_setting_it_cannot_use_is_named(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    ended = _start("uvicorn", tmp_path, **settings)
    told = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert words in told
    assert "Traceback" not in told


@pytest.mark.parametrize("way", ["streamlit", "uvicorn"])
def test_a_good_start_says_the_link_to_its_own_port_and_writes_its_log(tmp_path: Path, way: str) -> None:
    with running_app(data_dir=tmp_path, way=way) as app:
        pass
    told = [line.strip() for line in app.told().splitlines() if line.strip()]
    plain = [line for line in told if not line.startswith("{")]
    assert [line.partition("?")[0] for line in plain] == [
        "Sourceboard is not set up yet. Open this link within 24 hours:",
        app.url.replace("127.0.0.1", "localhost") + "/",
    ]
    assert not [line for line in told if "alembic" in line]


def test_no_logger_of_streamlit_writes_past_the_redaction() -> None:
    script = (
        "import streamlit, Home; from streamlit.logger import get_logger;"
        "get_logger('streamlit.web.later').error('at /?token=abcdefgh12345678')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=app_environment("", Path("/nowhere"), {}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "[redacted]" in ended.stderr
    assert "abcdefgh12345678" not in ended.stderr


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=app_environment("", tmp_path, {"PORT": port}),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is in use. Stop what listens there, or set PORT to another.\n"
    assert not list(tmp_path.iterdir())


def test_uvicorn_names_a_busy_port_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        ended = subprocess.run(
            command(port, "uvicorn"),
            cwd=ROOT,
            env=app_environment("", tmp_path, {}),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ended.returncode != 0
    assert f"Port {port} is in use." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def door() -> Iterator[Path]:
    """Where the database's socket will be; a short path, as sockets must have."""
    with tempfile.TemporaryDirectory(prefix="sourceboard-") as folder:
        yield Path(folder) / "door"


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_it_starts_without_its_database_and_recovers_by_itself(
    tmp_path: Path, empty_database_url: str, door: Path
) -> None:
    url = make_url(empty_database_url)
    away = url.update_query_dict({"host": str(door)}).render_as_string(hide_password=False)
    with (
        running_app(away, tmp_path / "data", ready=False, ENCRYPTION_KEY=_key()) as app,
        httpx.Client(base_url=app.url, trust_env=False, timeout=60) as client,
    ):
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["database"]) == (503, "unreachable")
        assert answer.headers["retry-after"]
        token = client.post("/api/auth/token", json={"email": "a@b.example", "password": "x"})
        assert token.status_code == 503
        door.symlink_to(str(url.query["host"]))
        deadline = time.monotonic() + SECONDS
        while client.get("/health/ready").status_code != 200:
            assert time.monotonic() < deadline, app.told()
            time.sleep(0.2)
        assert "?setup=" in app.told()
