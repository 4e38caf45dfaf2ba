"""A company at work beside what is measured: one sync after the other by a worker, and a page every second."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import func
from sqlmodel import select

from actions import sign_in
from actions.users import add_user
from actions.viewer import Viewer
from bench.bulk import fill_aggregates
from bench.company import make_company
from bench.databases import KEY
from bench.fact_server import serving
from settings import Settings
from store.opening import Store
from store.tables import Company, PlatformConfig, PlatformSyncJob, User
from tests.launch import ROOT, RunningApp, app_environment, stop
from tests.web.streams import hear, open_stream, run_page

EMAIL, PASSWORD = "ada@bench.example", "a walk along the quay 7"
FACTS, PAGES = 50_000, 100
CLICK_SECONDS = 1.0
_SYNC_SECONDS = 60.0
_DRAWN = "Hiring funnel"


def make_place(store: Store) -> Viewer:
    """A company with a year of numbers in an empty store; its admin."""
    made = make_company(store, FACTS)
    fill_aggregates(store, made)
    with store.reading() as session:
        company = session.get_one(Company, made.company_id)
    user = User(company_id=company.id, email=EMAIL, name="Ada", role="admin")
    add_user(store, company, user, password=PASSWORD, by="bench", now=datetime.now(UTC))
    return Viewer(user.id, company.id, "admin", "Ada", EMAIL)


@contextmanager
def syncing(store: Store, settings: Settings, viewer: Viewer) -> Iterator[None]:
    """One sync after the other for as long as the block, by the product's worker in a process of its own."""
    with store.writing() as session:
        config = PlatformConfig(
            number=1_000, company_id=viewer.company_id, platform="indeed", connector="bulk", is_active=True
        )
        session.add(config)
    environment = app_environment(settings.database_url, settings.data_dir, {"ENCRYPTION_KEY": KEY})
    with serving(PAGES) as port:
        command = [sys.executable, "-m", "bench.syncing", str(config.id), str(port), str(PAGES)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            _wait_for_facts(store, process)
            yield
            if process.poll() is not None:
                raise RuntimeError(f"the syncs ended with {process.returncode}")
        finally:
            stop(process)


def facts_synced(store: Store) -> int:
    """Facts that the syncs beside have brought so far."""
    with store.reading() as session:
        told = select(func.sum(PlatformSyncJob.facts)).join(
            PlatformConfig,
            PlatformConfig.id == PlatformSyncJob.config_id,  # type: ignore[arg-type]
        )
        return int(session.exec(told.where(PlatformConfig.connector == "bulk")).one() or 0)


def _wait_for_facts(store: Store, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _SYNC_SECONDS
    while not facts_synced(store):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the sync beside brought nothing")
        time.sleep(0.1)


class Clicks:
    """Somebody who looks at the dashboard, another period every second, for as long as the block."""

    def __init__(self, store: Store, settings: Settings, app: RunningApp, viewer: Viewer) -> None:
        now = datetime.now(UTC)
        ticket = sign_in.make_ticket(store, viewer, visit="visit", now=now)
        token = sign_in.enter(store, settings, ticket, visit="visit", address="127.0.0.1", now=now)
        self._app, self._cookie = app, f"sourceboard={token}; sourceboard-visit=visit"
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._click, name="clicks", daemon=True)
        self.done = 0

    def __enter__(self) -> "Clicks":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)
        if self._error is not None:
            raise self._error

    def _click(self) -> None:
        try:
            with open_stream(self._app, cookie=self._cookie) as stream:
                for back in count(2):
                    started = time.monotonic()
                    today = datetime.now(UTC).date()
                    first, last = today - timedelta(days=back % 300 + 29), today - timedelta(days=back % 300)
                    heard = run_page(stream, query=f"period=Custom&from={first}&to={last}").everything
                    # A run may end early for another one, which follows by itself.
                    if _DRAWN not in heard and _DRAWN not in hear(stream).everything:
                        raise RuntimeError("the dashboard was not drawn")
                    self.done += 1
                    if self._ended.wait(max(0.0, CLICK_SECONDS - (time.monotonic() - started))):
                        return
        except Exception as error:  # noqa: BLE001 - raised where the block ends
            self._error = error
