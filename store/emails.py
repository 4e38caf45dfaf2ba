"""Finding applications by e-mail. Their index has parts, so that a file's rows come close together in it.

Digests fall anywhere: in one large index nearly every row of a file would write a page of its own. So what files bring
goes into one part after the other, and a look-up looks into each part; what events tell all goes into part 0.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, Select, any_, func, select
from sqlmodel import Session

from store.engine import is_sqlite
from store.tables import Application

_TABLE = Application.__table__  # type: ignore[attr-defined]
#: Entries of the first part, and after how many parts they are twice as many: a million applications make some forty
#: parts, ten million some hundred and twenty.
FIRST_ROOM, DOUBLED_AFTER = 16_384, 32


def has_email(
    session: Session, company_id: uuid.UUID, indexes: str | Collection[str]
) -> tuple[ColumnElement[bool], ...]:
    """That an application is the company's and its e-mail has this digest, or one of these."""
    column = _TABLE.c.email_index
    is_theirs = column == indexes if isinstance(indexes, str) else column.in_(indexes)
    return of_address(company_id, is_theirs, is_text=is_sqlite(session))


def of_address(
    company_id: uuid.UUID, is_theirs: ColumnElement[bool], *, is_text: bool
) -> tuple[ColumnElement[bool], ...]:
    """The same, given what says of `email_index` whose it is. `is_text`: for SQLite."""
    part, parts = _TABLE.c.email_part, _parts(company_id)
    # As an array: PostgreSQL before 18 might join the parts to all of the index instead.
    in_parts = part.in_(parts) if is_text else part == any_(func.array(parts.scalar_subquery()))
    return (_TABLE.c.company_id == company_id, in_parts, is_theirs)


@lru_cache(maxsize=256)
def _parts(company_id: uuid.UUID) -> Select[tuple[int]]:
    """The parts a company has, each found behind the one before: one look into the index for each.

    Kept: to put it together takes longer than the look-up.
    """
    first = select(func.min(_TABLE.c.email_part).label("part")).where(_TABLE.c.company_id == company_id)
    parts = first.cte("email_parts", recursive=True)
    further = _TABLE.alias("further")
    following = (
        select(func.min(further.c.email_part))
        .where(further.c.company_id == company_id, further.c.email_part > parts.c.part)
        .scalar_subquery()
    )
    parts = parts.union_all(select(following).where(parts.c.part.is_not(None)))
    return select(parts.c.part).where(parts.c.part.is_not(None))


def room(part: int) -> int:
    """How many entries a part takes.

    >>> room(0), room(32), room(64)
    (16384, 32768, 65536)
    """
    return int(FIRST_ROOM * 2 ** (part / DOUBLED_AFTER))


@dataclass(slots=True)
class EmailParts:
    """Chooses the parts for what a file brings, from the last one there is."""

    part: int
    filled: int

    def take(self, entries: int) -> int:
        """The part for so many more entries, which stay together."""
        if self.filled and self.filled + entries > room(self.part):
            self.part, self.filled = self.part + 1, 0
        self.filled += entries
        return self.part


def email_parts(session: Session, company_id: uuid.UUID) -> EmailParts:
    """Where the next file's entries go: part 0 is left to events."""
    mine = _TABLE.c.company_id == company_id
    last = session.execute(select(func.max(_TABLE.c.email_part)).where(mine)).scalar() or 1
    filled = select(func.count()).select_from(_TABLE).where(mine, _TABLE.c.email_part == last)
    return EmailParts(last, session.execute(filled).scalar_one())
