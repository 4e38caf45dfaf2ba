"""Asks platforms how the postings stand that we published there: still being looked at, shown, taken off, refused."""

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from connectors.errors import ConnectorError
from connectors.publishing import Draft, Published, Publisher
from connectors.registry import find_connector
from jobs.sessions import Opened, open_connector
from settings import Settings
from store.engine import run_writing
from store.opening import Store
from store.tables import ExternalPosting, PlatformConfig
from store.writes.outbox import Standing, stand

#: How old what we know may be, by status. What is closed or refused is not asked for again.
PATIENCE = {"pending": timedelta(minutes=2), "live": timedelta(hours=6)}
#: A pass, so that a slow platform does not hold a worker for long.
MOST = 20
SECONDS = 10.0
log = structlog.get_logger("jobs.standings")


def refresh_standings(store: Store, settings: Settings, *, now: Callable[[], datetime]) -> int:
    """Bring the status of published postings up to date, longest unasked first; how many were asked for."""
    asked = 0
    for config, postings in _due(store, now()):
        kind = find_connector(config.connector)
        if kind is None or not issubclass(kind, Publisher):
            continue
        try:
            with open_connector(store, settings, config.id, pause=time.sleep) as opened:
                for posting in postings:
                    _ask(store, opened, posting, now)
                    asked += 1
        except ConnectorError as error:
            log.warning("a platform did not say how postings stand", platform=config.platform, cause=error.cause)
            # Not again at once: each keeps its place until its patience is over anew.
            for posting in postings:
                _write(store, posting, None, now())
    return asked


def _due(store: Store, now: datetime) -> list[tuple[PlatformConfig, list[ExternalPosting]]]:
    is_due = or_(
        *(
            and_(col(ExternalPosting.status) == status, col(ExternalPosting.status_at) < now - patience)
            for status, patience in PATIENCE.items()
        )
    )
    with store.reading() as session:
        rows: Sequence[tuple[PlatformConfig, ExternalPosting]] = session.execute(
            select(PlatformConfig, ExternalPosting)
            .join(ExternalPosting, col(ExternalPosting.config_id) == col(PlatformConfig.id))
            .where(is_due, col(PlatformConfig.is_active), col(PlatformConfig.deleted_at).is_(None))
            .order_by(col(ExternalPosting.status_at))
            .limit(MOST)
        ).all()
    ordered = sorted(rows, key=lambda row: row[0].number)
    groups = itertools.groupby(ordered, key=lambda row: row[0].number)
    return [(found[0][0], [posting for _, posting in found]) for found in (list(group) for _, group in groups)]


def _ask(store: Store, opened: Opened, posting: ExternalPosting, now: Callable[[], datetime]) -> None:
    handles = {name: str(value) for name, value in posting.handles.items()}
    source = opened.connector
    if not isinstance(source, Publisher):
        return
    with opened.http.hurried(SECONDS):
        found = source.status(Draft(ref=posting.external_ref), handles)
    _write(store, posting, found, now())


def _write(store: Store, posting: ExternalPosting, found: Published | None, now: datetime) -> None:
    def work(session: Session) -> None:
        held = session.get_one(ExternalPosting, posting.number)
        if held.status != posting.status:
            # Published, changed or closed meanwhile: what we were told is older than that.
            return
        same = Standing(held.status, held.status_detail)
        told = Standing(found.status, found.detail, dict(found.handles)) if found else same
        stand(session, held, told, now=now)

    run_writing(store.engine, work)
