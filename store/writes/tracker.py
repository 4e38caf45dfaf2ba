"""What the tracker and the tracked links heard, in bulk; sites, and the salts of visitors' hashes."""

import os
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from domain.facts import day_number
from store.engine import is_sqlite
from store.tables import LinkClick, TrackerSite, TrackingLink, VisitorSalt
from store.tables.columns import new_id
from store.tables.events import salt_name
from store.vault import Vault, VaultError
from store.writes.in_bulk import MOST_ROWS, batched, values_for
from store.writes.in_turn import in_turn
from store.writes.sums import run_many

SALT_BYTES = 32
_CLICKS = LinkClick.__table__  # type: ignore[attr-defined]
_SALTS = VisitorSalt.__table__  # type: ignore[attr-defined]
_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]

Row = Mapping[str, Any]
#: Events come by the thousand a second: they go to the driver as they are, without SQLAlchemy's care for each value.
_EVENT_TYPES = {
    "id": "uuid", "company_id": "uuid", "at": "timestamptz", "kind": "text", "posting_id": "uuid", "path": "text",
    "source": "text", "medium": "text", "campaign": "text", "referrer_host": "text", "visitor": "text",
    "country": "text", "agent": "text", "filtered_reason": "text", "link_id": "uuid", "referral_id": "uuid",
    "application_ref": "text",
}  # fmt: skip
_EVENT_COLUMNS = ", ".join(_EVENT_TYPES)
_EVENT_VALUES = itemgetter(*_EVENT_TYPES)
_ADD_EVENT = f"INSERT INTO website_analytics ({_EVENT_COLUMNS})"
_EVENT_ROW = f"({', '.join('?' * len(_EVENT_TYPES))})"
_ENTER_DAY = "INSERT INTO event_dirty_days (company_id, day, made_at) VALUES (?, ?, ?)"
#: That a site is heard is shown and judged by the second at most: no need to write its row with every batch.
_SOON = timedelta(seconds=1)
_HEARD = (
    "UPDATE tracker_sites SET last_event_at = ? WHERE company_id = ? AND (last_event_at IS NULL OR last_event_at < ?)"
)
#: All of it on PostgreSQL: each round trip and each bound value would cost more than the work.
_ADD_EVENTS = f"""
WITH told AS (
    SELECT * FROM json_to_recordset(%s::json) AS t({", ".join(f"{name} {kind}" for name, kind in _EVENT_TYPES.items())})
), added AS (
    INSERT INTO website_analytics ({_EVENT_COLUMNS}) SELECT {_EVENT_COLUMNS} FROM told ON CONFLICT DO NOTHING
), newest AS (
    SELECT company_id, MAX(at) AS at FROM told GROUP BY company_id
), heard AS (
    UPDATE tracker_sites s SET last_event_at = n.at FROM newest n
    WHERE s.company_id = n.company_id AND (s.last_event_at IS NULL OR s.last_event_at < n.at - INTERVAL '1 second')
)
INSERT INTO event_dirty_days (company_id, day, made_at)
SELECT company_id, (at AT TIME ZONE 'UTC')::date - DATE '1970-01-01', MAX(at) FROM told GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 -- our own words


def insert_events(session: Session, rows: Sequence[Row]) -> None:
    """Keep events of the tracker, and enter their days as due. Rows are whole columns, with ids of the caller's making.

    An id that is there already is left alone, so that a batch whose outcome nobody knows may come again.
    """
    if not rows:
        return
    if not is_sqlite(session):
        session.connection().exec_driver_sql(_ADD_EVENTS, (msgspec.json.encode(rows).decode(),))
        return
    for part in batched(rows, MOST_ROWS):
        values = [_spell_for_sqlite(value) for row in part for value in _EVENT_VALUES(row)]
        statement = f"{values_for(_ADD_EVENT, _EVENT_ROW, len(part))} ON CONFLICT DO NOTHING"
        session.connection().exec_driver_sql(statement, tuple(values))
    last: dict[uuid.UUID, datetime] = {}
    for row in rows:
        last[row["company_id"]] = max(row["at"], last.get(row["company_id"], row["at"]))
    heard = [(_spell_for_sqlite(at), company.hex, _spell_for_sqlite(at - _SOON)) for company, at in last.items()]
    run_many(session, _HEARD, heard)
    enter_event_days(session, ((row["company_id"], row["at"]) for row in rows))


def insert_clicks(session: Session, rows: Sequence[Row]) -> None:
    """Keep clicks on tracking links and referral links, and enter their days as due; as `insert_events`."""
    if not rows:
        return
    ids = [row["id"] for row in rows]
    known = set(session.execute(select(_CLICKS.c.id).where(_CLICKS.c.id.in_(ids))).scalars())
    fresh = [row for row in rows if row["id"] not in known]
    if not fresh:
        return
    session.connection().execute(insert(_CLICKS), fresh)
    counts = Counter(row["link_id"] for row in fresh if row["link_id"] and not row["filtered_reason"])
    for link_id, times in sorted(counts.items(), key=str):
        session.execute(update(_LINKS).where(_LINKS.c.id == link_id).values(clicks=_LINKS.c.clicks + times))
    enter_event_days(session, ((row["company_id"], row["at"]) for row in fresh))


def enter_event_days(session: Session, heard: Iterable[tuple[uuid.UUID, datetime]]) -> None:
    """Enter the UTC days of these instants as due, each once."""
    days: dict[uuid.UUID, set[int]] = defaultdict(set)
    newest: dict[uuid.UUID, datetime] = {}
    for company_id, at in heard:
        days[company_id].add(day_number(at.astimezone(UTC).date()))
        newest[company_id] = at
    for company_id, numbers in days.items():
        enter_days(session, company_id, numbers, now=newest[company_id])


def enter_days(session: Session, company_id: uuid.UUID, numbers: Iterable[int], *, now: datetime) -> None:
    """Enter UTC days as due."""
    spell = _spelling(session)
    run_many(session, _ENTER_DAY, [(spell(company_id), number, spell(now)) for number in sorted(numbers)])


def salt_of(session: Session, vault: Vault, company_id: uuid.UUID, day: int, *, now: datetime) -> bytes:
    """The salt of a company's UTC day, made by whoever asks first. One that cannot be opened any more is replaced."""
    row_id = salt_name(company_id, day)
    where = (_SALTS.c.company_id == company_id, _SALTS.c.day == day)
    for _ in range(2):
        fresh = vault.seal("visitor_salts", row_id, "salt", urlsafe_b64encode(os.urandom(SALT_BYTES)).decode())
        values = {"company_id": company_id, "day": day, "salt": fresh, "made_at": now}
        session.execute(_adding(session, _SALTS), [values])
        stored = session.execute(select(_SALTS.c.salt).where(*where)).scalar_one()
        try:
            return urlsafe_b64decode(vault.open("visitor_salts", row_id, "salt", stored))
        except VaultError:
            session.execute(delete(_SALTS).where(*where, _SALTS.c.salt == stored))
    raise VaultError("A fresh salt cannot be opened.")


