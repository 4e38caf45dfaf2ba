"""Two applications that turn out to be one: everything that hangs on the second moves to the first."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session

from store.tables import Application, ApplicationRef, OutboxEntry, Referral
from store.vault import Vault
from store.writes.applications_settled import (
    STAGE_COLUMNS,
    file_reports,
    opened,
    read_reports,
    settle,
    write_reports,
)
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import unite_links

_TABLE = Application.__table__  # type: ignore[attr-defined]
_REFS = ApplicationRef.__table__  # type: ignore[attr-defined]
#: Whatever else points at an application.
_POINTING = (Referral.__table__, OutboxEntry.__table__)  # type: ignore[attr-defined]


def merge_applications(session: Session, vault: Vault, keep: uuid.UUID, gone: uuid.UUID, *, now: datetime) -> None:
    """Make `gone` part of `keep`, with its names, touches, stages and what points at it, and delete it."""
    rows = {row.id: dict(row._mapping) for row in session.execute(select(_TABLE).where(_TABLE.c.id.in_([keep, gone])))}
    first, second = rows[keep], rows[gone]
    reports, theirs = read_reports(session, first), read_reports(session, second)
    if reports.is_empty:
        reports = file_reports(first)
    reports.include(file_reports(second) if theirs.is_empty else theirs)
    says = {name: second[name] for name in ("posting_id", "posting_ref", "posting_title")}
    says |= {name: opened(vault, second, name) for name in ("candidate_name", "candidate_email")}
    session.execute(update(_REFS).where(_REFS.c.application_id == gone).values(application_id=keep))
    if second["import_id"] is not None:
        # The file's own name for it, by which the next file finds it.
        _keep_name(session, first, second["external_ref"])
    unite_links(session, keep, gone)
    for table in _POINTING:
        session.execute(update(table).where(table.c.application_id == gone).values(application_id=keep))
    days = [second[name] for name in STAGE_COLUMNS if second[name]]
    session.execute(delete(_TABLE).where(_TABLE.c.id == gone))
    write_reports(session, first, reports)
    mark_applications_dirty(session, first["company_id"], days)
    settle(session, vault, first, (reports, says), now=now)


def _keep_name(session: Session, row: Mapping[str, Any], ref: str) -> None:
    key = {"company_id": row["company_id"], "scope": "", "ref": ref}
    if session.get(ApplicationRef, tuple(key.values())) is None:
        session.execute(insert(_REFS), [key | {"application_id": row["id"]}])
