"""What was changed about a posting, by whom and when: one row for each field, told in words that outlive the field."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from domain.text import clean_text
from store.tables import ExternalPosting, JobPosting, PlatformConfig, PostingChange

#: The field of what a platform told about a posting that we published there, before the platform's key.
STANDING = "standing:"
_LONGEST = 1000


def note_made(session: Session, posting: JobPosting, *, actor: str, now: datetime) -> None:
    """Write down that a posting was made, as what it was made."""
    session.add(_change(posting, "status", "", posting.status, actor=actor, now=now))


def change_fields(posting: JobPosting, values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Set what differs; what was there before and is now, as told, by field."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in values.items():
        held = getattr(posting, name)
        if held == value:
            continue
        setattr(posting, name, value)
        found[name] = _advert(held, value) if name == "advert" else (told(held), told(value))
    return found


def note_changes(
    session: Session, posting: JobPosting, changed: Mapping[str, tuple[str, str]], *, actor: str, now: datetime
) -> None:
    """Write changes of fields down."""
    session.add_all(
        _change(posting, name, before, after, actor=actor, now=now) for name, (before, after) in changed.items()
    )


def note_told(session: Session, external: ExternalPosting, before: str, *, now: datetime) -> None:
    """Write down that a platform has a posting of ours in another state than `before`: taken up, taken off, refused."""
    if external.posting_id is None or external.status == before:
        return
    config = session.get_one(PlatformConfig, external.config_id)
    change = PostingChange(
        company_id=external.company_id,
        posting_id=external.posting_id,
        at=now,
        actor=config.name or config.platform,
        field=f"{STANDING}{config.platform}",
        before=before,
        after=external.status,
    )
    session.add(change)


def change_row(
    company_id: uuid.UUID, posting_id: uuid.UUID, field: str, words: tuple[str, str], *, actor: str, now: datetime
) -> PostingChange:
    """One change of one field: what stood there before and what stands there now."""
    before, after = (clean_text(text, _LONGEST) for text in words)
    return PostingChange(
        company_id=company_id, posting_id=posting_id, at=now, actor=actor, field=field, before=before, after=after
    )


def told(value: object) -> str:
    """A column's value in the history: days as YYYY-MM-DD, nothing as "".

    >>> told(date(2026, 3, 2)), told(None), told(3)
    ('2026-03-02', '', '3')
    """
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def _change(posting: JobPosting, field: str, before: str, after: str, *, actor: str, now: datetime) -> PostingChange:
    return change_row(posting.company_id, posting.id, field, (before, after), actor=actor, now=now)


def _advert(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """An advert is long: only which of its parts changed is kept."""
    parts = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return "", ", ".join(name.replace("_", " ") for name in parts)