def has_old_salts(session: Session, *, now: datetime) -> bool:
    """Whether there are salts that have served their time."""
    return session.execute(select(_SALTS.c.day).where(_SALTS.c.day <= _last_past(now)).limit(1)).first() is not None


def delete_old_salts(session: Session, *, now: datetime) -> None:
    """Delete salts of days that ended a day ago or longer: none is ever older than 48 hours."""
    session.execute(delete(_SALTS).where(_SALTS.c.day <= _last_past(now)))


def _last_past(now: datetime) -> int:
    return day_number(now.astimezone(UTC).date()) - 2


def save_site(session: Session, company_id: uuid.UUID, key: str, settings: Row, *, now: datetime) -> TrackerSite:
    """The company's site with these settings, made with `key` where there is none."""
    in_turn(session, "site", company_id)
    site = find_site(session, company_id)
    if site is None:
        site = TrackerSite(id=new_id(), company_id=company_id, key=key, created_at=now)
    site.settings = dict(settings)
    session.add(site)
    session.flush()
    return site


def find_site(session: Session, company_id: uuid.UUID) -> TrackerSite | None:
    """The company's site; None where the tracker was never set up."""
    found = session.execute(select(TrackerSite).where(col(TrackerSite.company_id) == company_id))
    return found.scalars().first()


def _spelling(session: Session) -> Callable[[Any], Any]:
    """How the database's driver takes ids and instants."""
    return _spell_for_sqlite if is_sqlite(session) else _as_it_is


def _spell_for_sqlite(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _as_it_is(value: Any) -> Any:
    return value


def _adding(session: Session, table: Any) -> Any:
    return (sqlite if is_sqlite(session) else postgresql).insert(table).on_conflict_do_nothing()
