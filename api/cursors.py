"""Where the next page begins: a key in an envelope of our own making, good only for the question that was asked."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from api.problems import Unprocessable
from api.questions import PageQuestion
from store.opening import Store

_PURPOSE = "api-cursor"
_MARK_LENGTH = 32


def write_cursor(store: Store, about: str, question: PageQuestion, key: tuple[Any, ...]) -> str:
    """The cursor behind `key` (text, numbers, days, instants); `about` names operation and company."""
    told = json.dumps([_spelled(part) for part in key], separators=(",", ":"))
    return base64.urlsafe_b64encode(f"{_mark(store, about, question, told)}{told}".encode()).decode().rstrip("=")


def read_cursor(store: Store, about: str, question: PageQuestion) -> tuple[Any, ...] | None:
    """The key behind the question's cursor; None for the first page. Raises Unprocessable for any other text."""
    if question.cursor is None:
        return None
    try:
        padded = question.cursor + "=" * (-len(question.cursor) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        mark, told = plain[:_MARK_LENGTH], plain[_MARK_LENGTH:]
        if hmac.compare_digest(mark.encode(), _mark(store, about, question, told).encode()):
            return tuple(_read(part) for part in json.loads(told))
    except (ValueError, binascii.Error):
        pass
    raise Unprocessable([{"parameter": "cursor", "reason": "not the nextCursor of this question"}])


def _mark(store: Store, about: str, question: BaseModel, told: str) -> str:
    asked = question.model_dump_json(exclude={"cursor", "limit"})
    return store.vault.digest(_PURPOSE, f"{about}\n{asked}\n{told}")[:_MARK_LENGTH]


def _spelled(part: Any) -> Any:
    if isinstance(part, datetime):
        return {"at": part.isoformat()}
    if isinstance(part, date):
        return {"day": part.isoformat()}
    return part if isinstance(part, int | str) or part is None else str(part)


def _read(part: Any) -> Any:
    if isinstance(part, Mapping):
        return datetime.fromisoformat(part["at"]) if "at" in part else date.fromisoformat(part["day"])
    return part
