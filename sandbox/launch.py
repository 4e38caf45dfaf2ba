"""Start a sandbox as a process of its own and talk to its control API; for tests, benches and the demo."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0
STOP_SECONDS = 60.0


class SandboxFailedError(RuntimeError):
    """The sandbox did not come up, or refused a control request."""


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    url: str
    pid: int

    def control(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """Ask /_ctl/<path>: GET without a body, POST with one; returns parsed JSON, or the bytes of a file.

        Raises SandboxFailedError with the sandbox's own words when it refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        verb = method or ("GET" if body is None else "POST")
        request = urllib.request.Request(f"{self.url}/_ctl/{path.lstrip('/')}", data=data, method=verb)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                raw: bytes = answer.read()
                is_json = answer.headers.get_content_type() == "application/json"
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxFailedError(error.read().decode("utf-8", "replace")) from None
        return json.loads(raw) if is_json else raw

    def plan(self, route: str, *steps: dict[str, Any], repeat: int | str = 1) -> None:
        """Let a route misbehave."""
        self.control("plan", {"route": route, "steps": list(steps), "repeat": repeat})

    def log(self) -> list[dict[str, Any]]:
        """The requests so far, oldest first."""
        requests: list[dict[str, Any]] = self.control("log")["requests"]
        return requests

    def truth(self, first: date, end: date, connected: str = "company_website,indeed,ats") -> dict[str, Any]:
        """What the product must show for [first, end)."""
        answer: dict[str, Any] = self.control(f"truth?from={first}&to={end}&connected={connected}")
        return answer

    def reset(self) -> None:
        """Faults, log, tokens, quotas and clock as at the start."""
        self.control("reset", {})


@contextmanager
def running(
    *,
    seed: int = 7,
    today: date | str | None = None,
    latency_ms: int = 0,
    state_dir: Path | None = None,
    port: int = 0,
) -> Iterator[Sandbox]:
    """A sandbox process on a free port, up when the block begins and gone when it ends.

    It also ends by itself when this process dies.
    """
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--seed", str(seed)]
    command += ["--latency-ms", str(latency_ms), "--until-stdin-closes"]
    command += ["--today", str(today)] if today is not None else []
    command += ["--state-dir", str(state_dir.resolve())] if state_dir is not None else []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        try:
            yield Sandbox(_announced_url(process, complaints), process.pid)
        finally:
            _stop(process)


def _announced_url(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    """The URL from the line the sandbox prints once it listens."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            line = process.stdout.readline().decode()
            if "http://" in line:
                return line.split()[-1]
            if not line:
                break
    complaints.seek(0)
    raise SandboxFailedError(f"the sandbox did not start: {complaints.read().decode('utf-8', 'replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
