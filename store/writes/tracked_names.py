"""The links and referral codes that pages pass on, turned into what they name."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from store.tables import Referral, TrackingLink

_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]


def resolve_names(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Give rows the `link_id` or `referral_id` that their `name` stands for. Another company's name is nobody's."""
    named = [row for row in rows if row["name"]]
    if not named:
        return
    names = {row["name"] for row in named}
    links = _found(session, _LINKS, _LINKS.c.slug, names)
    referrals = _found(session, _REFERRALS, _REFERRALS.c.code, names)
    for row in named:
        key = (row["company_id"], row["name"])
        row["link_id"], row["referral_id"] = links.get(key), referrals.get(key)


def _found(session: Session, table: Any, column: Any, names: Iterable[str]) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    rows = session.execute(select(table.c.company_id, column, table.c.id).where(column.in_(sorted(names))))
    return {(row[0], row[1]): row[2] for row in rows}
