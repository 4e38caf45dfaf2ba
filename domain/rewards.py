"""What a referral earns: which rules promise something, when it falls due, and how that is said. Pure.

A rule's terms never change: another amount is another rule. So what was promised follows from the rules alone, and how
a reward stands from the application alone, in whatever order anybody tells of it.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from domain.money import Money

MILESTONES = ("applied", "interviewed", "hired")
#: States that follow from what happens; the others are an admin's decisions, which no event changes.
FOLLOWING = ("possible", "pending", "lapsed")
#: What a company owes, may owe or has paid, from the least certain on.
LIVE = ("possible", "pending", "approved", "paid")
#: Of a referral, all rewards together: "possible" is not told apart from "pending" there.
_SUMMARY = {"possible": "pending"}


class Eligibility(BaseModel):
    """Who earns a reward, kept in the rule's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    admins: bool = True
    """Whether admins earn it."""
    posting_team: bool = False
    """Whether a posting's own recruiter and hiring manager earn it."""
    ways: Literal["all", "named", "link"] = "all"
    """By which referrals: all, those that name somebody, or those by a personal link."""
    most_a_year: int | None = Field(default=None, ge=1, le=1000)
    """The most a person is given by this rule for what falls due in one calendar year."""


#: Where a rule's settings keep the zone of its days, beside who earns it.
ZONE = "zone"


def read_settings(settings: Mapping[str, object]) -> tuple[Eligibility, str]:
    """(Who may earn, zone of the rule's days) as a rule's settings keep them; "" for the company's zone.

    >>> read_settings({"admins": False, "zone": "Asia/Tokyo"})[1], read_settings({})[0].admins
    ('Asia/Tokyo', True)
    """
    who = {name: value for name, value in settings.items() if name != ZONE}
    return Eligibility.model_validate(who), str(settings.get(ZONE, ""))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's terms. `posting_id` None is the company's; `starts_on` None is the moment it was made.

    `zone` is that of its days, "" for the company's: they stay where they were when the company's zone changes.
    """

    id: uuid.UUID
    posting_id: uuid.UUID | None
    milestone: str
    days_after: int
    amount_minor: int
    currency: str
    created_at: datetime
    who: Eligibility = field(default_factory=Eligibility)
    starts_on: date | None = None
    ends_on: date | None = None
    disabled_at: datetime | None = None
    zone: str = ""

    def days_of(self, company: ZoneInfo) -> ZoneInfo:
        """The zone in which the days of this rule, and of what it promises, are counted."""
        return ZoneInfo(self.zone) if self.zone else company


@dataclass(frozen=True, slots=True)
class Referrer:
    """Who referred, as far as it decides what they may earn. `names` are their name and address.

    `is_admin` as they were when they referred: another role later neither gives nor takes.
    """

    is_admin: bool
    names: tuple[str, ...]


class Standing(NamedTuple):
    """How a reward stands by what happened, and the day from which it may be approved once that is known."""

    state: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a referral. `reached` holds milestones; `ends` when the application was turned down or withdrawn.

    `has_ended`: it stands there now. `is_over`: the referral itself was withdrawn, declined, merged or has expired.
    """

    reached: Mapping[str, datetime] = field(default_factory=dict)
    ends: Sequence[datetime] = ()
    has_ended: bool = False
    is_over: bool = False


def milestones(times: Mapping[str, datetime | None]) -> dict[str, datetime]:
    """When each milestone was reached, from an application's columns: who gets further was there before.

    >>> from datetime import UTC
    >>> at = lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> found = milestones({"applied_at": at(1), "offered_at": at(5), "hired_at": None})
    >>> {name: when.day for name, when in found.items()}
    {'applied': 1, 'interviewed': 5}
    """
    hired = times.get("hired_at")
    interviewed = [at for name in ("interviewed_at", "offered_at", "hired_at") if (at := times.get(name))]
    found = {"applied": times.get("applied_at"), "interviewed": min(interviewed, default=None), "hired": hired}
    return {name: at for name, at in found.items() if at is not None}


