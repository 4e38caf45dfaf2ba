"""What X allows: requests in a window of 15 minutes, posts a month, and credits that were paid for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

WINDOW = timedelta(minutes=15)
NAMES = {"xWindow": "window", "xCredits": "credits", "xCap": "cap"}


@dataclass
class XLimits:
    """`credits` and `cap` count posts that may still be read, None for as many as one likes."""

    window: int = 900
    credits: int | None = None
    cap: int | None = None
    used: int = 0
    asked: deque[datetime] = field(default_factory=deque)

    def set(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take X's own names out of an order; what is left is for others. Raises ValueError."""
        for name, attribute in NAMES.items():
            if name in order:
                setattr(self, attribute, int(order[name]))
        return {name: value for name, value in order.items() if name not in NAMES}

    def take(self, now: datetime) -> tuple[int, int, bool]:
        """Count a request: what is left, when the window ends (unix seconds), and whether it was one too many."""
        while self.asked and self.asked[0] <= now - WINDOW:
            self.asked.popleft()
        is_over = len(self.asked) >= self.window
        if not is_over:
            self.asked.append(now)
        ends = (self.asked[0] if self.asked else now) + WINDOW
        return max(self.window - len(self.asked), 0), int(ends.timestamp()) + 1, is_over

    def reset(self) -> None:
        """As at the start."""
        self.window, self.credits, self.cap, self.used = 900, None, None, 0
        self.asked.clear()
