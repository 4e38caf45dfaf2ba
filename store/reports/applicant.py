"""What is known of one application: its stages and who told them, what touched it, and which touch owns it.

Where only a file told of it, the history is what its columns say; else it is every report, those that do not count too.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from domain.attribution import Touch, owning_touch
from domain.stages import STAGES
from store.reports.applicants import ApplicantRow, Opener, find_applicant
from store.reports.scope import CompanyScope
from store.tables import Application, Import, Referral, StageChange, TrackingLink, User
from store.writes.applications_settled import (
    HAND,
    UNDATED,
    Reports,
    change_of,
    dating_refs,
    file_reports,
    is_taken_back,
    read_reports,
)

_IMPORT = "import:"


@dataclass(frozen=True, slots=True)
class StageTold:
    """One report of a stage. `at` is when it was reached, or as of when a person took it back; None for no date.

    `told_by` is file, webhook, tracker, link, api or hand; `teller` the file's name, the platform's key or the person's
    name; `told_at` when it was imported or set by hand. `counts`: it is what dates the stage.
    """

    stage: str
    at: datetime | None
    told_by: str
    teller: str
    told_at: datetime | None
    counts: bool
    is_taken_back: bool
    change_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class TouchSeen:
    """One thing that says where the application came from; `owns` marks the one that it counts for.

    `platform` is "" where nobody knows one; `link` a tracked link's slug, `referral` a referral's code.
    """

    kind: str
    at: datetime
    platform: str
    source: str
    medium: str
    campaign: str
    link: str
    referral: str
    owns: bool


@dataclass(frozen=True, slots=True)
class ReferralSeen:
    """A referral that led to the application."""

    id: uuid.UUID
    referrer_name: str
    sent_at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Applicant:
    """One application with its history, newest last, its touches in order, and its referrals."""

    row: ApplicantRow
    posting_ref: str
    history: tuple[StageTold, ...]
    touches: tuple[TouchSeen, ...]
    referrals: tuple[ReferralSeen, ...]


def get_applicant(
    session: Session, company: CompanyScope, application_id: uuid.UUID, opener: Opener
) -> Applicant | None:
    """One application; None where the company has none of this id."""
    row = find_applicant(session, company, application_id, opener)
    if row is None:
        return None
    stored = session.get_one(Application, application_id).model_dump()
    reports = read_reports(session, stored)
    if reports.is_empty:
        reports = file_reports(stored)
    return Applicant(
        row=row,
        posting_ref=stored["posting_ref"],
        history=_history(session, company, reports),
        touches=_touches(session, reports),
        referrals=_referrals(session, application_id),
    )


def _history(session: Session, company: CompanyScope, reports: Reports) -> tuple[StageTold, ...]:
    dating, tellers = dating_refs(reports), _tellers(session, company, reports)
    lines = []
    for (stage, ref), (at, told_by) in reports.stages.items():
        gone = told_by == HAND and is_taken_back(ref)
        change_id = change_of(ref) if told_by == HAND else None
        teller, told_at = tellers.get(change_id or ref.removeprefix(UNDATED), ("", None))
        is_dated = not ref.startswith(UNDATED)
        told = StageTold(
            stage=stage,
            at=at if is_dated else None,
            told_by=told_by,
            teller=teller or _named(told_by, ref),
            told_at=told_at,
            counts=(stage, ref) in dating,
            is_taken_back=gone,
            change_id=change_id,
        )
        lines.append(told)
    return tuple(sorted(lines, key=_order))


def _order(told: StageTold) -> tuple[bool, float, int, str]:
    """By when the stage was reached; what has no date comes last."""
    at = told.at.timestamp() if told.at else 0.0
    return told.at is None, at, STAGES.index(told.stage), told.told_by


def _named(told_by: str, ref: str) -> str:
    return ref if told_by == "webhook" else ""


def _tellers(
    session: Session, company: CompanyScope, reports: Reports
) -> Mapping[uuid.UUID | str, tuple[str, datetime | None]]:
    """(Name, instant) of imports, by their refs, and of changes by hand, by their ids."""
    refs = {ref.removeprefix(UNDATED): ref for (_, ref), told in reports.stages.items() if told[1] == "file"}
    imports = _ids(ref.removeprefix(_IMPORT) for ref in refs)
    changes = {change_of(ref) for (_, ref), told in reports.stages.items() if told[1] == HAND}
    found: dict[uuid.UUID | str, tuple[str, datetime | None]] = {}
    files = select(col(Import.id), col(Import.file_name), col(Import.created_at))
    for row in session.execute(files.where(col(Import.id).in_(imports), col(Import.company_id) == company.id)):
        found[f"{_IMPORT}{row.id}"] = (row.file_name, row.created_at)
    people = (
        select(col(StageChange.id), col(StageChange.made_at), col(User.name), col(User.email))
        .join(User, col(User.id) == col(StageChange.made_by), isouter=True)
        .where(col(StageChange.id).in_(changes), col(StageChange.company_id) == company.id)
    )
    for row in session.execute(people):
        found[row.id] = (row.name or row.email or "", row.made_at)
    return found


def _ids(texts: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(text) for text in texts if text]


def _touches(session: Session, reports: Reports) -> tuple[TouchSeen, ...]:
    told = sorted(reports.touches.values(), key=lambda one: (one["at"], one["kind"], one["ref"]))
    owner = owning_touch(Touch(one["kind"], one["ref"], one["at"], one["platform"], one["source"]) for one in told)
    slugs = _names(session, TrackingLink, "slug", [one["link_id"] for one in told])
    codes = _names(session, Referral, "code", [one["referral_id"] for one in told])
    return tuple(
        TouchSeen(
            **{name: one[name] for name in ("kind", "at", "platform", "source", "medium", "campaign")},
            link=slugs.get(one["link_id"], ""),
            referral=codes.get(one["referral_id"], ""),
            owns=owner is not None and (owner.kind, owner.ref) == (one["kind"], one["ref"]),
        )
        for one in told
    )


def _names(session: Session, model: Any, column: str, ids: list[uuid.UUID | None]) -> dict[uuid.UUID | None, str]:
    wanted = [one for one in ids if one is not None]
    if not wanted:
        return {}
    found = session.execute(select(col(model.id), col(getattr(model, column))).where(col(model.id).in_(wanted)))
    return {row[0]: row[1] for row in found}


def _referrals(session: Session, application_id: uuid.UUID) -> tuple[ReferralSeen, ...]:
    found = session.execute(
        select(col(Referral.id), col(Referral.referrer_name), col(Referral.sent_at), col(Referral.status))
        .where(col(Referral.application_id) == application_id)
        .order_by(col(Referral.sent_at), col(Referral.id))
    )
    return tuple(ReferralSeen(*row) for row in found)
