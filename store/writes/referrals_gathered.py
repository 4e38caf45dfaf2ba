"""Referrals and the applications that they may belong together with: all that bear on one another, and no others."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Uuid, bindparam, cast, null, or_, select, union_all
from sqlmodel import Session

from store.among import among
from store.emails import has_email
from store.tables import Application, ApplicationTouch, Referral, TrackingLink

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_APPLICATIONS = Application.__table__  # type: ignore[attr-defined]
_TOUCHES = ApplicationTouch.__table__  # type: ignore[attr-defined]
_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]
#: Values in one list of a statement.
_AT_ONCE = 500
#: So many persons and fewer are spelled in the statement.
_FEW = 8
_SEEN = (
    "id", "external_ref", "email_index", "person_index", "posting_id", "stage", "applied_at", "reviewed_at",
    "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip


@dataclass(slots=True)
class Gathered:
    """Rows by id; touches (with a referral or a personal link) by application; owners of personal links by link."""

    referrals: dict[uuid.UUID, Any] = field(default_factory=dict)
    applications: dict[uuid.UUID, Any] = field(default_factory=dict)
    touches: dict[uuid.UUID, list[Any]] = field(default_factory=dict)
    links: dict[uuid.UUID, Any] = field(default_factory=dict)


def find_concerned(
    session: Session, company_id: uuid.UUID, application_ids: Collection[uuid.UUID], persons: Collection[str]
) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """(Referrals that these applications or persons may bear on, those of the applications that came by a link)."""
    referrals: set[uuid.UUID] = set()
    linked: set[uuid.UUID] = set()
    named = {person for person in persons if person}
    if named:
        if len(named) <= _FEW:
            found, given = _of_few(), {"company_id": company_id, "persons": sorted(named)}
            referrals.update(session.connection().execute(found, given).scalars())
        else:
            referrals.update(session.connection().execute(_of_many(session, company_id, named)).scalars())
    for ids in _chunks(application_ids):
        for row in session.connection().execute(_touched(), {"ids": ids}):
            if row.referral_id is not None:
                referrals.add(row.referral_id)
            if row.application_id is not None:
                linked.add(row.application_id)
    return referrals, linked


def _of_many(session: Session, company_id: uuid.UUID, persons: Collection[str]) -> Any:
    """Referrals of these persons."""
    whose = _REFERRALS.c.company_id == company_id
    return union_all(
        select(_REFERRALS.c.id).where(whose, among(session, _REFERRALS.c.person_index, persons)),
        select(_REFERRALS.c.id).where(whose, among(session, _REFERRALS.c.email_index, persons)),
    )


@cache
def _of_few() -> Any:
    """The same of a few, as every event asks: put together once."""
    whose = _REFERRALS.c.company_id == bindparam("company_id")
    persons: Any = bindparam("persons", expanding=True)
    return union_all(
        *(
            select(_REFERRALS.c.id).where(whose, column.in_(persons))
            for column in (_REFERRALS.c.person_index, _REFERRALS.c.email_index)
        )
    )


@cache
def _touched() -> Any:
    """Referrals whose code or application `ids` are, and applications that came by a personal link."""
    nobody = cast(null(), Uuid())
    ids: Any = bindparam("ids", expanding=True)
    own = select(_LINKS.c.id).where(_LINKS.c.id == _TOUCHES.c.link_id, _LINKS.c.referrer_id.is_not(None))
    return union_all(
        select(_REFERRALS.c.id.label("referral_id"), nobody.label("application_id")).where(
            _REFERRALS.c.application_id.in_(ids)
        ),
        select(_TOUCHES.c.referral_id, nobody).where(
            _TOUCHES.c.application_id.in_(ids), _TOUCHES.c.referral_id.is_not(None)
        ),
        select(nobody, _TOUCHES.c.application_id).where(
            _TOUCHES.c.application_id.in_(ids), _TOUCHES.c.link_id.is_not(None), own.exists()
        ),
    )


def gather(
    session: Session, company_id: uuid.UUID, referral_ids: Iterable[uuid.UUID], application_ids: Iterable[uuid.UUID]
) -> Gathered:
    """These, whatever bears on them, and whatever bears on that: usually a handful. All are the company's."""
    found = Gathered()
    referrals, applications = set(referral_ids), set(application_ids)
    while referrals or applications:
        persons = _add_referrals(session, company_id, referrals, found)
        applications |= _applications_of(session, company_id, persons, found)
        fresh = {row.application_id for row in found.referrals.values() if row.application_id} | applications
        referrals = _add_applications(session, company_id, fresh - found.applications.keys(), found)
        referrals -= found.referrals.keys()
        applications = set()
    _add_links(session, company_id, found)
    return found


