"""What a platform's answers were like: how many, how quick, how many refused, and what is left of its quota."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeGuard

from domain.timings import bucket

_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_FACEBOOK_LIMITS = ("call_count", "total_time", "total_cputime")


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
    """The quota in `x-rate-limit-*` or `ratelimit-*` headers (the reset in epoch seconds); or what Facebook says is
    used of its limits, in percent; None without any.

    >>> quota_of({"x-rate-limit-remaining": "12", "x-rate-limit-limit": "75"})
    Quota(left=12, total=75, resets_at=None)
    >>> quota_of({"x-rate-limit-remaining": "many"}) is None
    True
    >>> quota_of({"x-app-usage": '{"call_count":28,"total_time":3,"total_cputime":2}'})
    Quota(left=72, total=100, resets_at=None)
    >>> quota_of({"x-business-use-case-usage": '{"104":[{"type":"pages","call_count":97,"total_time":120}]}'})
    Quota(left=0, total=100, resets_at=None)
    """
    for prefix in ("x-rate-limit-", "x-ratelimit-"):
        left = _whole(headers.get(prefix + "remaining"))
        if left is not None:
            reset = _whole(headers.get(prefix + "reset"))
            is_instant = reset is not None and 1_000_000_000 < reset < _LATEST.timestamp()
            resets_at = datetime.fromtimestamp(reset, UTC) if reset is not None and is_instant else None
            return Quota(left, _whole(headers.get(prefix + "limit")), resets_at)
    for name in ("x-business-use-case-usage", "x-app-usage"):
        used = _percent_used(headers.get(name))
        if used is not None:
            return Quota(max(100 - used, 0), 100)
    return None


def _percent_used(text: str | None) -> int | None:
    """The most that is used of any of Facebook's limits (calls, time, processor time)."""
    try:
        told = json.loads(text or "null")
    except ValueError:
        return None
    parts = (
        [told, *(use for uses in told.values() if isinstance(uses, list) for use in uses)] if _is_named(told) else []
    )
    known = [part.get(name) for part in parts if _is_named(part) for name in _FACEBOOK_LIMITS]
    return max((used for used in known if type(used) is int and used >= 0), default=None)


def _is_named(told: object) -> TypeGuard[dict[str, object]]:
    return isinstance(told, dict)


def _whole(text: str | None) -> int | None:
    told = (text or "").strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else None
