"""Starting and stopping: the line it prints, a busy port, a kept state, and whom it imports."""

import ast
import socket
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from sandbox.launch import ROOT, SandboxFailedError, running

TODAY = date(2026, 11, 18)


def test_a_restart_with_the_same_state_keeps_key_secrets_and_story(tmp_path):
    with running(today=TODAY, state_dir=tmp_path) as first:
        credentials = first.control("credentials")
        key = credentials["ga4"]["service_account"]["private_key"]
        totals = first.control("truth?from=2026-10-01&to=2026-11-01")["totals"]
    with running(today=date(2026, 12, 3), state_dir=tmp_path) as second:
        again = second.control("credentials")

        assert again["ga4"]["service_account"]["private_key"] == key
        assert again["indeed"] == credentials["indeed"]
        assert second.control("truth?from=2026-10-01&to=2026-11-01")["totals"] == totals
        assert second.control("clock")["company_today"] == "2026-12-03"
    assert (tmp_path / "service-account-7.pem").stat().st_mode & 0o077 == 0


def test_a_busy_port_is_said_plainly():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        complaint = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(SandboxFailedError, match=complaint), running(today=TODAY, port=port):
            pass


def test_without_a_fixed_day_it_lives_today_and_latency_delays_every_answer():
    with running(latency_ms=300) as slow:
        before = datetime.now(ZoneInfo("America/New_York")).date()
        told = slow.control("clock")["property_today"]
        after = datetime.now(ZoneInfo("America/New_York")).date()
        answer = httpx.post(f"{slow.url}/token", data={}, trust_env=False, timeout=60)

        assert before.isoformat() <= told <= after.isoformat()
        assert answer.status_code == 400
        assert slow.log()[0]["duration_ms"] >= 300


def test_it_ends_when_the_process_that_started_it_dies():
    script = (
        "import os, sys\n"
        "from sandbox.launch import running\n"
        "context = running(today='2026-11-18')\n"
        "sandbox = context.__enter__()\n"
        "sys.stdout.write(sandbox.url)\n"
        "sys.stdout.flush()\n"
        "os._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=180)

    assert done.stdout.startswith("http://127.0.0.1:")
    port = int(done.stdout.rpartition(":")[2])
    assert gone(port)


def gone(port: int) -> bool:
    """Whether nothing listens on the port any more, asked for up to a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.02)
    return False


def test_it_imports_nothing_of_the_product():
    libraries = {"starlette", "uvicorn", "cryptography", "jwt", "httpx", "graphql", "openpyxl", "defusedxml"}
    allowed = {"sandbox", *libraries, *sys.stdlib_module_names}
    paths = sorted(Path(ROOT, "sandbox").glob("*.py"))
    assert Path(ROOT, "sandbox", "launch.py") in paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in allowed, f"{path.name} imports {name}"