def _add_referrals(session: Session, company_id: uuid.UUID, ids: Iterable[uuid.UUID], found: Gathered) -> set[str]:
    """Add referrals, what was merged into them and what they were merged into; the digests of those who are new."""
    wanted = set(ids) - found.referrals.keys()
    persons: set[str] = set()
    while wanted:
        family: set[uuid.UUID] = set()
        for part in _chunks(wanted):
            rows = session.connection().execute(
                select(_REFERRALS).where(
                    _REFERRALS.c.company_id == company_id,
                    or_(_REFERRALS.c.id.in_(part), _REFERRALS.c.merged_into.in_(part)),
                )
            )
            for row in rows:
                found.referrals[row.id] = row
                persons |= {row.person_index, row.email_index}
                family |= {one for one in (row.id, row.merged_into) if one}
        wanted = family - found.referrals.keys()
    return persons - {""}


def _applications_of(
    session: Session, company_id: uuid.UUID, persons: Collection[str], found: Gathered
) -> set[uuid.UUID]:
    """Applications of these persons, and those that carry a code of a referral found."""
    ids: set[uuid.UUID] = set()
    for part in _chunks(persons):
        whose = _APPLICATIONS.c.company_id == company_id
        theirs = union_all(
            select(_APPLICATIONS.c.id).where(*has_email(session, company_id, part)),
            select(_APPLICATIONS.c.id).where(
                whose, _APPLICATIONS.c.person_index.in_(part), _APPLICATIONS.c.person_index != ""
            ),
        )
        ids.update(session.connection().execute(theirs).scalars())
    for some in _chunks(found.referrals):
        carried = select(_TOUCHES.c.application_id).where(
            _TOUCHES.c.company_id == company_id, _TOUCHES.c.referral_id.in_(some), _TOUCHES.c.referral_id.is_not(None)
        )
        ids.update(session.connection().execute(carried).scalars())
    return ids


def _add_applications(
    session: Session, company_id: uuid.UUID, ids: Collection[uuid.UUID], found: Gathered
) -> set[uuid.UUID]:
    """Add applications with their touches; the referrals that they may belong to."""
    persons: set[str] = set()
    for part in _chunks(ids):
        columns = (_APPLICATIONS.c[name] for name in _SEEN)
        rows = session.connection().execute(
            select(*columns).where(_APPLICATIONS.c.company_id == company_id, _APPLICATIONS.c.id.in_(part))
        )
        for row in rows:
            found.applications[row.id] = row
            persons |= {row.email_index, row.person_index}
        touches = session.connection().execute(
            select(_TOUCHES.c.application_id, _TOUCHES.c.at, _TOUCHES.c.referral_id, _TOUCHES.c.link_id).where(
                _TOUCHES.c.application_id.in_(part),
                or_(_TOUCHES.c.referral_id.is_not(None), _TOUCHES.c.link_id.is_not(None)),
            )
        )
        for touch in touches:
            found.touches.setdefault(touch.application_id, []).append(touch)
    if not ids:
        return set()
    referrals, _ = find_concerned(session, company_id, list(ids), persons)
    return referrals


def _add_links(session: Session, company_id: uuid.UUID, found: Gathered) -> None:
    """The personal links among those that applications came by."""
    ids = {touch.link_id for touches in found.touches.values() for touch in touches if touch.link_id}
    for part in _chunks(ids):
        rows = session.connection().execute(
            select(_LINKS.c.id, _LINKS.c.referrer_id, _LINKS.c.posting_id).where(
                _LINKS.c.company_id == company_id, _LINKS.c.id.in_(part), _LINKS.c.referrer_id.is_not(None)
            )
        )
        found.links.update({row.id: row for row in rows})


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    ordered = sorted(values, key=str)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
