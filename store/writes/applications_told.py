"""The one way in for an application told by an event: a webhook, the tracker, a link, the API.

    teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
    told = Told("webhook", refs=(("indeed", "3f9a…"),), email="…", posting_ref="REQ-1",
                touches=(TouchTold("declared", "indeed", at, platform="indeed"),), stages=(StageTold("applied", at),))
    outcome = tell_application(session, teller, told, now=now)

Whatever is told, in whatever order and however often, leads to one state: what is told is kept as names (refs),
touches and stage reports, and the application's own columns follow from them. Two tellings are of one application when
they share a name, or the person (by e-mail) and the posting; that they do may turn out late, and then two become one.
What files say is joined here too: see `store.writes.applications`.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session

from domain.text import clean_text, key_text
from store.emails import of_address
from store.engine import is_sqlite
from store.tables import Application, ApplicationRef
from store.tables.applicants import STAGES
from store.tables.columns import new_id
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.applications_merged import merge_applications
from store.writes.applications_settled import (
    UNDATED,
    Reports,
    enter_new,
    file_reports,
    read_reports,
    settle,
    write_reports,
)
from store.writes.postings_found import PostingIndex, folded

__all__ = ["UNDATED", "Outcome", "PostingIndex", "StageTold", "Teller", "Told", "TouchTold", "tell_application"]

_TABLE = Application.__table__  # type: ignore[attr-defined]
_REFS = ApplicationRef.__table__  # type: ignore[attr-defined]
#: The scope of names made of a person and a posting; what an applicant system calls an application has scope "".
PERSON = "person"
# Made once: to put a statement together takes longer than the database takes for it.
_NAMED = select(_REFS.c.scope, _REFS.c.ref, _REFS.c.application_id).where(
    _REFS.c.company_id == bindparam("company_id"),
    # Each scope with each ref is one look into the key.
    _REFS.c.scope.in_(bindparam("scopes", expanding=True)),
    _REFS.c.ref.in_(bindparam("refs", expanding=True)),
)
_FOUND = (_TABLE.c.id, _TABLE.c.import_id, _TABLE.c.created_at)
_CALLED = select(*_FOUND).where(
    _TABLE.c.company_id == bindparam("company_id"), _TABLE.c.external_ref.in_(bindparam("refs", expanding=True))
)
_THESE = select(*_FOUND).where(
    _TABLE.c.company_id == bindparam("company_id"), _TABLE.c.id.in_(bindparam("ids", expanding=True))
)
_ONE = select(_TABLE).where(_TABLE.c.id == bindparam("id"))
_NAMES = select(_REFS.c.scope, _REFS.c.ref).where(_REFS.c.application_id == bindparam("application_id"))
_NAME = insert(_REFS)


@dataclass(frozen=True, slots=True)
class TouchTold:
    """Something that says where an application came from. `ref` tells it from others of its kind.

    `kind` is declared, link, utm or referral; `platform` a key of domain.platforms, "" where nobody knows.
    """

    kind: str
    ref: str
    at: datetime
    platform: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    link_id: uuid.UUID | None = None
    referral_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class StageTold:
    """A report that the application reached a stage. `ref` tells it from another report of the same stage."""

    stage: str
    at: datetime
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An application as one event tells it.

    `told_by` is webhook, tracker, link or api. `refs` are its names as (scope, name): scope is the platform's key for
    the platform's own id, "" for the applicant system's. At least one stage, and a name or an e-mail,
    are needed.
    """

    told_by: str
    stages: tuple[StageTold, ...]
    refs: tuple[tuple[str, str], ...] = ()
    posting_id: uuid.UUID | None = None
    posting_ref: str = ""
    posting_title: str = ""
    name: str = ""
    email: str = ""
    touches: tuple[TouchTold, ...] = ()


