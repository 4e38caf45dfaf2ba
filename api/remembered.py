"""Answers of this process by their tag, so that the same question on the same data is answered at once."""

import threading
from collections import OrderedDict

MOST_BYTES = 16 * 2**20


class Remembered:
    """The answers used last, up to a number of bytes. A tag names company, question and data, so nothing goes stale.

    >>> few = Remembered(most_bytes=4)
    >>> few.keep("a", b"123"); few.keep("b", b"45"); few.keep("c", b"far too long")
    >>> few.find("a"), few.find("b"), few.find("c")
    (None, b'45', None)
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, tag: str) -> bytes | None:
        """The answer with this tag; None where it is not (any longer) kept."""
        with self._lock:
            if tag not in self._answers:
                return None
            self._answers.move_to_end(tag)
            return self._answers[tag]

    def keep(self, tag: str, body: bytes) -> None:
        """Keeps an answer, letting go of those that were not used for longest."""
        if len(body) > self._most_bytes:
            return
        with self._lock:
            self._bytes += len(body) - len(self._answers.pop(tag, b""))
            self._answers[tag] = body
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._answers.popitem(last=False)[1])


REMEMBERED = Remembered()
