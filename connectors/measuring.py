"""What a platform's answers were like: how many, how quick, how many refused, and what is left of its quota."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.timings import bucket

_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a platform says is left of its requests, of how many, and when that begins anew (UTC); None where untold."""

    left: int
    total: int | None = None
    resets_at: datetime | None = None


@dataclass(slots=True)
class Measured:
    """Response times by upper bound (BOUNDS_MS, "inf"), failures (no answer, or one that means an error), the quota."""

    answers: int = 0
    failures: int = 0
    total_ms: int = 0
    slowest_ms: int = 0
    timings: Counter[str] = field(default_factory=Counter)
    quota: Quota | None = None

    def note(self, seconds: float) -> None:
        """One exchange, however it ended."""
        taken = round(seconds * 1000)
        self.answers += 1
        self.total_ms += taken
        self.slowest_ms = max(self.slowest_ms, taken)
        self.timings[bucket(taken)] += 1


def quota_of(headers: Mapping[str, str]) -> Quota | None:
    """The quota in `x-rate-limit-*` or `ratelimit-*` headers (the reset in epoch seconds); None without any.

    >>> quota_of({"x-rate-limit-remaining": "12", "x-rate-limit-limit": "75"})
    Quota(left=12, total=75, resets_at=None)
    >>> quota_of({"x-rate-limit-remaining": "many"}) is None
    True
    """
    for prefix in ("x-rate-limit-", "x-ratelimit-"):
        left = _whole(headers.get(prefix + "remaining"))
        if left is not None:
            reset = _whole(headers.get(prefix + "reset"))
            is_instant = reset is not None and 1_000_000_000 < reset < _LATEST.timestamp()
            resets_at = datetime.fromtimestamp(reset, UTC) if reset is not None and is_instant else None
            return Quota(left, _whole(headers.get(prefix + "limit")), resets_at)
    return None


def _whole(text: str | None) -> int | None:
    told = (text or "").strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else None
