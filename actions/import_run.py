"""Carrying a plan out: in short transactions, each keeping what it replaced, and nothing shown before the last one."""

import uuid
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from actions.import_ahead import ahead
from actions.import_file import BATCH, Findings, OpenFile, staged, told_applications
from actions.import_garbage import collecting_seldom
from actions.import_plan import FACTS_BATCH, Plan, known_postings
from actions.import_postings import POSTINGS_BATCH, write_batch
from actions.import_stage import NO_POSTING, Stage, StagedFact
from actions.viewer import Viewer, deed
from connectors.contract import PostingSeen
from connectors.files.columns import header_hash
from connectors.files.posting_rows import read_postings
from connectors.files.survey import batches
from domain.facts import WHOLE_DAY, Breakdown, day_number
from store.emails import email_parts
from store.engine import run_writing
from store.import_undo import NotUndoable, undo_import
from store.opening import Store
from store.tables import ExternalPosting, Import
from store.tables.columns import new_id
from store.writes.applications import (
    ApplicationTold,
    PostingIndex,
    Ready,
    Writer,
    Written,
    make_ready,
    write_applications,
)
from store.writes.applications_linked import link_applications
from store.writes.audit import append_audit
from store.writes.facts import Place, place_of
from store.writes.imports import (
    FactKey,
    ImportCounts,
    beat_import,
    begin_import,
    cover_days,
    end_import,
    platform_config,
    remember_mapping,
    write_facts,
)
from store.writes.numbers import Numbers
from store.writes.postings import settle_postings, upsert_external_postings
from store.writes.postings_imported import PostingWriter
from store.writes.projections import mark_applications_dirty

#: Called with the share done, 0–1.
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    import_id: uuid.UUID
    inserted: int
    updated: int
    unchanged: int
    rejected: int


@dataclass
class Run:
    """One import under way. `clock` gives the instants of its signs of life; `now` stamps what it writes."""

    store: Store
    viewer: Viewer
    file: OpenFile
    plan: Plan
    now: datetime
    clock: Callable[[], datetime]
    progress: Progress
    record: Import
    findings: Findings
    counts: ImportCounts

    def report(self) -> None:
        """Tell how far it is."""
        done = self.counts.inserted + self.counts.updated + self.counts.unchanged
        self.progress(min(1.0, done / max(1, self.plan.size)))


def run_plan(
    store: Store, viewer: Viewer, file: OpenFile, plan: Plan, *, clock: Callable[[], datetime], progress: Progress
) -> Imported:
    """Import the file. When anything fails, what was written is taken back before the error goes on."""
    now = clock()
    run = Run(store, viewer, file, plan, now, clock, progress, _record(viewer, file, now), Findings(), ImportCounts())
    import_id = run.record.id
    try:
        if file.mapping.kind == "metrics":
            _run_metrics(run)
        elif file.mapping.kind == "postings":
            _run_postings(run)
        else:
            _run_applications(run)
    except BaseException:
        # Also when the page is left in the middle. Where even this fails, the next start takes the import back.
        with suppress(NotUndoable):
            undo_import(store, import_id, now=clock())
        raise
    return Imported(import_id, run.counts.inserted, run.counts.updated, run.counts.unchanged, run.findings.book.rows)


def _record(viewer: Viewer, file: OpenFile, now: datetime) -> Import:
    return Import(
        id=new_id(),
        company_id=viewer.company_id,
        kind=file.mapping.kind,
        platform=file.mapping.platform if file.mapping.kind == "metrics" else "",
        file_name=file.source.name[:200],
        file_hash=file.source.sha256,
        mapping={"mapping": file.mapping.model_dump(mode="json")},
        created_by=viewer.user_id,
        created_at=now,
    )


def _run_metrics(run: Run) -> None:
    with staged(run.file, run.findings) as stage:
        span = stage.span()
        days = [day_number(day) for day in span] if span else []
        with run.store.writing() as session:
            config = platform_config(session, run.viewer.company_id, run.file.mapping.platform, now=run.now)
            place = place_of(session, config)
            run.record.mapping = {**run.record.mapping, "config_id": str(config.id), "days": days}
            begin_import(session, run.record, now=run.clock())
        _name_postings(run, place, stage)
        numbers = Numbers(place.company_id, place.company_no, place.config_id, place.config_no)
        for at, batch in enumerate(stage.facts(FACTS_BATCH)):
            with run.store.writing() as session:
                beat_import(session, run.record.id, now=run.clock())
                told = _resolved(session, batch, stage, numbers)
                run.counts.add(write_facts(session, place, run.record.id, told, at * FACTS_BATCH))
            run.report()
        with run.store.writing() as session:
            cover_days(session, place, stage.covered(), now=run.now)
            _finish(session, run)


