"""The links and referral codes that pages pass on, turned into what they name."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from domain.referrals import plain_code
from domain.text import clean_text
from store.tables import Referral, TrackingLink

_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]


class Named(NamedTuple):
    """What a code names: somebody's referral, or somebody's personal link."""

    referral_id: uuid.UUID | None = None
    link_id: uuid.UUID | None = None

    @property
    def kind(self) -> str:
        """The kind of touch that carries it."""
        return "link" if self.link_id else "referral"


def find_code(session: Session, company_id: uuid.UUID, code: str) -> Named | None:
    """What a referral code of the company names; None for another company's, and for nobody's."""
    key = plain_code(clean_text(code))
    referral = _found(session, _REFERRALS, _REFERRALS.c.code, [key]).get((company_id, key))
    if referral is not None:
        return Named(referral_id=referral)
    own = select(_LINKS.c.id).where(
        _LINKS.c.company_id == company_id, _LINKS.c.slug == key, _LINKS.c.referrer_id.is_not(None)
    )
    link = session.execute(own).scalar()
    return Named(link_id=link) if link else None


def resolve_names(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Give rows the `link_id` or `referral_id` that their `name` stands for. Another company's name is nobody's."""
    named = [row for row in rows if row["name"]]
    if not named:
        return
    names = {plain_code(row["name"]) for row in named}
    links = _found(session, _LINKS, _LINKS.c.slug, names)
    referrals = _found(session, _REFERRALS, _REFERRALS.c.code, names)
    for row in named:
        key = (row["company_id"], plain_code(row["name"]))
        row["link_id"], row["referral_id"] = links.get(key), referrals.get(key)


def _found(session: Session, table: Any, column: Any, names: Iterable[str]) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    rows = session.execute(select(table.c.company_id, column, table.c.id).where(column.in_(sorted(names))))
    return {(row[0], row[1]): row[2] for row in rows}
