"""What employers have put on the imitated boards, and what boards were told of their applicants."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

INVENTORY = 25


@dataclass
class Ad:
    """One posting on a board. `ref` is the employer's own reference, `made` how often the board took it for new."""

    ref: str
    id: str
    body: dict[str, Any]
    opened_at: str
    is_open: bool = True
    made: int = 1
    updates: int = 0
    closings: int = 0
    questions: list[dict[str, Any]] = field(default_factory=list)
    boost: str = ""


@dataclass
class Board:
    """One board's postings by the employer's reference, and what it was told of applicants, in order."""

    ads: dict[str, Ad] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)

    def put(self, ref: str, ad_id: str, body: dict[str, Any], now: datetime) -> Ad:
        """Take a posting, or change the one of that reference; a closed one opens again."""
        known = self.ads.get(ref)
        if known is None:
            known = self.ads[ref] = Ad(ref, ad_id, body, now.isoformat())
        else:
            known.body, known.is_open = body, True
            known.updates += 1
        return known

    def close(self, ref: str) -> Ad | None:
        """Take a posting off; None when there is none."""
        known = self.ads.get(ref)
        if known is not None:
            known.is_open = False
            known.closings += 1
        return known

    def tell(self, record: dict[str, Any]) -> bool:
        """Note what was told; whether it was new."""
        is_new = record not in self.told
        if is_new:
            self.told.append(record)
        return is_new


@dataclass
class Boards:
    """The boards that take postings."""

    indeed: Board = field(default_factory=Board)
    ziprecruiter: Board = field(default_factory=Board)
    monster: Board = field(default_factory=Board)
    #: How many more postings Monster takes.
    credits: int = INVENTORY
    #: Job Sync calls an Indeed client has made, by the second and the size of the call.
    calls: dict[tuple[int, str], int] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        """All of it as JSON, postings in the order of their making."""
        return {
            name: {"ads": [asdict(ad) for ad in board.ads.values()], "told": board.told}
            for name, board in (("indeed", self.indeed), ("ziprecruiter", self.ziprecruiter), ("monster", self.monster))
        }

    def reset(self) -> None:
        """Empty boards."""
        self.indeed, self.ziprecruiter, self.monster = Board(), Board(), Board()
        self.credits = INVENTORY
        self.calls.clear()


def secret_of(seed: str, purpose: str, length: int = 32) -> str:
    """A credential that follows from another one, so that a restart keeps it."""
    return hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:length]
