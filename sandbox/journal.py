"""What the sandbox was asked, request by request, with secrets left out."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

KEPT = 10_000
BODY_KEPT = 8_000
SECRET_HEADERS = {"authorization", "cookie"}
SECRET_FIELDS = re.compile(
    r"\b(api_key|t\.k|client_secret|assertion|refresh_token|access_token|input_token|fb_exchange_token|code_verifier)=[^&\s]+"
)
# What Indeed may charge for one call to its advertising API, in cents.
WORST_CALL_MINOR = 300


@dataclass
class Entry:
    """One request and how it ended; `monotonic` is seconds on the sandbox's own clock."""

    seq: int
    at: str
    monotonic: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    status: int | None = None
    fault: str | None = None
    charged: bool = False
    duration_ms: float | None = None


@dataclass
class Journal:
    """The last requests, oldest first."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _seq: int = 0

    def open(self, scope: dict[str, Any], body: bytes, now: datetime) -> Entry:
        """Write down a request as it arrives."""
        self._seq += 1
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        entry = Entry(
            seq=self._seq,
            at=now.isoformat(),
            monotonic=time.monotonic(),
            method=scope["method"],
            path=scope["path"],
            query=SECRET_FIELDS.sub(r"\1=[redacted]", scope["query_string"].decode("latin-1")),
            headers={n: "[redacted]" if n in SECRET_HEADERS else v for n, v in headers.items()},
            body=SECRET_FIELDS.sub(r"\1=[redacted]", body[:BODY_KEPT].decode("utf-8", "replace")),
        )
        self.entries.append(entry)
        return entry

    def view(self) -> dict[str, Any]:
        """All entries and a summary; `at_most_minor` is what Indeed might have charged, in cents."""
        charged = sum(entry.charged for entry in self.entries)
        return {
            "requests": [asdict(entry) for entry in self.entries],
            "summary": {
                "count": len(self.entries),
                "by_path": dict(Counter(f"{e.method} {e.path}" for e in self.entries)),
                "by_status": dict(Counter(str(e.status) for e in self.entries)),
                "charged_calls": charged,
                "at_most_minor": charged * WORST_CALL_MINOR,
                "currency": "USD",
            },
        }

    def clear(self) -> None:
        """Forget all requests; numbering goes on."""
        self.entries.clear()