def furthest(reached: Iterable[str]) -> str:
    """The furthest milestone, "" for none.

    >>> furthest(["applied", "interviewed"]), furthest([])
    ('interviewed', '')
    """
    return max(reached, key=MILESTONES.index, default="")


def standing(milestone: str, days_after: int, course: Course, zone: ZoneInfo) -> Standing:
    """How a reward stands by what happened: possible, pending (with the day it is due on, once known) or lapsed.

    Due on the day of the company's zone on which the milestone was reached, and `days_after` more. What must last is
    lost where the application ends before that day; what need not last is never lost once reached.

    >>> from datetime import UTC
    >>> utc, at = ZoneInfo("UTC"), lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> standing("hired", 90, Course(), utc).state
    'possible'
    >>> standing("hired", 90, Course({"applied": at(1), "hired": at(4)}), utc).due_on
    datetime.date(2026, 6, 2)
    >>> standing("hired", 90, Course({"applied": at(1), "hired": at(4)}, ends=[at(20)]), utc).state
    'lapsed'
    >>> standing("applied", 0, Course({"applied": at(1)}, ends=[at(2)], has_ended=True), utc).due_on
    datetime.date(2026, 3, 1)
    """
    if course.is_over:
        return Standing("lapsed")
    if "applied" not in course.reached:
        return Standing("possible")
    at = course.reached.get(milestone)
    if at is None:
        return Standing("lapsed" if course.has_ended else "pending")
    due_on = at.astimezone(zone).date() + timedelta(days=days_after)
    after = [end for end in course.ends if end >= at]
    # Nobody knows when it ended: then it did not last.
    is_undated = course.has_ended and not course.ends
    if days_after and (is_undated or any(end.astimezone(zone).date() < due_on for end in after)):
        return Standing("lapsed")
    return Standing("pending", due_on)


def conflict(milestone: str, days_after: int, course: Course, zone: ZoneInfo) -> str:
    """What speaks against a reward that was approved or paid, in plain words; "" while it stands as it did.

    >>> from datetime import UTC
    >>> hired = {name: datetime(2026, 3, 1, tzinfo=UTC) for name in ("applied", "hired")}
    >>> conflict("hired", 0, Course(hired), ZoneInfo("UTC"))
    ''
    >>> conflict("hired", 0, Course({"applied": hired["applied"]}), ZoneInfo("UTC"))
    'The person is no longer known as hired.'
    """
    if course.is_over:
        return "The referral was withdrawn, declined or merged since."
    now = standing(milestone, days_after, course, zone)
    if now.state == "pending" and now.due_on is not None:
        return ""
    if milestone in course.reached:
        return "The application ended before the reward was earned."
    known = {"applied": "as an applicant", "interviewed": "as interviewed", "hired": "as hired"}[milestone]
    return f"The person is no longer known {known}."


def promised(rules: Iterable[Rule], posting_id: uuid.UUID | None, sent_at: datetime, zone: ZoneInfo) -> list[Rule]:
    """The rules by which a referral was promised something, in order of their milestone.

    Those in force on the day it was sent, at the first moment there were any: what comes later changes no promise, and
    a rule made for days past promises only to who had been promised nothing. A posting's rules take the place of the
    company's. `zone` is the company's, for rules that keep none.
    """
    offers: list[tuple[datetime, Rule]] = []
    for rule in rules:
        moment = max(sent_at, rule.created_at)
        day = sent_at.astimezone(rule.days_of(zone)).date()
        # Without a first day it holds from the moment it was made.
        begins = rule.starts_on <= day if rule.starts_on else rule.created_at <= sent_at
        is_for_it = rule.posting_id in (None, posting_id)
        lasts = (rule.ends_on is None or day <= rule.ends_on) and (
            rule.disabled_at is None or moment < rule.disabled_at
        )
        if begins and lasts and is_for_it:
            offers.append((moment, rule))
    first = min((moment for moment, _ in offers), default=None)
    held = [rule for moment, rule in offers if moment == first]
    own = [rule for rule in held if rule.posting_id is not None]
    return sorted(own or held, key=lambda rule: (MILESTONES.index(rule.milestone), rule.days_after, str(rule.id)))


