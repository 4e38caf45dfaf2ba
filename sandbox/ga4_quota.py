"""Token quotas of an Analytics property: day, hour, project and hour, and requests at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google_errors import exhausted

PACIFIC = ZoneInfo("America/Los_Angeles")
STANDARD = {
    "tokensPerDay": 200_000,
    "tokensPerHour": 40_000,
    "tokensPerProjectPerHour": 14_000,
    "concurrentRequests": 10,
    "serverErrorsPerProjectPerHour": 10,
    "potentiallyThresholdedRequestsPerHour": 120,
}
TOKEN_BUCKETS = ("tokensPerDay", "tokensPerHour", "tokensPerProjectPerHour")
MESSAGES = {
    "tokensPerDay": "Exhausted property tokens per day. These quota tokens will return in under 24 hours.",
    "tokensPerHour": "Exhausted property tokens per hour. These quota tokens will return in under an hour.",
    "tokensPerProjectPerHour": "Exhausted property tokens for a project per hour. "
    "These quota tokens will return in under an hour.",
    "concurrentRequests": "Exhausted concurrent requests quota. Please send fewer requests concurrently.",
}


@dataclass
class PropertyQuota:
    """Real accounting: what a report costs is taken from all three token buckets."""

    limits: dict[str, int] = field(default_factory=lambda: dict(STANDARD))
    spent: dict[str, int] = field(default_factory=dict)
    at_once: int = 0
    _windows: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def set(self, changes: dict[str, int]) -> None:
        """New limits; what was spent so far is forgotten. Raises KeyError for an unknown bucket."""
        for name, limit in changes.items():
            if name not in STANDARD:
                raise KeyError(name)
            self.limits[name] = int(limit)
        self.spent.clear()

    def reset(self) -> None:
        """Standard limits, nothing spent."""
        self.limits = dict(STANDARD)
        self.spent.clear()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as running; raises GoogleError when too many are."""
        with self._lock:
            if self.at_once >= self.limits["concurrentRequests"]:
                raise exhausted(MESSAGES["concurrentRequests"])
            self.at_once += 1
        try:
            yield
        finally:
            with self._lock:
                self.at_once -= 1

    def check(self, now: datetime) -> None:
        """Raise GoogleError when a bucket is empty."""
        with self._lock:
            self._refill(now)
            for name in TOKEN_BUCKETS:
                if self.spent.get(name, 0) >= self.limits[name]:
                    raise exhausted(MESSAGES[name])

    def take(self, tokens: int, now: datetime) -> dict[str, Any]:
        """Spend tokens on one report; returns `propertyQuota` as the report shows it."""
        with self._lock:
            self._refill(now)
            state: dict[str, Any] = {}
            for name, limit in self.limits.items():
                if name in TOKEN_BUCKETS:
                    self.spent[name] = self.spent.get(name, 0) + tokens
                    remaining = max(0, limit - self.spent[name])
                    state[name] = _status(tokens, remaining)
                else:
                    state[name] = _status(0, limit - (self.at_once if name == "concurrentRequests" else 0))
            return state

    def _refill(self, now: datetime) -> None:
        hour = now.strftime("%Y-%m-%dT%H")
        for name in TOKEN_BUCKETS:
            window = now.astimezone(PACIFIC).date().isoformat() if name == "tokensPerDay" else hour
            if self._windows.get(name) != window:
                self._windows[name] = window
                self.spent[name] = 0


def _status(consumed: int, remaining: int) -> dict[str, int]:
    """Proto-JSON leaves zeros out."""
    both = {"consumed": consumed, "remaining": remaining}
    return {name: value for name, value in both.items() if value}
