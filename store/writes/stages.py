"""Stages set by hand, of many applications at a time, and taken back again; a company's own words for stages.

What is set by hand is kept among an application's reports, and its columns follow: no report told again undoes it.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, delete, insert, literal_column, select, update
from sqlmodel import Session

from domain.stages import STAGES, Step, fold_words, plan_step
from store.tables import Application, ApplicationStage, StageChange, StageWord
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.applications_settled import (
    HAND,
    STAGE_COLUMNS,
    Reports,
    file_reports,
    hand_ref,
    persons_of,
    reached,
    read_many,
    settled_stages,
    write_many,
)
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import settle_applications

_TABLE = Application.__table__  # type: ignore[attr-defined]
_STAGES = ApplicationStage.__table__  # type: ignore[attr-defined]
_WORDS = StageWord.__table__  # type: ignore[attr-defined]
_SETTLED = (*STAGE_COLUMNS, "stage")
#: More different words than an applicant system can have stages.
MOST_WORDS = 500


@dataclass(frozen=True, slots=True)
class ByHand:
    """A change: which, whose, to which stage, since when (see `domain.stages.plan_step`), and when it is made."""

    change_id: uuid.UUID
    company_id: uuid.UUID
    vault: Vault
    zone: ZoneInfo
    stage: str
    wanted: date | datetime | None
    moves_dates: bool
    now: datetime


@dataclass(slots=True)
class _Work:
    """What is to be written of a batch: rows with their reports, and the rows whose columns change."""

    told: list[tuple[Mapping[str, Any], Reports]] = field(default_factory=list)
    changed: list[tuple[Mapping[str, Any], dict[str, Any]]] = field(default_factory=list)


def begin_change(session: Session, change: ByHand, made_by: uuid.UUID) -> None:
    """Enter a change that nothing was changed by yet."""
    session.add(
        StageChange(
            id=change.change_id,
            company_id=change.company_id,
            stage=change.stage,
            made_by=made_by,
            made_at=change.now,
        )
    )
    session.flush()


def change_some(session: Session, change: ByHand, ids: Sequence[uuid.UUID]) -> Counter[str]:
    """Set the stage of some of the company's applications; how many were "changed", "unchanged" or "unknown".

    Where the day lies before one that cannot be after it, the reason is counted, as `plan_step` names it.
    """
    rows = _locked(session, change.company_id, ids)
    reports = read_many(session, rows)
    counts, work = Counter[str](), _Work()
    for application_id in ids:
        row = rows.get(application_id)
        if row is None:
            counts["unknown"] += 1
            continue
        told = reports.get(application_id) or file_reports(row)
        step = _step(change, row, told)
        counts[step.refused or ("unchanged" if step.is_none else "changed")] += 1
        if not step.is_none and not step.refused:
            _say(told, change, step)
            _settle(work, row, told)
    _write(session, change.vault, change.company_id, work, now=change.now)
    session.execute(
        update(StageChange.__table__)  # type: ignore[attr-defined]
        .where(StageChange.__table__.c.id == change.change_id)  # type: ignore[attr-defined]
        .values(
            changed=StageChange.changed + counts["changed"],
            unchanged=StageChange.unchanged + counts["unchanged"],
            refused=StageChange.refused + counts.total() - counts["changed"] - counts["unchanged"],
        )
    )
    return counts


def _step(change: ByHand, row: Mapping[str, Any], told: Reports) -> Step:
    times, undated = reached(told)
    times.setdefault("applied", row["applied_at"])
    return plan_step(
        change.stage, change.wanted, (times, undated), moves=change.moves_dates, zone=change.zone, now=change.now
    )


def _say(told: Reports, change: ByHand, step: Step) -> None:
    """Add what a change says of one application to its reports."""
    if step.at is not None:
        ref = hand_ref(change.change_id, change.now, is_reached=True)
        told.add_stage(step.stage, step.at, ref=ref, told_by=HAND)
    for stage in step.gone:
        ref = hand_ref(change.change_id, change.now, is_reached=False)
        told.add_stage(stage, change.now, ref=ref, told_by=HAND)


def undo_some(session: Session, vault: Vault, change: StageChange, *, now: datetime, most: int = 200) -> int:
    """Take back what a change said of at most `most` applications; of how many, 0 when none is left."""
    refs = [hand_ref(change.id, change.made_at, is_reached=is_reached) for is_reached in (True, False)]
    mine = (
        _STAGES.c.company_id == change.company_id,
        _STAGES.c.ref.in_(refs),
        # Spelled out: that is what the index of these is found by.
        _STAGES.c.told_by == literal_column("'hand'"),
    )
    lock_applications(session, change.company_id)
    found = session.execute(select(_STAGES.c.application_id).where(*mine).distinct().limit(most))
    rows = _locked(session, change.company_id, list(found.scalars()))
    if not rows:
        return 0
    session.execute(delete(_STAGES).where(*mine, _STAGES.c.application_id.in_(list(rows))))
    work = _Work()
    for application_id, told in read_many(session, rows).items():
        _settle(work, rows[application_id], told)
    _write(session, vault, change.company_id, work, now=now)
    return len(rows)


def _locked(session: Session, company_id: uuid.UUID, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """The company's applications of these ids, as nobody else changes them meanwhile."""
    lock_applications(session, company_id)
    found = session.execute(
        select(_TABLE)
        .where(_TABLE.c.company_id == company_id, _TABLE.c.id.in_(list(ids)))
        .order_by(_TABLE.c.id)
        .with_for_update()
    )
    return {row.id: dict(row._mapping) for row in found}


