"""Stages as people speak of them: words of applicant systems, and what is taken back by setting an earlier stage."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from domain.attribution import ENDS, LADDER, current_stage

STAGES = (*LADDER, *ENDS)


def fold_words(words: str) -> str:
    """An applicant system's name of a stage without what spellings differ in; "" for nothing.

    >>> fold_words("  On-site_INTERVIEW "), fold_words("Straße"), fold_words(" ")
    ('on site interview', 'strasse', '')
    """
    return " ".join(words.casefold().replace("-", " ").replace("_", " ").split())


def taken_back(stage: str) -> tuple[str, ...]:
    """The stages that were not reached, where somebody says that an application stands no further than at `stage`.

    >>> taken_back("interviewed"), taken_back("rejected"), taken_back("hired")
    (('offered', 'hired', 'rejected', 'withdrawn'), ('hired', 'withdrawn'), ('rejected', 'withdrawn'))
    """
    if stage in LADDER:
        return (*LADDER[LADDER.index(stage) + 1 :], *ENDS)
    return ("hired", *(end for end in ENDS if end != stage))


@dataclass(frozen=True, slots=True)
class Step:
    """What a change by hand says of one application: `stage` since `at` (None: nothing new), and what is taken back.

    `refused` says why it cannot be: "before_applied", or "before_step" for a day before that of an earlier stage.
    """

    stage: str
    at: datetime | None = None
    gone: tuple[str, ...] = ()
    refused: str = ""

    @property
    def is_none(self) -> bool:
        """Whether the application stands there already."""
        return self.at is None and not self.gone and not self.refused


def plan_step(
    stage: str, wanted: date | datetime | None, known: tuple[Mapping[str, datetime], Iterable[str]], *, moves: bool,
    zone: ZoneInfo, now: datetime,
) -> Step:  # fmt: skip
    """How an application comes to stand at `stage`. `known` are the instants of its stages, and those without one.

    `wanted` is the day or instant it was reached. Without it, and where `moves` is false and the stage was reached
    before, the instant that is known stays; one that nobody knows is `now`. The day of applying always stays.

    >>> at = lambda day: datetime(2026, 3, day, 9, tzinfo=UTC)
    >>> how = {"moves": True, "zone": ZoneInfo("UTC"), "now": at(20)}
    >>> plan_step("interviewed", date(2026, 3, 5), ({"applied": at(1)}, ()), **how).at.isoformat()
    '2026-03-05T00:00:00+00:00'
    >>> plan_step("interviewed", None, ({"applied": at(1), "interviewed": at(4), "hired": at(9)}, ()), **how).gone
    ('offered', 'hired', 'rejected', 'withdrawn')
    >>> plan_step("rejected", date(2026, 2, 5), ({"applied": at(1)}, ()), **how).refused
    'before_applied'
    >>> plan_step("applied", None, ({"applied": at(1)}, ()), **how).is_none
    True
    """
    times, loose = dict(known[0]), set(known[1])
    stands, before = current_stage(times, loose), _before(stage, times)
    held = times.get(stage)
    if held is not None and before is not None and stage in ENDS and held < before:
        # It went on after that: whoever ends it now ends it anew.
        held = None
    keeps = stage == "applied" or wanted is None or (held is not None and not moves)
    if stands == stage and keeps:
        return Step(stage)
    at = held
    if not keeps and wanted is not None:
        at = _instant(wanted, before, zone)
        if at is None:
            return Step(stage, refused=_reason(wanted, times, zone))
    elif held is None:
        at = max(now, before or now)
    if stands == stage and at == held:
        return Step(stage)
    is_back = at is not None and current_stage({**times, stage: at}, loose - {stage}) != stage
    return Step(stage, at, taken_back(stage) if is_back else ())


def _before(stage: str, times: Mapping[str, datetime]) -> datetime | None:
    """The latest instant of the stages that come before `stage`; nobody is rejected after being hired."""
    steps = LADDER[: LADDER.index(stage)] if stage in LADDER else LADDER[:-1]
    return max((times[step] for step in steps if step in times), default=None)


def _instant(wanted: date | datetime, before: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The instant of a day: its beginning, or that of the stage before on the same day. None where it lies before."""
    if isinstance(wanted, datetime):
        return wanted.astimezone(UTC) if before is None or wanted >= before else None
    begin = datetime.combine(wanted, time.min, zone).astimezone(UTC)
    if before is None or begin >= before:
        return begin
    return before if before.astimezone(zone).date() == wanted else None


def _reason(wanted: date | datetime, times: Mapping[str, datetime], zone: ZoneInfo) -> str:
    applied = times.get("applied")
    is_early = applied is not None and _instant(wanted, applied, zone) is None
    return "before_applied" if is_early else "before_step"
