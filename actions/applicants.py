"""What an admin does with applicants: see who they are, set their stage, take that back. Every look is written down."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.periods import local_day
from domain.stages import STAGES
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import Application, Company, StageChange
from store.tables.columns import new_id
from store.vault import VaultError
from store.writes import stages
from store.writes.audit import append_audit

#: Applications of one change: more are changed by several.
MOST_AT_ONCE = 10_000
#: Names seen by one look.
MOST_REVEALED = 200
#: A clock that runs a little ahead is forgiven.
_AHEAD = timedelta(minutes=10)
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
#: Applications a transaction.
_SLICE = 100
#: Why an application was left as it is, by the reason counted.
REASONS = {
    "before_applied": "the day lies before they applied",
    "before_step": "the day lies before that of an earlier stage",
    "unknown": "there is no such application",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """To which stage, and the day (of the company's zone) or instant on which it was reached.

    Without one, the day that is known stays, else it is now. `moves_dates`: the day is also set where the stage was
    reached before; without it those keep theirs. Nobody gets another day of applying.
    """

    stage: str
    at: date | datetime | None = None
    moves_dates: bool = False


@dataclass(frozen=True, slots=True)
class ChangeDone:
    """What a change did. `refused` counts the applications left as they are, by reason (see REASONS)."""

    change_id: uuid.UUID
    changed: int
    unchanged: int
    refused: dict[str, int] = field(default_factory=dict)


def note_disclosure(store: Store, viewer: Viewer, what: str, seen: Sequence[uuid.UUID] = (), *, now: datetime) -> None:
    """Write into the audit log that `viewer` saw names and addresses in full, and of which rows."""
    done = replace(deed(viewer, "personal_data.read", what), facts={"seen": [str(one) for one in seen]} if seen else {})
    with store.writing(Urgency.EVENT) as session:
        append_audit(session, done, now=now)


def reveal(
    store: Store, viewer: Viewer, ids: Sequence[uuid.UUID], *, now: datetime
) -> dict[uuid.UUID, tuple[str, str]]:
    """(Name, e-mail) in full of some of the company's applications.

    What was seen is in the audit log before it is shown. What can no longer be opened is "". Raises
    NotAllowed for anybody but an admin, ValueError for too many.
    """
    require_admin(store, viewer, "applicants.reveal", len(ids), now=now)
    if len(ids) > MOST_REVEALED:
        raise ValueError(f"At most {MOST_REVEALED} applicants can be seen at a time.")
    table = Application.__table__  # type: ignore[attr-defined]
    with store.reading() as session:
        rows = session.execute(
            select(table.c.id, table.c.candidate_name, table.c.candidate_email).where(
                table.c.company_id == viewer.company_id, table.c.id.in_(list(ids))
            )
        ).all()
    note_disclosure(store, viewer, "applicants", [row.id for row in rows], now=now)
    return {
        row.id: (_plain(store, row.id, "candidate_name", row[1]), _plain(store, row.id, "candidate_email", row[2]))
        for row in rows
    }


def _plain(store: Store, row_id: uuid.UUID, column: str, sealed: str) -> str:
    try:
        return store.vault.open("applications", row_id, column, sealed) if sealed else ""
    except VaultError:
        return ""


def change_stage(
    store: Store,
    viewer: Viewer,
    ids: Sequence[uuid.UUID],
    wanted: Wanted,
    *,
    now: datetime,
    progress: Callable[[float], None] = lambda _share: None,
) -> ChangeDone:
    """Set the stage of applications by hand, also back: what was told against it counts no more.

    One change, taken back as one by `undo_change`. A change that breaks off in the middle stands as far as it came.
    Raises NotAllowed; ValueError in words for the form: none or too many, no stage, a day in the future.
    """
    require_admin(store, viewer, "applicants.change_stage", wanted.stage, now=now)
    given = list(dict.fromkeys(ids))
    with store.reading() as session:
        zone = session.exec(select(Company.time_zone).where(col(Company.id) == viewer.company_id)).one()
    _check(given, wanted, zone, now)
    change = stages.ByHand(
        change_id=new_id(),
        company_id=viewer.company_id,
        vault=store.vault,
        zone=ZoneInfo(zone),
        stage=wanted.stage,
        wanted=wanted.at,
        moves_dates=wanted.moves_dates,
        now=now,
    )
    run_writing(store.engine, partial(_begin, viewer=viewer, change=change, chosen=len(given)), Urgency.EVENT)
    counts = Counter[str]()
    for start in range(0, len(given), _SLICE):
        some = given[start : start + _SLICE]
        counts += run_writing(store.engine, partial(stages.change_some, change=change, ids=some))
        progress(min(1.0, (start + len(some)) / len(given)))
    return _finish(store, viewer, change, counts)


def _begin(session: Session, *, viewer: Viewer, change: stages.ByHand, chosen: int) -> None:
    """Enter the change, and write it down before anything is changed by it: also one that breaks off is known."""
    stages.begin_change(session, change, viewer.user_id)
    facts: dict[str, object] = {"stage": change.stage, "at": change.wanted, "chosen": chosen}
    begun = replace(deed(viewer, "applicants.begin_change", change.change_id), facts=facts)
    append_audit(session, begun, now=change.now)


def _check(ids: Sequence[uuid.UUID], wanted: Wanted, zone: str, now: datetime) -> None:
    if not ids:
        raise ValueError("Choose at least one applicant.")
    if len(ids) > MOST_AT_ONCE:
        raise ValueError(f"At most {MOST_AT_ONCE:,} applicants can be changed at a time. Narrow the list first.")
    if wanted.stage not in STAGES:
        raise ValueError("Choose a stage.")
    at = wanted.at
    if at is not None and at < (_EARLIEST if isinstance(at, datetime) else _EARLIEST.date()):
        raise ValueError("The day lies too far back.")
    if at is not None and (at > now + _AHEAD if isinstance(at, datetime) else at > local_day(now, zone)):
        raise ValueError("A stage cannot be reached in the future.")


def _finish(store: Store, viewer: Viewer, change: stages.ByHand, counts: Counter[str]) -> ChangeDone:
    refused = {reason: counts[reason] for reason in REASONS if counts[reason]}
    done = ChangeDone(change.change_id, counts["changed"], counts["unchanged"], refused)
    facts: dict[str, object] = {"stage": change.stage, "at": change.wanted, "changed": done.changed, **refused}
    written = replace(deed(viewer, "applicants.change_stage", change.change_id), facts=facts)
    with store.writing(Urgency.EVENT) as session:
        append_audit(session, written, now=change.now)
    return done


def undo_change(
    store: Store,
    viewer: Viewer,
    change_id: uuid.UUID,
    *,
    now: datetime,
    progress: Callable[[float], None] = lambda _share: None,
) -> int:
    """Take a change by hand back: its applications stand as all else that was told has it. Returns how many.

    What others, or later changes, said meanwhile stays. Repeated after breaking off, it goes on. Raises NotAllowed,
    NotFound, and ValueError where it was taken back already.
    """
    require_admin(store, viewer, "applicants.undo_change", change_id, now=now)
    with store.reading() as session:
        change = _find_change(session, viewer, change_id)
        session.expunge(change)
    if change.undone_at is not None:
        raise ValueError("This change was taken back already.")
    undone = 0
    while some := run_writing(store.engine, partial(stages.undo_some, vault=store.vault, change=change, now=now)):
        undone += some
        progress(min(1.0, undone / max(1, change.changed)))
    with store.writing(Urgency.EVENT) as session:
        row = _find_change(session, viewer, change_id)
        row.undone_at, row.undone_by = now, viewer.user_id
        session.add(row)
        append_audit(session, deed(viewer, "applicants.undo_change", change_id, undone=undone), now=now)
    return undone


def _find_change(session: Session, viewer: Viewer, change_id: uuid.UUID) -> StageChange:
    row = session.get(StageChange, change_id)
    if row is None or row.company_id != viewer.company_id:
        raise NotFound("There is no such change.")
    return row


def set_stage_word(store: Store, viewer: Viewer, words: str, stage: str | None, *, now: datetime) -> str:
    """Say what the applicant system's words for a stage stand for in imports from now on; the words as kept.

    "" is no stage of ours; None leaves the words to the usual reading again. Raises NotAllowed, ValueError.
    """
    require_admin(store, viewer, "stage_words.set", words[:100], now=now)
    with store.writing(Urgency.EVENT) as session:
        kept = stages.set_word(session, viewer.company_id, words, stage, now=now)
        append_audit(session, deed(viewer, "stage_words.set", kept, stage=stage), now=now)
    return kept
