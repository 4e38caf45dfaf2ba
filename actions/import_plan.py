"""What a file would do, before anything is written: new, changed, unchanged, rejected, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, select

from actions.import_file import Findings, OpenFile, staged, told_applications
from actions.import_postings import plan_postings
from actions.import_stage import Stage, StagedFact
from connectors.files.application_rows import end_meant, is_stage_known, platform_for, stage_meant
from connectors.files.mapping import FileMapping, metric_named
from connectors.files.survey import Survey
from domain.facts import WHOLE_DAY, day_of
from domain.masking import mask_email, mask_name
from domain.metrics import BY_NAME, BY_NUMBER
from domain.money import Money
from store.opening import Store
from store.tables import BreakdownRow, ExternalPosting
from store.writes.applications import PostingIndex, compare, find_applications
from store.writes.applications_same import find_same
from store.writes.facts import Place, place_of
from store.writes.imports import FactKey, ImportCounts, count_facts, find_platform_config, find_told

#: Facts compared, and written, together.
FACTS_BATCH = 4000
_SHOWN = 20
#: What is stored of a person, as a preview shows it; what the file says of them, whoever has the file reads there.
_MASKS = {"candidate_name": mask_name, "candidate_email": mask_email}


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One thing that would change, in words."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the file, the rows that use it, and what it stands for ("" for nothing).

    `is_unknown`: nobody has said what it stands for.
    """

    text: str
    rows: int
    meaning: str
    is_unknown: bool = False


