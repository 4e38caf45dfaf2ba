"""Buttons that ask for syncs: one place that calls the actions and tells the person what came of it."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Literal

from actions import syncs
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from ui import toasts, words

SyncType = Literal["incremental", "full"]


def everything(viewer: Viewer) -> None:
    """Ask every active connection for its newest numbers."""
    _tell(
        "All connections", lambda: [request.is_new for request in syncs.sync_all(running_store(), viewer, now=_now())]
    )


def some(viewer: Viewer, config_ids: Sequence[str], label: str) -> None:
    """Ask the connections of one source for their newest numbers."""
    _tell(label, lambda: [syncs.sync_now(running_store(), viewer, key, now=_now()).is_new for key in config_ids])


def one(viewer: Viewer, config_id: str, label: str, sync_type: SyncType) -> None:
    """Ask one connection for a sync of the given kind."""
    _tell(label, lambda: [syncs.sync_now(running_store(), viewer, config_id, sync_type, now=_now()).is_new])


def older(viewer: Viewer, config_id: str, label: str, days: tuple[date, date]) -> None:
    """Ask one connection to read the days `start` ≤ day < `end` again."""
    _tell(label, lambda: [syncs.backfill(running_store(), viewer, config_id, *days, now=_now()).is_new])


def again(viewer: Viewer, job_id: uuid.UUID, label: str) -> None:
    """Ask once more for what a sync job did not bring."""
    _tell(label, lambda: [syncs.retry(running_store(), viewer, job_id, now=_now()).is_new])


def _tell(label: str, ask: Callable[[], list[bool]]) -> None:
    """Ask, then say in a toast whether syncs were asked for, were under way already, or why not."""
    try:
        made = ask()
    except (NotAllowed, NotFound, ValueError) as error:
        toasts.later(f"{words.plain(label)}: {words.plain(str(error))}", icon=":material/error:")
        return
    if not made:
        toasts.later("There is no active connection to sync.", icon=":material/info:")
    elif any(made):
        toasts.later(f"{words.plain(label)}: {words.counted(sum(made), 'sync')} asked for.", icon=":material/sync:")
    else:
        toasts.later(f"{words.plain(label)}: a sync is already under way.", icon=":material/sync:")


def _now() -> datetime:
    return datetime.now(UTC)