def _name_postings(run: Run, place: Place, stage: Stage) -> None:
    """Enter the postings that the file names, to be linked by the rules or to wait for a person.

    The reference of one that nobody knows yet also stands as its requisition: in a file it is often ours.
    """
    with run.store.reading() as session:
        known = known_postings(session, place)
    for names in batches(stage.named_postings(), BATCH):
        seen = [PostingSeen(ref, title, "" if ref in known or ref == NO_POSTING else ref) for ref, title in names]
        with run.store.writing() as session:
            beat_import(session, run.record.id, now=run.clock())
            upsert_external_postings(session, place, seen, now=run.now)
            # Not a posting anybody could link.
            session.execute(
                update(ExternalPosting)
                .where(
                    col(ExternalPosting.config_id) == place.config_id, col(ExternalPosting.external_ref) == NO_POSTING
                )
                .values(is_ignored=True)
            )


def _resolved(session: Session, batch: list[StagedFact], stage: Stage, numbers: Numbers) -> dict[FactKey, int]:
    refs = {stage.postings.texts[fact.posting] for fact in batch}
    cuts = {
        fact.campaign: Breakdown("campaign", campaign=stage.campaigns.texts[fact.campaign])
        for fact in batch
        if fact.campaign
    }
    posting_no = numbers.of_postings(session, refs)
    campaign_no = numbers.of_breakdowns(session, cuts.values())
    return {
        (
            fact.day,
            fact.metric,
            fact.scope,
            posting_no[stage.postings.texts[fact.posting]],
            campaign_no[cuts[fact.campaign]] if fact.campaign else 0,
            WHOLE_DAY,
            fact.currency,
        ): fact.value
        for fact in batch
    }


def _run_applications(run: Run) -> None:
    days: set[Any] = set()
    company_id = run.viewer.company_id
    with run.store.writing() as session:
        begin_import(session, run.record, now=run.clock())
        postings, parts = PostingIndex(session, company_id), email_parts(session, company_id)
    writer = Writer(run.record.id, company_id, run.file.zone, run.store.vault, run.now, parts)
    seq = 0
    with collecting_seldom(), closing(ahead(_ready(run, writer, postings))) as batches_ready:
        for batch in batches_ready:
            # What a power cut takes of a running import would be taken back anyway; the last commit waits for all.
            written = run_writing(run.store.engine, partial(_write_batch, run, writer, (batch, seq)), lazily=True)
            seq += len(batch.told)
            days |= written.days
            run.counts.add(written.counts)
            run.report()
    with run.store.writing() as session:
        mark_applications_dirty(session, company_id, days)
        _finish(session, run)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Applications told together, and what is made of them beforehand where most of the file is new."""

    told: list[ApplicationTold]
    ready: Ready | None


def _ready(run: Run, writer: Writer, postings: PostingIndex) -> Generator[_Batch, None, None]:
    is_new = 2 * run.plan.new > run.plan.size
    for told in told_applications(run.file, run.store.vault, postings, run.findings):
        yield _Batch(told, make_ready(writer, told) if is_new else None)


def _write_batch(run: Run, writer: Writer, what: tuple[_Batch, int], session: Session) -> Written:
    batch, seq = what
    beat_import(session, run.record.id, now=run.clock())
    return write_applications(session, writer, batch.told, seq, ready=batch.ready)


def _run_postings(run: Run) -> None:
    with run.store.writing() as session:
        begin_import(session, run.record, now=run.clock())
    writer = PostingWriter(run.record.id, run.viewer.company_id, run.viewer.email, run.now)
    seq, book = 0, run.findings.book
    for batch in batches(read_postings(run.file.table, run.file.reading, book), POSTINGS_BATCH):
        with run.store.writing() as session:
            beat_import(session, run.record.id, now=run.clock())
            counts, kept = write_batch(session, run.file, book, writer, (batch, seq))
        seq += kept
        run.counts.add(counts)
        run.report()
    with run.store.writing() as session:
        settle_postings(session, run.viewer.company_id, now=run.now)
        link_applications(session, run.store.vault, run.viewer.company_id, now=run.now)
        _finish(session, run)


def _finish(session: Session, run: Run) -> None:
    """The last transaction: from here on the import counts, and can be undone."""
    book = run.findings.book
    values = {
        "state": "imported",
        "inserted": run.counts.inserted,
        "updated": run.counts.updated,
        "unchanged": run.counts.unchanged,
        "rejected": book.rows,
        "rejections": book.to_document(),
    }
    end_import(session, run.record.id, values)
    remember_mapping(
        session,
        run.viewer.company_id,
        run.file.mapping.kind,
        header_hash(run.file.table.headers),
        mapping=run.file.mapping.model_copy(update={"day": None, "sheet": ""}).model_dump(mode="json"),
        now=run.now,
    )
    told = {
        "file": run.file.source.name,
        "inserted": run.counts.inserted,
        "updated": run.counts.updated,
        "rejected": book.rows,
    }
    append_audit(session, replace(deed(run.viewer, "import.run", run.record.id), facts=told), now=run.now)
