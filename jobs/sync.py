"""One sync job, from claim to end: read the platform page by page, and keep what was read whatever happens next."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from connectors.contract import MetricsSource, Page, Wait
from connectors.errors import ConfigError, ConnectorError, RateLimited
from domain.facts import Fact, Origin, Window
from jobs import closing, windows
from jobs.budgets import IN_PLACE_SECONDS
from jobs.cursor import Cursor
from jobs.lease import Claim, LostLease, count_due, holding, release, write_held
from jobs.sessions import Opened, open_connector
from jobs.signals import Draining, Signals
from settings import Settings
from store.engine import run_writing
from store.errors import StoreError
from store.opening import Store
from store.tables import PlatformConfig
from store.tables import PlatformSyncJob as Job
from store.writes.counters import Closing, CounterWriter, Taken
from store.writes.facts import Counts, FactWriter, place_of
from store.writes.postings import upsert_external_postings

#: Facts a transaction: about 30 ms on a small machine, so that nobody waits long for the only writer of SQLite.
SLICE = 2_000
FIRST_BACKOFF_SECONDS = 15.0
LONGEST_BACKOFF_SECONDS = 900.0
log = structlog.get_logger("jobs.sync")


def run(
    store: Store, settings: Settings, claim: Claim, signals: Signals, *, now: Callable[[], datetime]
) -> closing.Outcome:
    """Carry out a claimed job and return how it ended.

    1. Open: read job and connection, build the connector with its token cache and budgets.
    2. Plan: the window in chunks, newest first; or what the cursor says is left.
    3. Read: each page is one transaction with facts, coverage, dirty days, counts and cursor, under our fence.
    4. Wait: shortly in place, longer by parking the job.
    5. Classify a failure: try again later, wait for the platform, or give up until the next slot.
    6. Close: state, counts, the connection's zone and flags.
    """
    try:
        with open_connector(store, settings, claim.config_id, pause=signals.pause) as opened:
            return _Run(store, claim, signals, opened, now).carry_out()
    except LostLease:
        return closing.note_lost_lease(store, claim, now())
    except Draining:
        return _give_back(store, claim, now())
    except RateLimited as error:
        return closing.pause(store, claim, error, now(), backoff)
    except ConnectorError as error:
        return closing.fail(store, claim, error, now(), backoff)
    except (SQLAlchemyError, StoreError, TimeoutError):
        # Our database is in trouble, not the platform: say nothing about the platform, let the lease run out.
        log.exception("the store failed during a sync", job=str(claim.job_id))
        return closing.Outcome("interrupted", "")
    except Exception as error:
        log.exception("a sync broke", job=str(claim.job_id))
        return closing.fail(store, claim, _unforeseen(error), now(), backoff)


def _give_back(store: Store, claim: Claim, now: datetime) -> closing.Outcome:
    try:
        release(store.engine, claim, now)
    except LostLease:
        return closing.note_lost_lease(store, claim, now)
    return closing.Outcome("pending", "")


def _unforeseen(error: Exception) -> ConnectorError:
    # The class name only: an unforeseen error's text may hold anything, a secret too.
    return ConnectorError(f"{type(error).__name__}", cause="unexpected")


def backoff(attempts: int) -> timedelta:
    """Exponential with full jitter, at least a second."""
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** max(attempts - 1, 0))
    return timedelta(seconds=max(1.0, random.uniform(0, longest)))


class _Run:
    """The state of one run: which chunks are left, and what has been counted since the last write."""

    def __init__(
        self, store: Store, claim: Claim, signals: Signals, opened: Opened, now: Callable[[], datetime]
    ) -> None:
        self.store, self.claim, self.signals, self.opened, self.now = store, claim, signals, opened, now
        if not isinstance(opened.connector, MetricsSource):
            raise ConfigError("This platform reports no numbers.")
        self.source: MetricsSource[Any] = opened.connector
        with store.reading() as session:
            self.job = session.get_one(Job, claim.job_id)
            place = place_of(session, opened.config)
        self.cursor = Cursor.load(self.job.cursor)
        self.today = windows.today_in(opened.config.time_zone, now())
        self.final_before = self.today - timedelta(days=self.source.lookback_days)
        self.writer = FactWriter(place, Origin.POLL, claim.number, self.final_before)
        zone = opened.config.time_zone
        counted_on = windows.counted_on(zone, now(), self.source.interval)
        self.counters = CounterWriter(place, self.writer, counted_on, windows.zone_of(zone))
        self.counted: dict[str, float] = {}
        self.rejections = {reason: int(str(times)) for reason, times in self.job.rejections.items()}

    def carry_out(self) -> closing.Outcome:
        """Steps 2 to 6; what goes wrong is raised."""
        # No chunks left of a plan: its last holder died between the last page and the end.
        if not self.cursor.chunks and not self.cursor.planned:
            self.cursor.plan(self.job.window_start, self.job.window_end, self.source.chunk_days)
        self.cursor.planned = max(self.cursor.planned, len(self.cursor.chunks))
        holding(self.store.engine, self.claim, cursor=self.cursor.dump())
        while self.cursor.chunks:
            self.signals.check()
            outcome = self._read_chunk(self.cursor.chunks[0])
            if outcome is not None:
                return outcome
            if self.cursor.chunks and self._others_wait():
                return _give_back(self.store, self.claim, self.now())
        return closing.complete(self.store, self.claim, self.cursor.quality, self.now())

    def _read_chunk(self, chunk: windows.Chunk) -> closing.Outcome | None:
        """Read one chunk to its end; an outcome when the job is parked in its middle."""
        window = Window(*chunk, final_before=self.final_before)
        try:
            for step in self.source.read(window, self.cursor.at):
                if isinstance(step, Page):
                    self._write_page(step)
                elif (outcome := self._wait(step)) is not None:
                    return outcome
                self.signals.check()
        except ConnectorError:
            # What the failed step has cost is known; the cursor stays where the last page left it.
            holding(self.store.engine, self.claim, added=self._usage())
            raise
        if chunk[1] > self.today:
            self._close_counters()
        self.cursor.finish_chunk()
        # Progress was made: what failed before is forgiven.
        holding(self.store.engine, self.claim, added=self._usage(), cursor=self.cursor.dump(), attempts=0)
        return None

    def _close_counters(self) -> None:
        """All running totals of today are in: their growth becomes the day's numbers."""
        totals = [offered.metric for offered in self.source.metrics if offered.counters in {"always", "optional"}]
        if not any(offered.counters != "never" for offered in self.source.metrics):
            return

        def transaction(session: Session) -> Closing:
            write_held(session, self.claim)
            closing = self.counters.close(session, totals, now=self.now())
            write_held(session, self.claim, _added(closing.counts, 0))
            return closing

        flags = run_writing(self.store.engine, transaction).flags
        self.cursor.quality = sorted({*self.cursor.quality, *flags})

    def _write_page(self, page: Page) -> None:
        """Commit a page in slices; what closes it, and the cursor, come with the last."""
        usage = self._usage()
        cursor = self.cursor.after(page)
        *early, last = _slices(page.facts)
        for facts in early:
            self._keep(run_writing(self.store.engine, partial(self._write_facts, facts=facts)))
        write_end = partial(self._write_end, page=page, facts=last, cursor=cursor, usage=usage)
        self._keep(run_writing(self.store.engine, write_end))
        self.cursor = cursor

    def _keep(self, counts: Counts) -> None:
        self.rejections = dict(Counter(self.rejections) + Counter(counts.rejections))

    def _write_facts(self, session: Session, facts: list[Fact]) -> Counts:
        write_held(session, self.claim)
        counts = self.writer.write(session, facts, now=self.now())
        write_held(session, self.claim, _added(counts, len(facts)), **self._rejected(counts))
        return counts

    def _write_end(
        self, session: Session, page: Page, facts: list[Fact], cursor: Cursor, usage: dict[str, float]
    ) -> Counts:
        now = self.now()
        write_held(session, self.claim)
        if page.postings:
            upsert_external_postings(session, self.writer.place, page.postings, now=now)
        # Totals that stand now say nothing of a window that is over.
        if page.counters and self.cursor.chunks[0][1] > self.today:
            taken = self.counters.take(session, page.counters, now=now)
            facts = [*facts, *taken.facts]
        else:
            taken = Taken()
        counts = self.writer.write(session, facts, closed=page.closed, now=now)
        for reason, times in [*taken.rejections.items(), *page.rejected.items()]:
            counts.reject(reason, times)
        if page.time_zone and page.time_zone != self.opened.config.time_zone:
            session.get_one(PlatformConfig, self.claim.config_id).time_zone = page.time_zone
        added = {"pages": 1, **_added(counts, len(facts)), **usage}
        write_held(session, self.claim, added, cursor=cursor.dump(), **self._rejected(counts))
        return counts

    def _wait(self, wait: Wait) -> closing.Outcome | None:
        self.cursor.at = wait.cursor
        usage = self._usage()
        if wait.seconds > IN_PLACE_SECONDS:
            holding(self.store.engine, self.claim, added=usage)
            return closing.park(self.store, self.claim, wait, self.cursor.dump(), self.now())
        usage["waits"] = usage["waits"] + 1
        usage["waited_seconds"] = usage["waited_seconds"] + wait.seconds
        holding(self.store.engine, self.claim, added=usage, cursor=self.cursor.dump(), detail=wait.reason[:500])
        self.signals.pause(wait.seconds)
        return None

    def _usage(self) -> dict[str, float]:
        """What requests, waits and money came to since this was last asked, by the job's columns."""
        used, spent = self.opened.http.usage, self.opened.budget.spent
        total: dict[str, float] = {
            "requests": used.requests,
            "waits": used.waits + spent.waits,
            "waited_seconds": used.waited_seconds + spent.waited_seconds,
            "spent_minor": spent.minor,
        }
        new = {name: value - self.counted.get(name, 0) for name, value in total.items()}
        self.counted = total
        return new

    def _rejected(self, counts: Counts) -> dict[str, Any]:
        """The job's rejections by reason once these are added; nothing where there are none."""
        if not counts.rejections:
            return {}
        return {"rejections": dict(Counter(self.rejections) + Counter(counts.rejections))}

    def _others_wait(self) -> bool:
        """Whether a long sync should let others pass between two of its chunks."""
        with self.store.reading() as session:
            return count_due(session, self.now(), most=1) > 0


def _added(counts: Counts, facts: int) -> dict[str, float]:
    """What a write adds to the job's columns."""
    return {
        "facts": facts,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "rejected": counts.rejected,
    }


def _slices(facts: list[Fact]) -> Iterator[list[Fact]]:
    """Pieces of at most SLICE facts; one empty piece for none."""
    for start in range(0, max(len(facts), 1), SLICE):
        yield facts[start : start + SLICE]
