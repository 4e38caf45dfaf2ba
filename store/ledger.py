"""Where the month's worst-case spending on a connection's calls is kept."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from store.tables import AppMeta


def ledger_key(config_no: int, now: datetime) -> str:
    """The name of a connection's ledger for the month of `now`.

    >>> ledger_key(7, datetime(2026, 2, 28, tzinfo=UTC))
    'spent/7/2026-02'
    """
    return f"spent/{config_no}/{now.astimezone(UTC):%Y-%m}"


def read_spent(session: Session, config_nos: Collection[int], now: datetime) -> dict[int, int]:
    """What the calls of these connections can have cost this month, in minor units; 0 where none was charged for."""
    names = {ledger_key(number, now): number for number in config_nos}
    found = session.exec(select(AppMeta).where(col(AppMeta.key).in_(names)))
    return dict.fromkeys(config_nos, 0) | {names[entry.key]: int(entry.value) for entry in found}
