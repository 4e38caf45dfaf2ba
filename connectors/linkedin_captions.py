"""The caption under a posting on LinkedIn's public page, in English: a number, or only a bound."""

import re
from typing import Literal, NamedTuple

_PEOPLE = r"(?:applicants?|people clicked apply|person clicked apply)"
_NUMBER = r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})"
_KINDS: tuple[tuple[Literal["exact", "at_least", "less_than"], re.Pattern[str]], ...] = (
    ("less_than", re.compile(rf"be among the first {_NUMBER} {_PEOPLE}")),
    ("at_least", re.compile(rf"(?:over|more than) {_NUMBER} {_PEOPLE}")),
    ("at_least", re.compile(rf"{_NUMBER}\+ {_PEOPLE}")),
    ("exact", re.compile(rf"{_NUMBER} {_PEOPLE}")),
)


class Caption(NamedTuple):
    """How many applied: exactly `value`, at least so many, or less."""

    kind: Literal["exact", "at_least", "less_than"]
    value: int


def parse_caption(text: str) -> Caption | None:
    """What a caption says; None where it says nothing we understand.

    >>> parse_caption("73 applicants"), parse_caption("Over 200 applicants")
    (Caption(kind='exact', value=73), Caption(kind='at_least', value=200))
    >>> parse_caption(" Be among the first 25 applicants ")
    Caption(kind='less_than', value=25)
    >>> parse_caption("Mais de 200 candidaturas") is None
    True
    """
    words = " ".join(text.lower().split()).rstrip(".")
    for kind, pattern in _KINDS:
        found = pattern.fullmatch(words)
        if found:
            return Caption(kind, int(found[1].replace(",", "")))
    return None
