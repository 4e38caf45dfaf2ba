"""Where the next page begins: a key in an envelope of our own making, good only for the question that was asked."""

import base64
import binascii
import hmac
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from api.problems import Unprocessable
from api.questions import PageQuestion
from store.opening import Store

_PURPOSE = "api-cursor"
_MARK_LENGTH = 32
Row = TypeVar("Row")


class Pager:
    """Pages of one question. `about` names the operation, the company and whatever else the rows depend on."""

    def __init__(self, store: Store, question: PageQuestion, *about: object) -> None:
        self._store, self._question = store, question
        self._about = " ".join(str(part) for part in about)

    @property
    def wanted(self) -> int:
        """How many rows to read: one more than are shown says whether there is another page."""
        return self._question.limit + 1

    @property
    def after(self) -> tuple[Any, ...] | None:
        """The key behind the question's cursor; None for the first page. Raises Unprocessable for any other text."""
        if self._question.cursor is None:
            return None
        try:
            padded = self._question.cursor + "=" * (-len(self._question.cursor) % 4)
            plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
            mark, told = plain[:_MARK_LENGTH], plain[_MARK_LENGTH:]
            if hmac.compare_digest(mark.encode(), self._mark(told).encode()):
                return tuple(_read(part) for part in json.loads(told))
        except (ValueError, binascii.Error):
            pass
        raise Unprocessable([{"parameter": "cursor", "reason": "not the nextCursor of this question"}])

    def cut(self, rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]]) -> tuple[Sequence[Row], str | None]:
        """The rows to show, and the cursor of the next page where there is one."""
        page = rows[: self._question.limit]
        if len(rows) <= len(page):
            return page, None
        told = json.dumps([_spelled(part) for part in key(page[-1])], separators=(",", ":"))
        return page, base64.urlsafe_b64encode(f"{self._mark(told)}{told}".encode()).decode().rstrip("=")

    def _mark(self, told: str) -> str:
        asked = self._question.model_dump_json(exclude={"cursor", "limit"})
        return self._store.vault.digest(_PURPOSE, f"{self._about}\n{asked}\n{told}")[:_MARK_LENGTH]


def _spelled(part: Any) -> Any:
    if isinstance(part, uuid.UUID):
        return {"id": part.hex}
    if isinstance(part, datetime):
        return {"at": part.isoformat()}
    if isinstance(part, date):
        return {"day": part.isoformat()}
    return part


def _read(part: Any) -> Any:
    if isinstance(part, Mapping):
        if "id" in part:
            return uuid.UUID(part["id"])
        return datetime.fromisoformat(part["at"]) if "at" in part else date.fromisoformat(part["day"])
    return part