@dataclass
class Plan:
    """What importing a file would do. It holds for this content (`file_hash`) and this mapping only.

    `new`, `changed` and `unchanged` count applications, or numbers of a metrics file. `questions` must be answered in
    the mapping before anything can be imported: "date_order", "mark". `unknown_postings` are (reference, title, rows).
    """

    file_name: str
    file_hash: str
    mapping: FileMapping
    survey: Survey
    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejections: dict[str, Any] = field(default_factory=dict)
    changes: list[ShownChange] = field(default_factory=list)
    totals: list[tuple[str, str]] = field(default_factory=list)
    first_day: date | None = None
    last_day: date | None = None
    words: dict[str, list[Word]] = field(default_factory=dict)
    unknown_postings: list[tuple[str, str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: tuple[str, ...] = ()

    @property
    def can_import(self) -> bool:
        """Whether importing would change anything."""
        return not self.questions and self.new + self.changed > 0

    @property
    def size(self) -> int:
        """Things to write, for showing progress."""
        return self.new + self.changed + self.unchanged


def make_plan(store: Store, file: OpenFile) -> Plan:
    """Read the whole file and compare it with what is stored. Writes nothing. Raises FileRefused."""
    plan = Plan(file.source.name, file.source.sha256, file.mapping, file.survey, rows=file.survey.rows)
    plan.words = _words(file)
    plan.questions = _questions(file.survey)
    if plan.questions:
        return plan
    if not file.survey.rows:
        plan.notes.append("The file has column names, but no rows.")
        return plan
    findings = Findings()
    if file.mapping.kind == "metrics":
        with staged(file, findings) as stage:
            _plan_metrics(store, file, stage, plan)
    elif file.mapping.kind == "postings":
        _plan_postings(store, file, findings, plan)
    else:
        _plan_applications(store, file, findings, plan)
    plan.rejected, plan.rejections = findings.book.rows, findings.book.to_document()
    plan.notes += _notes(findings, plan)
    return plan


def resolve(fact: StagedFact, stage: Stage, postings: dict[str, int], campaigns: dict[str, int]) -> FactKey | None:
    """The key a staged fact is stored under; None where its posting or campaign is new."""
    posting = postings.get(stage.postings.texts[fact.posting]) if fact.posting else 0
    campaign = campaigns.get(stage.campaigns.texts[fact.campaign]) if fact.campaign else 0
    if posting is None or campaign is None:
        return None
    return (fact.day, fact.metric, fact.scope, posting, campaign, WHOLE_DAY, fact.currency)


def known_postings(session: Session, place: Place) -> dict[str, int]:
    """Numbers of a connection's postings by their reference."""
    query = select(ExternalPosting.external_ref, ExternalPosting.number)
    rows = session.exec(query.where(ExternalPosting.config_id == place.config_id))
    return {ref: number for ref, number in rows if number is not None}


def known_campaigns(session: Session, place: Place) -> dict[str, int]:
    """Numbers of a connection's campaigns by their name."""
    query = select(BreakdownRow.campaign, BreakdownRow.number)
    rows = session.exec(query.where(BreakdownRow.config_no == place.config_no, BreakdownRow.kind == "campaign"))
    return {name: number for name, number in rows if number is not None}


def _plan_metrics(store: Store, file: OpenFile, stage: Stage, plan: Plan) -> None:
    span = stage.span()
    if span is None:
        return
    plan.first_day, plan.last_day = span
    plan.totals = [(BY_NAME[name].label, _amount(name, currency, value)) for name, currency, value in stage.totals()]
    combined = stage.combined()
    if combined:
        plan.notes.append(f"{combined:,} numbers share their day and posting with an earlier row: they are added up.")
    with store.reading() as session:
        config = find_platform_config(session, file.company.id, file.mapping.platform)
        place = place_of(session, config) if config else None
        postings = known_postings(session, place) if place else {}
        campaigns = known_campaigns(session, place) if place else {}
    counts = ImportCounts()
    for batch in stage.facts(FACTS_BATCH):
        told: dict[FactKey, int] = {}
        for fact in batch:
            key = resolve(fact, stage, postings, campaigns) if place else None
            if key is not None:
                told[key] = fact.value
            elif not fact.campaign:
                counts.inserted += 1
        if place and told:
            with store.reading() as session:
                days = (batch[0].day, batch[-1].day)
                stored = find_told(session, place, days, (key[1] for key in told)).facts
            counts.add(count_facts(told, stored))
            _show_facts(plan, told, stored, {number: ref for ref, number in postings.items()})
    plan.new, plan.changed, plan.unchanged = counts.inserted, counts.updated, counts.unchanged


def _show_facts(
    plan: Plan, told: dict[FactKey, int], stored: dict[FactKey, tuple[int, int, int]], postings: dict[int, str]
) -> None:
    for key, after in told.items():
        if len(plan.changes) >= _SHOWN:
            return
        before = stored.get(key)
        if before is None or key[4] or before[0] == after:
            continue
        metric = BY_NUMBER[key[1]]
        what = " · ".join(part for part in (str(day_of(key[0])), metric.label, postings.get(key[3], "")) if part)
        plan.changes.append(
            ShownChange(what, _amount(metric.name, key[6], before[0]), _amount(metric.name, key[6], after))
        )


def _plan_applications(store: Store, file: OpenFile, findings: Findings, plan: Plan) -> None:
    ends: list[datetime] = []
    stages: Counter[str] = Counter()
    with store.reading() as session:
        postings = PostingIndex(session, file.company.id)
    is_again = True
    for batch in told_applications(file, store.vault, postings, findings):
        with store.reading() as session:
            # Most files are new or known as a whole.
            same = find_same(session, store.vault, file.company.id, batch) if is_again else set()
            others = [one for one in batch if one.external_ref not in same] if same else batch
            stored = find_applications(session, store.vault, file.company.id, others) if others else {}
        is_again = 2 * (len(same) + len(stored)) > len(batch)
        plan.unchanged += len(same)
        applied = [one.values["applied_at"] for one in batch]
        ends = [*ends, *applied]
        ends = [min(ends), max(ends)] if ends else []
        stages.update(one.values["stage"] for one in batch)
        for one in others:
            row = stored.get(one.external_ref)
            if row is None:
                plan.new += 1
                continue
            columns = compare(store.vault, row, one).columns
            plan.changed += bool(columns)
            plan.unchanged += not columns
            if columns and len(plan.changes) < _SHOWN:
                plan.changes += _shown_columns(one.external_ref, columns, file)
    if ends:
        plan.first_day, plan.last_day = (end.astimezone(file.zone).date() for end in ends)
    plan.totals = [(stage.capitalize(), f"{count:,}") for stage, count in stages.most_common()]
    unknown = sorted(findings.unknown_postings.items(), key=lambda item: -item[1])
    plan.unknown_postings = [(ref, title, count) for (ref, title), count in unknown]


def _plan_postings(store: Store, file: OpenFile, findings: Findings, plan: Plan) -> None:
    found = plan_postings(store, file, findings)
    plan.new, plan.changed, plan.unchanged = found.new, found.changed, found.unchanged
    plan.changes = [ShownChange(*change) for change in found.changes]
    plan.totals = [(status.capitalize(), f"{count:,}") for status, count in found.statuses.most_common()]
    plan.notes += found.notes


def _shown_columns(ref: str, columns: dict[str, tuple[Any, Any]], file: OpenFile) -> Iterable[ShownChange]:
    for name, (before, after) in columns.items():
        if name != "posting_id":
            what = f"{ref} · {name.removesuffix('_at').replace('_', ' ')}"
            # What is stored of a person is nobody's to read by guessing an application's id: a reveal is written down.
            mask = _MASKS.get(name)
            was = (mask(before or "") or "—") if mask else _shown(before, file)
            yield ShownChange(what, was, _shown(after, file))


def _shown(value: Any, file: OpenFile) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(file.zone):%Y-%m-%d %H:%M}"
    return str(value or "—")


def _amount(metric: str, currency: str, value: int) -> str:
    return str(Money(value, currency)) if BY_NAME[metric].unit == "money" else f"{value:,}"


def _questions(survey: Survey) -> tuple[str, ...]:
    return (*(("date_order",) if survey.unsure else ()), *(("mark",) if survey.unsure_mark else ()))


def _words(file: OpenFile) -> dict[str, list[Word]]:
    mapping = file.mapping
    meaning = {
        "source": lambda text: platform_for(text, mapping.sources),
        "stage": lambda text: stage_meant(file.reading, text),
        "end_reason": lambda text: end_meant(file.reading, text),
        "metric": lambda text: metric_named(mapping, text),
    }
    return {
        name: [Word(text, rows, meaning[name](text), _is_unknown(file, name, text)) for text, rows in words.items()]
        for name, words in file.survey.words.items()
    }


def _is_unknown(file: OpenFile, name: str, text: str) -> bool:
    return name == "stage" and not is_stage_known(file.reading, text)


def _notes(findings: Findings, plan: Plan) -> list[str]:
    notes = []
    if findings.rows.totals:
        notes.append(f"Rows that sum up others were left out: {findings.rows.totals:,}.")
    if findings.rows.silent:
        notes.append(f"Rows without a number that is mapped: {findings.rows.silent:,}.")
    if findings.stages.undated:
        notes.append(
            f"Applications that reached a stage without a date for it: {findings.stages.undated:,}. "
            "The stage is kept, but counts on no day."
        )
    if not plan.questions and not plan.size and plan.rows:
        notes.append("No row can be imported.")
    elif plan.size and not plan.can_import:
        notes.append("Everything in this file is stored already: there is nothing to import.")
    return notes
