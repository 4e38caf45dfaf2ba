"""The links and referral codes that pages pass on, turned into what they name."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from store.tables import Referral, TrackingLink

_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]


def with_names(session: Session, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `link_id` and `referral_id` in place of `name`. A name of another company's is nobody's."""
    names = {row["name"] for row in rows if row["name"]}
    links = _found(session, _LINKS, _LINKS.c.slug, names)
    referrals = _found(session, _REFERRALS, _REFERRALS.c.code, names)
    return [
        {key: value for key, value in row.items() if key != "name"}
        | {
            "link_id": links.get((row["company_id"], row["name"])),
            "referral_id": referrals.get((row["company_id"], row["name"])),
        }
        for row in rows
    ]


def _found(session: Session, table: Any, column: Any, names: Iterable[str]) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    wanted = sorted(names)
    if not wanted:
        return {}
    rows = session.execute(select(table.c.company_id, column, table.c.id).where(column.in_(wanted)))
    return {(row[0], row[1]): row[2] for row in rows}
