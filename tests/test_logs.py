"""What is written to the log holds no secret and no whole address, whoever writes it."""

import itertools
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
import structlog

import logs
from settings import Settings
from store.opening import Store
from store.tables import PlatformConfig
from store.tables.columns import new_id
from store.writes.credentials import open_secrets, open_token

PLANTED = "correct-horse-4711-battery"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the log receives, with the logging of the test run put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    levels = {
        name: logging.getLogger(name).level for name in ("httpx", "httpcore", "apscheduler", "urllib3", "asyncio")
    }
    logs.configure("info", plain=False)
    sink = StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(sink)
    yield sink
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "fields",
    [
        {"password": PLANTED},
        {"client_secret": PLANTED},
        {"headers": {"Authorization": PLANTED}},
        {"nested": [{"refresh_token": PLANTED}]},
        {"url": f"https://x.example/a?access_token={PLANTED}&b=1"},
        {"body": '{"password": "' + PLANTED + '"}'},
        {"line": f"Bearer {PLANTED}"},
        {"database": f"postgresql://user:{PLANTED}@db.example/x"},
    ],
)
def test_our_own_fields_are_redacted(written: StringIO, fields: dict[str, object]) -> None:
    structlog.get_logger("ours").warning("request refused", **fields)
    assert "request refused" in written.getvalue()
    assert PLANTED not in written.getvalue()


def test_a_registered_plaintext_is_hidden_wherever_it_stands(written: StringIO) -> None:
    logs.hide("s3cr3t-of-the-vault")
    logging.getLogger("httpx.something").error("reply said %s", "x s3cr3t-of-the-vault y")
    try:
        raise ValueError("s3cr3t-of-the-vault in a message")
    except ValueError:
        logging.getLogger("library").exception("failed")
    assert "s3cr3t" not in written.getvalue()
    assert "ValueError" in written.getvalue()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::77", "2001:db8:1::/48"),
        ("203.0.113.77:51234", "203.0.113.0/24:51234"),
        ("::ffff:203.0.113.77:51234", "203.0.113.0/24:51234"),
    ],
)
def test_addresses_are_shortened_in_libraries_lines_too(written: StringIO, address: str, kept: str) -> None:
    logging.getLogger("uvicorn.error").warning("%s - refused", address)
    assert address not in written.getvalue()
    assert kept in written.getvalue()


def test_a_time_is_no_address(written: StringIO) -> None:
    structlog.get_logger("ours").info("due", at="2026-03-10T09:15:30+00:00", took="00:00:12")
    assert "2026-03-10T09:15:30+00:00" in written.getvalue()
    assert "00:00:12" in written.getvalue()


def test_uvicorns_access_lines_are_not_written(written: StringIO) -> None:
    logging.getLogger("uvicorn.access").info("GET /auth/enter?ticket=abc")
    assert written.getvalue() == ""


def test_a_line_break_cannot_forge_a_second_line(written: StringIO) -> None:
    structlog.get_logger("ours").info("signed in", name='eve\n{"event": "forged"}')
    assert len(written.getvalue().splitlines()) == 1


def test_secrets_may_be_hidden_while_lines_are_written(written: StringIO) -> None:
    stop = threading.Event()

    def hide_more() -> None:
        for number in itertools.count():
            logs.hide(f"one-more-secret-{number}")
            if stop.is_set():
                return

    with ThreadPoolExecutor(1) as pool:
        hiding = pool.submit(hide_more)
        try:
            for _ in range(300):
                logs.redact("an ordinary line")
        finally:
            stop.set()
        hiding.result(timeout=60)
    logs.hide(PLANTED)
    for number in range(logs.MOST_HIDDEN - 1):
        logs.hide(f"a-later-secret-{number}")
    structlog.get_logger("test").warning("told", word=PLANTED)
    assert PLANTED not in written.getvalue()


def test_the_settings_secrets_are_those_that_nobody_may_read() -> None:
    told = Settings(
        database_url="postgresql://ann:p%40ss-of-the-db@db.example/board",
        encryption_key="k1:Zmlyc3Q=, k2:c2Vjb25k",
        demo_password="demo-pass",
        metrics_token="metrics-tok",
    )
    assert {"p@ss-of-the-db", "p%40ss-of-the-db", "Zmlyc3Q=", "c2Vjb25k", "demo-pass", "metrics-tok"} <= set(
        told.secrets
    )
    assert "" not in told.secrets
    assert Settings().secrets == ()


@pytest.mark.parametrize("kind", ["credentials", "token"])
def test_what_the_vault_opens_is_hidden(written: StringIO, sqlite_store: Store, kind: str) -> None:
    config = PlatformConfig(number=1, company_id=new_id(), platform="indeed")
    secret = f"opened-{kind}-{new_id()}"
    place = (
        ("platform_configs", config.id, "credentials")
        if kind == "credentials"
        else ("platform_tokens", config.id, "token")
    )
    document = {"key": secret} if kind == "credentials" else {"access_token": secret, "refresh_token": ""}
    sealed = sqlite_store.vault.seal(*place, json.dumps(document))
    if kind == "credentials":
        config.credentials = sealed
        open_secrets(sqlite_store.vault, config)
    else:
        open_token(sqlite_store.vault, config.id, sealed)
    structlog.get_logger("test").warning("told", word=f"it is {secret}")
    assert secret not in written.getvalue()


def test_a_token_at_the_very_start_of_a_line_is_redacted() -> None:
    assert logs.redact("token=abcdefgh123 and more") == "[redacted] and more"