def may_earn(who: Eligibility, referrer: Referrer, *, is_named: bool, team: Iterable[str]) -> bool:
    """Whether a person may earn by a referral. `team` are the posting's recruiter and hiring manager, as spelled there.

    >>> ada = Referrer(is_admin=True, names=("Ada Low", "ada@acme.example"))
    >>> may_earn(Eligibility(), ada, is_named=True, team=("ada  LOW", ""))
    False
    >>> may_earn(Eligibility(ways="link"), ada, is_named=True, team=())
    False
    >>> may_earn(Eligibility(), ada, is_named=True, team=("Bo",))
    True
    """
    if referrer.is_admin and not who.admins:
        return False
    if who.ways != "all" and (who.ways == "named") != is_named:
        return False
    return who.posting_team or not {_folded(name) for name in team} & {_folded(name) for name in referrer.names if name}


def summary(rewards: Iterable[tuple[str, Money]]) -> tuple[str, int, str]:
    """(state, minor units, currency) of a referral's rewards together: that of the one furthest from being paid.

    Amounts of several currencies are not added: then there is no amount, and no currency.

    >>> summary([("paid", Money(100, "EUR")), ("possible", Money(900, "EUR"))])
    ('pending', 1000, 'EUR')
    >>> summary([("paid", Money(100, "EUR")), ("paid", Money(100, "USD"))])
    ('paid', 0, '')
    >>> summary([("lapsed", Money(100, "EUR"))])
    ('none', 0, '')
    """
    live = [(state, money) for state, money in rewards if state in LIVE]
    if not live:
        return "none", 0, ""
    state = min((state for state, _ in live), key=LIVE.index)
    currencies = {money.currency for _, money in live}
    is_one = len(currencies) == 1
    total = sum(money.minor for _, money in live) if is_one else 0
    return _SUMMARY.get(state, state), total, currencies.pop() if is_one else ""


def condition(milestone: str, days_after: int) -> str:
    """When it is earned, in plain words.

    >>> condition("hired", 90)
    'when the person has been hired for 90 days'
    >>> condition("interviewed", 0)
    'when the person comes to an interview'
    >>> condition("applied", 1)
    '1 day after the person applied, if the application still stands'
    """
    days = f"{days_after} day" if days_after == 1 else f"{days_after} days"
    if not days_after:
        return {
            "applied": "when the person applies",
            "interviewed": "when the person comes to an interview",
            "hired": "when the person is hired",
        }[milestone]
    return {
        "applied": f"{days} after the person applied, if the application still stands",
        "interviewed": f"{days} after the first interview, if the application still stands",
        "hired": f"when the person has been hired for {days}",
    }[milestone]


def promise(money: Money, milestone: str, days_after: int) -> str:
    """Amount and condition in one.

    >>> promise(Money(100_000, "EUR"), "hired", 90)
    '1,000.00 EUR when the person has been hired for 90 days'
    """
    return f"{money} {condition(milestone, days_after)}"


def limits(who: Eligibility) -> list[str]:
    """Who does not earn it, in plain words; none where everybody does.

    >>> limits(Eligibility(admins=False, ways="named", most_a_year=3))
    ["not for a posting's own recruiter and hiring manager", 'not for admins', 'for named referrals only', \
'at most 3 a person and year']
    """
    found = [] if who.posting_team else ["not for a posting's own recruiter and hiring manager"]
    if not who.admins:
        found.append("not for admins")
    if who.ways != "all":
        found.append("for named referrals only" if who.ways == "named" else "for personal links only")
    if who.most_a_year is not None:
        found.append(f"at most {who.most_a_year} a person and year")
    return found


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
