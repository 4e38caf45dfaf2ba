"""Which source an application belongs to, of all that touched it, and which stage it has reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: What says where an application came from, the surest first.
TOUCH_RANKS = ("declared", "link", "utm", "referral")
LADDER = ("applied", "reviewed", "interviewed", "offered", "hired")
ENDS = ("rejected", "withdrawn")
#: `ranked` is how applications are counted; the others answer other questions about the same touches.
Rule = Literal["ranked", "first", "last"]


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing that says where an application came from: `platform` is a key, or "" where nobody knows it."""

    kind: str
    ref: str
    at: datetime
    platform: str = ""
    source: str = ""


def owning_touch(touches: Iterable[Touch], rule: Rule = "ranked") -> Touch | None:
    """The touch that owns the application; None where none names a platform.

    By `ranked`: what was declared, else a tracked link, else UTM parameters, else a referral code; of one kind the
    earliest. A touch of a platform that we know comes before all that only say "other".

    >>> from datetime import UTC
    >>> at = lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> utm = Touch("utm", "a", at(1), "facebook")
    >>> declared = Touch("declared", "b", at(2), "indeed")
    >>> agency = Touch("declared", "c", at(1), "other")
    >>> owning_touch([utm, declared, agency]).platform
    'indeed'
    >>> owning_touch([utm, agency]).platform
    'facebook'
    >>> owning_touch([utm, declared], "first").platform, owning_touch([utm, declared], "last").platform
    ('facebook', 'indeed')
    >>> owning_touch([Touch("utm", "d", at(1))]) is None
    True
    """
    named = [touch for touch in touches if touch.platform]
    if not named:
        return None
    known = [touch for touch in named if touch.platform != "other"] or named
    if rule == "ranked":
        return min(known, key=lambda touch: (TOUCH_RANKS.index(touch.kind), touch.at, touch.platform, touch.ref))
    pick = min if rule == "first" else max
    return pick(known, key=lambda touch: (touch.at, touch.platform, touch.ref))


def current_stage(times: Mapping[str, datetime], undated: Iterable[str] = ()) -> str:
    """The stage an application stands at: the highest step of the ladder, or an end that came no earlier than it.

    `undated` are stages that were reached nobody knows when: a step counts as a step, and an end as the last thing
    that happened. Who was hired stays hired.

    >>> from datetime import UTC
    >>> at = lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> current_stage({"hired": at(9), "applied": at(1)})
    'hired'
    >>> current_stage({"applied": at(1), "rejected": at(4)})
    'rejected'
    >>> current_stage({"applied": at(1), "rejected": at(4), "interviewed": at(6)})
    'interviewed'
    >>> current_stage({"applied": at(1)}, ["withdrawn"])
    'withdrawn'
    """
    loose = set(undated)
    steps = [stage for stage in LADDER if stage in times or stage in loose]
    highest = steps[-1] if steps else "applied"
    if highest == "hired":
        return highest
    dated = [end for end in ENDS if end in times and times[end] >= times.get(highest, times[end])]
    if dated:
        return max(dated, key=lambda end: (times[end], end))
    ends = sorted(loose & set(ENDS))
    return ends[0] if ends else highest
