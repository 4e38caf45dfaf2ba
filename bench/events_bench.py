"""Webhooks, signed, committed and then acknowledged, against a bare route that answers 204; 50 connections."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import psutil
from sqlalchemy import text

from actions.users import add_company
from actions.viewer import Viewer
from actions.webhooks import change_secret, open_endpoint
from bench.bare import serving
from bench.databases import KEY, KINDS, LABELS, fresh_store
from bench.figures import Figure, Scale
from bench.pouring import Poured, pour, request_bytes
from sandbox.senders import Applied, indeed_apply
from store.opening import Store
from store.tables import Company, User, WebhookEndpoint
from tests.launch import RunningApp, running_app

SECRET = "a secret that Indeed made for the bench"
EVENTS, QUICK_EVENTS = 20_000, 1_500
CONNECTIONS = 50
LEAST_SHARE, MOST_CPU, MOST_P99 = 0.4, 2.5, 100.0
_WARM = 300
_TURNS = 8
_IDLE_SECONDS, _IDLE_PERCENT = 60.0, 10.0


def run(scale: Scale) -> list[Figure]:
    """Each database: the bare route, then webhooks, in turns, on one machine."""
    return [figure for kind in KINDS for figure in _webhooks(kind, scale.runs(EVENTS, QUICK_EVENTS))]


def _webhooks(kind: str, count: int) -> list[Figure]:
    with ExitStack() as stack:
        store, settings = stack.enter_context(fresh_store(kind))
        path = _endpoint(store)
        data_dir = settings.data_dir
        app = stack.enter_context(
            running_app(settings.database_url, data_dir, ENCRYPTION_KEY=KEY, WORKERS="0", LOG_LEVEL="warning")
        )
        bare_port, bare_pid = stack.enter_context(serving())
        ours = _requests(app, path, count + _WARM)
        # The same bytes to the bare route: what reading their headers costs is the server's, not ours.
        bare = [one.replace(path.encode(), b"/take", 1) for one in ours[:count]]
        measure(bare_port, bare_pid, bare[:_WARM])
        measure(port_of(app), app.process.pid, ours[:_WARM])
        wait_until_idle(app.process.pid)
        plain, poured = in_turns((bare_port, bare_pid, bare), (port_of(app), app.process.pid, ours[_WARM:]))
        _must_be_stored(store, poured[0], count + _WARM)
    return figures(LABELS[kind], "webhook", plain, poured)


Measured = tuple[Poured, float]
Target = tuple[int, int, Sequence[bytes]]


def in_turns(bare: Target, ours: Target) -> tuple[Measured, Measured]:
    """Both measured a part at a time, one after the other, so that whatever else the machine does hits both."""
    found: tuple[list[Measured], list[Measured]] = ([], [])
    for turn in range(_TURNS):
        for (port, pid, requests), into in zip((bare, ours), found, strict=True):
            into.append(measure(port, pid, requests[turn::_TURNS]))
    return _together(found[0]), _together(found[1])


def _together(parts: Sequence[Measured]) -> Measured:
    whole = Poured()
    for poured, _ in parts:
        whole.statuses |= {len(whole.statuses) + place: status for place, status in poured.statuses.items()}
        whole.times += poured.times
        whole.seconds += poured.seconds
    return whole, sum(cpu for _, cpu in parts)


def figures(label: str, what: str, bare: tuple[Poured, float], ours: tuple[Poured, float]) -> list[Figure]:
    """Rate, CPU and p99 of `what` (one word, singular) against those of the bare route."""
    plain, poured = bare[0], ours[0]
    rates = len(plain.times) / plain.seconds, len(poured.times) / poured.seconds
    p99 = sorted(poured.times)[int(len(poured.times) * 0.99)]
    costs = bare[1] / len(plain.times) * 1e6, ours[1] / len(poured.times) * 1e6
    return [
        Figure(
            f"{label}: {what}s a second, against the bare route", rates[1] / rates[0], "×", LEAST_SHARE,
            at_least=True, note=f"{rates[1]:.0f}/s and {rates[0]:.0f}/s",
        ),
        Figure(
            f"{label}: the server's CPU for a {what}, against the bare route", costs[1] / costs[0], "×", MOST_CPU,
            note=f"{costs[1]:.0f} and {costs[0]:.0f} µs",
        ),
        Figure(f"{label}: p99 of a {what}", p99, "ms", MOST_P99),
    ]  # fmt: skip


def _endpoint(store: Store) -> str:
    """The path of an Indeed endpoint of a new company."""
    now = datetime.now(UTC)
    company = Company(number=1, name="Bench", time_zone="UTC", currency="EUR")
    add_company(store, company, by="bench", now=now)
    user = User(company_id=company.id, email="ada@bench.example", name="Ada", role="admin")
    with store.writing() as session:
        session.add(user)
    viewer = Viewer(user.id, company.id, "admin", "Ada", user.email)
    endpoint_id = open_endpoint(store, viewer, "indeed", now=now)
    change_secret(store, viewer, endpoint_id, SECRET, now=now)
    with store.reading() as session:
        return f"/api/webhooks/indeed/{session.get_one(WebhookEndpoint, endpoint_id).hook_id}"


def _requests(app: RunningApp, path: str, count: int) -> list[bytes]:
    now, made = datetime.now(UTC), []
    for _ in range(count):
        ref = uuid.uuid4().hex
        sent = indeed_apply(SECRET, Applied(ref, "REQ-1", "Welder", "Ann Doe", f"{ref}@people.example", now), now)
        made.append(request_bytes(app.host, path, sent.body, dict(sent.headers)))
    return made


def port_of(app: RunningApp) -> int:
    """The port a program listens on."""
    return int(app.host.rpartition(":")[2])


def measure(port: int, pid: int, requests: Sequence[bytes]) -> tuple[Poured, float]:
    """What became of the requests, and the seconds of CPU that the process used meanwhile."""
    cpu: Callable[[], float] = lambda: sum(psutil.Process(pid).cpu_times()[:2])  # noqa: E731
    before = cpu()
    poured = asyncio.run(pour("127.0.0.1", port, requests, connections=CONNECTIONS))
    return poured, cpu() - before


def wait_until_idle(pid: int) -> None:
    """The program loads charts for its first visitor after it has started: that is not what is measured."""
    process, deadline = psutil.Process(pid), time.monotonic() + _IDLE_SECONDS
    while process.cpu_percent(0.5) > _IDLE_PERCENT:
        if time.monotonic() > deadline:
            raise RuntimeError("the program never came to rest")


def _must_be_stored(store: Store, poured: Poured, count: int) -> None:
    if set(poured.counts) != {200}:
        raise RuntimeError(f"answers were {dict(poured.counts)}")
    with store.reading() as session:
        stored = session.connection().execute(text("SELECT COUNT(*) FROM webhook_inbox")).scalar_one()
    if stored != count:
        raise RuntimeError(f"{count} were acknowledged and {stored} stored")