def _settle(work: _Work, row: Mapping[str, Any], told: Reports) -> None:
    work.told.append((row, told))
    columns = settled_stages(row, told)
    if any(row[name] != value for name, value in columns.items()):
        work.changed.append((row, columns))


def _write(session: Session, vault: Vault, company_id: uuid.UUID, work: _Work, *, now: datetime) -> None:
    """Reports, columns, and what follows from them: the days that are due, and referrals."""
    write_many(session, work.told)
    if not work.changed:
        return
    session.connection().execute(
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("key_id"))
        .values({name: bindparam(f"to_{name}") for name in _SETTLED} | {"updated_at": now}),
        [{"key_id": row["id"]} | {f"to_{name}": new[name] for name in _SETTLED} for row, new in work.changed],
    )
    instants = {one[name] for pair in work.changed for one in pair for name in STAGE_COLUMNS}
    mark_applications_dirty(session, company_id, instants - {None})
    ids, persons = [row["id"] for row, _ in work.changed], persons_of(*(row for row, _ in work.changed))
    settle_applications(session, vault, company_id, (ids, persons), now=now)


def list_words(session: Session, company_id: uuid.UUID) -> dict[str, str]:
    """What the company says that words of its applicant system stand for: folded words → stage, "" for none."""
    found = session.execute(
        select(_WORDS.c.words, _WORDS.c.stage).where(_WORDS.c.company_id == company_id).order_by(_WORDS.c.words)
    )
    return {row.words: row.stage for row in found}


def set_word(session: Session, company_id: uuid.UUID, words: str, stage: str | None, *, now: datetime) -> str:
    """Say what words stand for from now on ("" for no stage; None leaves it to the usual reading); the folded words.

    Raises ValueError for an empty text, a stage that is none, or more words than a system can have.
    """
    folded = fold_words(words)[:200]
    if not folded:
        raise ValueError("Give the words that the applicant system uses.")
    if stage not in {None, "", *STAGES}:
        raise ValueError(f"not a stage: {stage}")
    known = list_words(session, company_id)
    key = (_WORDS.c.company_id == company_id, _WORDS.c.words == folded)
    if stage is None:
        session.execute(delete(_WORDS).where(*key))
    elif folded in known:
        session.execute(update(_WORDS).where(*key).values(stage=stage, updated_at=now))
    elif len(known) >= MOST_WORDS:
        raise ValueError(f"There are {MOST_WORDS} words already. Forget those that are used no more.")
    else:
        row = {"company_id": company_id, "words": folded, "stage": stage, "updated_at": now}
        session.execute(insert(_WORDS), [row])
    return folded
