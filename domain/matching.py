"""How alike two postings are: the words of their titles and places, with the reason in words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

#: Below this nobody is helped by a suggestion.
LEAST = 0.34
_NOISE = frozenset(
    "a an and at de der die das en et for fur für im in la le m f d w x mit of or the und we are hiring".split()
)
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Key]):
    """One of our postings, as far as it can be told from another by its words."""

    key: Key
    title: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion(Generic[Key]):
    """A posting that may be meant, how sure that is (0–1), and why."""

    key: Key
    likeness: float
    reason: str


def words_of(text: str) -> frozenset[str]:
    """The words that tell a posting: without case, brackets such as (m/f/d), and filling words.

    >>> sorted(words_of("We are hiring: Senior Welder (m/f/d) in Bremen!"))
    ['bremen', 'senior', 'welder']
    """
    return frozenset(re.findall(r"[^\W_]+", text.casefold())) - _NOISE


def suggest(text: str, location: str, candidates: Iterable[Candidate[Key]], most: int = 3) -> list[Suggestion[Key]]:
    """The candidates whose titles are best told by `text` (a title, or the words of a post), the likeliest first.

    A title's likeness is the share of its words that `text` has, a little less where `text` has many others; the same
    place adds a tenth. Titles with nothing in common are left out.

    >>> ours = [Candidate(1, "Senior Welder", "Bremen"), Candidate(2, "Accountant"), Candidate(3, "Welder")]
    >>> [(found.key, found.likeness) for found in suggest("Senior Welder - Night Shift", "Bremen", ours)]
    [(1, 0.95), (3, 0.77)]
    >>> suggest("Nurse", "", ours)
    []
    """
    told, place = words_of(text), words_of(location)
    found: list[Suggestion[Key]] = []
    for candidate in candidates:
        wanted = words_of(candidate.title)
        common = wanted & told
        if not common:
            continue
        share = len(common) / len(wanted)
        exactness = len(common) / len(told)
        near = bool(place & words_of(candidate.location))
        likeness = round(min(1.0, 0.7 * share + 0.3 * exactness + 0.1 * near), 2)
        if share * 0.7 >= LEAST:
            reason = f"{len(common)} of {len(wanted)} words of the title" + (", the same place" if near else "")
            found.append(Suggestion(candidate.key, likeness, reason))
    return sorted(found, key=lambda each: -each.likeness)[:most]