@dataclass(frozen=True, slots=True)
class Teller:
    """Whose applications, what seals names, and what finds postings (one for many tellings)."""

    company_id: uuid.UUID
    vault: Vault
    postings: PostingIndex


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which application it was; `is_new` says that nobody had told of it before."""

    application_id: uuid.UUID
    is_new: bool


def tell_application(session: Session, teller: Teller, told: Told, *, now: datetime) -> Outcome:
    """Enter what an event tells; changed days become due for projection. Raises ValueError for an empty telling."""
    told = _cleaned(told)
    if not told.stages or not (told.refs or told.email):
        raise ValueError("an application needs a stage, and a name or an e-mail")
    lock_applications(session, teller.company_id)
    posting_id = told.posting_id or teller.postings.find(told.posting_ref, told.posting_title)
    people = person_names(teller.vault, told.email, posting_id, (told.posting_ref, told.posting_title))
    names = (*told.refs, *people)
    if not names:
        raise ValueError("an application needs a name, or an e-mail and a posting")
    found = _find(session, teller, told, (names, posting_id))
    if not found:
        return Outcome(_enter(session, teller, told, (names, posting_id, now)), True)
    target = found[0]
    for other in found[1:]:
        merge_applications(session, teller.vault, target, other, now=now)
    _name(session, teller.company_id, target, names)
    before = _row(session, target)
    reports = read_reports(session, before)
    if reports.is_empty:
        reports = file_reports(before)
    _add_told(reports, told)
    write_reports(session, before, reports)
    settle(session, teller.vault, before, (reports, _says(told, posting_id)), now=now)
    return Outcome(target, False)


def person_names(
    vault: Vault, email: str, posting_id: uuid.UUID | None, called: tuple[str, str]
) -> list[tuple[str, str]]:
    """Names (scope, ref) made of a person and each way the posting is called: id, and reference, else title.

    None where either is unknown.
    """
    ref, title = called
    if not email:
        return []
    index = vault.digest("email-bidx", email)
    names = [(PERSON, f"{index}:id:{posting_id}")] if posting_id else []
    if ref:
        names.append((PERSON, f"{index}:ref:{_short(ref)}"))
    elif title and posting_id is None:
        names.append((PERSON, f"{index}:title:{_short(title)}"))
    return names


def _short(words: str) -> str:
    return hashlib.sha256(folded(words).encode()).hexdigest()[:24]


def _cleaned(told: Told) -> Told:
    """With text that every database takes, and nothing that is none of our words."""
    unknown = {stage.stage for stage in told.stages} - set(STAGES)
    if unknown:
        raise ValueError(f"not a stage: {sorted(unknown)}")
    return Told(
        told_by=told.told_by,
        stages=tuple(StageTold(one.stage, one.at, key_text(one.ref)) for one in told.stages),
        refs=tuple(dict.fromkeys((scope, key_text(ref)) for scope, ref in told.refs if key_text(ref))),
        posting_id=told.posting_id,
        posting_ref=key_text(told.posting_ref),
        posting_title=clean_text(told.posting_title),
        name=clean_text(told.name, 200),
        email=clean_text(told.email, 320),
        touches=tuple(_clean_touch(touch) for touch in told.touches),
    )


def _clean_touch(touch: TouchTold) -> TouchTold:
    words = {name: clean_text(getattr(touch, name), 200) for name in ("source", "medium", "campaign")}
    return TouchTold(
        touch.kind, key_text(touch.ref), touch.at, touch.platform, **words, link_id=touch.link_id,
        referral_id=touch.referral_id,
    )  # fmt: skip


Names = Sequence[tuple[str, str]]


def _find(session: Session, teller: Teller, told: Told, sought: tuple[Names, uuid.UUID | None]) -> list[uuid.UUID]:
    """Applications that the telling names, the one to keep first: of a file before others, then the oldest."""
    names, posting_id = sought
    execute, whose = session.connection().execute, {"company_id": teller.company_id}
    asked = {"scopes": sorted({scope for scope, _ in names}), "refs": sorted({ref for _, ref in names})}
    named = {(row.scope, row.ref): row.application_id for row in execute(_NAMED, whose | asked)}
    known = [name for name in names if name in named]
    is_known_person = any(scope == PERSON for scope, _ in known)
    ids: set[uuid.UUID] = {named[name] for name in known}
    # Files write no refs: what they call an application is its own column.
    columns = sorted({_column_ref(scope, ref) for scope, ref in names})
    rows = {row.id: row for row in execute(_CALLED, whose | {"refs": columns})}
    ids |= rows.keys()
    if told.email and not is_known_person:
        same = _of_person(session, teller, told, posting_id)
        # An applicant system's own two numbers for one person and posting stay two.
        ids |= set() if ids & set(same) else set(same[:1])
    if others := ids - rows.keys():
        rows |= {row.id: row for row in execute(_THESE, whose | {"ids": sorted(others)})}
    ordered = sorted(rows.values(), key=lambda row: (row.import_id is None, row.created_at, str(row.id)))
    return [row.id for row in ordered]


def _column_ref(scope: str, ref: str) -> str:
    return ref if scope == "" else key_text(f"{scope}:{ref}")


def _of_person(session: Session, teller: Teller, told: Told, posting_id: uuid.UUID | None) -> list[uuid.UUID]:
    """The applications that files told of this person and posting, the first one first."""
    if posting_id is None and not told.posting_ref:
        return []
    query = _person_query(teller.company_id, is_text=is_sqlite(session), has_posting=posting_id is not None)
    of_whom = {"index": teller.vault.digest("email-bidx", told.email)}
    for_what = {"posting_id": posting_id} if posting_id else {"posting_ref": told.posting_ref}
    # Ordered here: asked for the first one, SQLite walks through all of the company's applications by their days.
    found = session.connection().execute(query, of_whom | for_what)
    return [row.id for row in sorted(found, key=lambda row: (row.applied_at, row.id.hex))]


@lru_cache(maxsize=256)
def _person_query(company_id: uuid.UUID, *, is_text: bool, has_posting: bool) -> Any:
    """Applications of the person `index` for a posting, told by `posting_id` or by `posting_ref`."""
    posting = (
        (_TABLE.c.posting_id == bindparam("posting_id"),)
        if has_posting
        else (_TABLE.c.posting_id.is_(None), _TABLE.c.posting_ref == bindparam("posting_ref"))
    )
    of_whom = of_address(company_id, _TABLE.c.email_index == bindparam("index"), is_text=is_text)
    return select(_TABLE.c.id, _TABLE.c.applied_at).where(*of_whom, *posting)


def _enter(session: Session, teller: Teller, told: Told, given: tuple[Names, uuid.UUID | None, datetime]) -> uuid.UUID:
    """Write an application that nobody told of before, with its names and reports."""
    names, posting_id, now = given
    row: dict[str, Any] = _blank() | {
        "id": new_id(),
        "company_id": teller.company_id,
        "external_ref": _column_ref(*names[0]),
        "posting_id": posting_id,
        "told_by": told.told_by,
        "applied_at": min(one.at for one in told.stages),
        "created_at": now,
        "updated_at": now,
    }
    reports = Reports()
    _add_told(reports, told)
    settled = enter_new(session, teller.vault, row, (reports, _says(told, posting_id)), now=now)
    _add_names(session, teller.company_id, row["id"], names)
    write_reports(session, row, reports)
    settled()
    return row["id"]  # type: ignore[no-any-return]


@cache
def _blank() -> dict[str, Any]:
    """The columns of an application of which nothing is known."""
    nobody = uuid.UUID(int=0)
    return Application(id=nobody, company_id=nobody, applied_at=datetime.min.replace(tzinfo=UTC)).model_dump()


def _says(told: Told, posting_id: uuid.UUID | None) -> dict[str, Any]:
    return {
        "posting_id": posting_id,
        "posting_ref": told.posting_ref,
        "posting_title": told.posting_title,
        "candidate_name": told.name,
        "candidate_email": told.email,
    }


def _name(session: Session, company_id: uuid.UUID, application_id: uuid.UUID, names: Names) -> None:
    rows = session.connection().execute(_NAMES, {"application_id": application_id})
    known = {(scope, ref) for scope, ref in rows}
    _add_names(session, company_id, application_id, [name for name in names if name not in known])


def _add_names(session: Session, company_id: uuid.UUID, application_id: uuid.UUID, names: Names) -> None:
    new = [
        {"company_id": company_id, "scope": scope, "ref": ref, "application_id": application_id}
        for scope, ref in dict.fromkeys(names)
    ]
    if new:
        session.connection().execute(_NAME, new)


def _row(session: Session, application_id: uuid.UUID) -> Mapping[str, Any]:
    return dict(session.connection().execute(_ONE, {"id": application_id}).one()._mapping)


def _add_told(reports: Reports, told: Told) -> None:
    for stage in told.stages:
        reports.add_stage(stage.stage, stage.at, ref=stage.ref, told_by=told.told_by)
    for touch in told.touches:
        reports.add_touch(
            {
                "kind": touch.kind, "ref": touch.ref, "at": touch.at, "platform": touch.platform,
                "source": touch.source, "medium": touch.medium, "campaign": touch.campaign,
                "link_id": touch.link_id, "referral_id": touch.referral_id,
            }
        )  # fmt: skip
