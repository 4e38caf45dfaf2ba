"""What referrals earn: rewards follow from the rules, the application and an admin's decisions, in any order.

What an admin decided (approved, refused, paid) is never changed here: where it no longer fits what happened, the desk
says so.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from domain.money import Money
from domain.rewards import (
    FOLLOWING,
    Course,
    Referrer,
    Rule,
    Standing,
    conflict,
    furthest,
    may_earn,
    milestones,
    promised,
    read_settings,
    standing,
    summary,
)
from store.engine import is_sqlite
from store.tables import Application, Company, JobPosting, Referral, ReferralReward, RewardRule, User
from store.tables.columns import new_id
from store.writes.applications_locked import lock_applications

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
_RULES = RewardRule.__table__  # type: ignore[attr-defined]
_APPLICATIONS = Application.__table__  # type: ignore[attr-defined]
_POSTINGS = JobPosting.__table__  # type: ignore[attr-defined]
_USERS = User.__table__  # type: ignore[attr-defined]
AT_ONCE = 500
_TIMES = ("applied_at", "interviewed_at", "offered_at", "hired_at")
_ENDS = ("rejected_at", "withdrawn_at")
#: What a settling writes into a referral: its rewards together, and, once, in which role it was sent.
_SUMMARY = ("reward_status", "reward_minor", "reward_currency", "reached", "referrer_role")
_LEFT = "Whoever referred has left since: they cannot sign in any more."


@dataclass(frozen=True, slots=True)
class _Moment:
    """What all referrals of one settling share."""

    company_id: uuid.UUID
    zone: ZoneInfo
    rules: Sequence[Rule]
    now: datetime


class _Wanted(NamedTuple):
    """A rule's reward as it must stand."""

    rule: Rule
    standing: Standing


def settle_rewards(
    session: Session, company_id: uuid.UUID, referral_ids: Collection[uuid.UUID], *, now: datetime
) -> None:
    """Bring the rewards of these referrals, and each referral's sum of them, to what follows. Never commits.

    Also notes the furthest milestone of each. A referral of another company is left alone. Waits for the company's
    turn: referrals and what they earn are changed by one transaction at a time, so that none waits for another's rows.
    """
    ids = sorted(set(referral_ids), key=str)
    if not ids:
        return
    lock_applications(session, company_id)
    zone = ZoneInfo(session.execute(select(Company.time_zone).where(Company.id == company_id)).scalar_one())  # type: ignore[call-overload]
    moment = _Moment(company_id, zone, read_rules(session, company_id), now)
    for start in range(0, len(ids), AT_ONCE):
        _settle(session, moment, ids[start : start + AT_ONCE])


def read_rules(session: Session, company_id: uuid.UUID) -> list[Rule]:
    """All rules of a company, those that were switched off too: they still say what was promised before."""
    rows = session.execute(select(_RULES).where(_RULES.c.company_id == company_id).order_by(_RULES.c.id))
    return [rule_of(row) for row in rows]


def rule_of(row: Any) -> Rule:
    """A stored rule's terms, from its row."""
    who, zone = read_settings(row.settings)
    return Rule(
        id=row.id,
        posting_id=row.posting_id,
        milestone=row.milestone,
        days_after=row.days_after,
        amount_minor=row.amount_minor,
        currency=row.currency,
        created_at=row.created_at,
        who=who,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        disabled_at=row.disabled_at,
        zone=zone,
    )


def course_of(row: Any, now: datetime | None) -> Course:
    """What became of a referral, from its columns beside those of its application (None without one).

    `now` says whether it has expired; None where that does not matter.
    """
    times = {name: getattr(row, name) for name in _TIMES}
    is_late = now is not None and row.expires_at is not None and row.expires_at <= now
    has_expired = is_late and times["applied_at"] is None
    return Course(
        reached=milestones(times),
        ends=tuple(at for name in _ENDS if (at := getattr(row, f"application_{name}"))),
        has_ended=row.stage in ("rejected", "withdrawn"),
        is_over=has_expired or any((row.withdrawn_at, row.declined_at, row.merged_into)),
    )


def course_columns() -> list[Any]:
    """The columns that `course_of` reads; select them from referrals joined with their applications."""
    named = [_APPLICATIONS.c[name].label(f"application_{name}") for name in _ENDS]
    whose = [_REFERRALS.c[name] for name in ("expires_at", "withdrawn_at", "declined_at", "merged_into")]
    return [*whose, *(_APPLICATIONS.c[name] for name in (*_TIMES, "stage")), *named]


def flag_of(row: Any, company: ZoneInfo) -> str:
    """Why an admin should look at a reward that is due, approved or paid; "" where nothing speaks against it.

    From the reward's columns with those of `flag_columns`; `company` is the company's zone. Nothing is taken away by
    itself: a person decides.
    """
    if row.state in ("approved", "paid"):
        zone = read_settings(row.rule_settings)[1]
        days = ZoneInfo(zone) if zone else company
        wrong = conflict(row.milestone, row.days_after, course_of(row, None), days)
        if wrong:
            return wrong
    # Who was paid may leave.
    return _LEFT if row.is_here is False and row.state in ("pending", "approved") else ""


def flag_columns() -> list[Any]:
    """The columns that `flag_of` reads besides the reward's own; select them from `flagged_from`."""
    return [*course_columns(), _RULES.c.settings.label("rule_settings"), _USERS.c.is_active.label("is_here")]


def flagged_from() -> Any:
    """Rewards with their referrals, applications, rules and referrers."""
    return (
        _REWARDS.join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
        .join(_RULES, _RULES.c.id == _REWARDS.c.rule_id)
        .outerjoin(_APPLICATIONS, _APPLICATIONS.c.id == _REFERRALS.c.application_id)
        .outerjoin(_USERS, _USERS.c.id == _REFERRALS.c.referrer_id)
    )


def _settle(session: Session, moment: _Moment, ids: Sequence[uuid.UUID]) -> None:
    rows = _read_referrals(session, moment.company_id, ids)
    stored = _read_rewards(session, [row.id for row in rows])
    changes = _Changes()
    for row in rows:
        _compare(row, stored.get(row.id, {}), moment, changes)
    _write(session, moment, changes)
    _summarise(session, rows, _read_rewards(session, [row.id for row in rows]), moment.now)


def _read_referrals(session: Session, company_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> Sequence[Row[Any]]:
    mine = [_REFERRALS.c[name] for name in ("id", "posting_id", "referrer_id", "link_id", "sent_at", *_SUMMARY)]
    query = (
        select(
            *mine,
            *course_columns(),
            _POSTINGS.c.recruiter,
            _POSTINGS.c.hiring_manager,
            _USERS.c.role,
            _USERS.c.name.label("referrer"),
            _USERS.c.email.label("referrer_email"),
        )
        .select_from(_REFERRALS)
        .outerjoin(_APPLICATIONS, _APPLICATIONS.c.id == _REFERRALS.c.application_id)
        .outerjoin(_POSTINGS, _POSTINGS.c.id == _REFERRALS.c.posting_id)
        .outerjoin(_USERS, _USERS.c.id == _REFERRALS.c.referrer_id)
        .where(_REFERRALS.c.company_id == company_id, _REFERRALS.c.id.in_(ids))
    )
    return session.execute(query).all()


def _read_rewards(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, Row[Any]]]:
    """By referral and rule."""
    found: dict[uuid.UUID, dict[uuid.UUID, Row[Any]]] = defaultdict(dict)
    columns = ("id", "referral_id", "rule_id", "state", "due_on", "amount_minor", "currency")
    for row in session.execute(select(*(_REWARDS.c[name] for name in columns)).where(_REWARDS.c.referral_id.in_(ids))):
        found[row.referral_id][row.rule_id] = row
    return found


class _Changes:
    """What must be written: new rewards, other standings, and rewards that were never promised."""

    def __init__(self) -> None:
        self.new: list[dict[str, Any]] = []
        self.moved: dict[Standing, list[uuid.UUID]] = defaultdict(list)
        self.gone: list[uuid.UUID] = []


def _compare(row: Row[Any], held: Mapping[uuid.UUID, Row[Any]], moment: _Moment, changes: _Changes) -> None:
    wanted = {one.rule.id: one for one in _wanted(row, moment)}
    for rule_id, one in wanted.items():
        reward = held.get(rule_id)
        if reward is None:
            if _earns(row, one.rule):
                changes.new.append(_row(row, one, moment))
        elif reward.state in FOLLOWING and Standing(reward.state, reward.due_on) != one.standing:
            changes.moved[one.standing].append(reward.id)
    # The referral is for another posting than was known: its promises are that posting's.
    changes.gone += [
        reward.id for rule_id, reward in held.items() if rule_id not in wanted and reward.state in FOLLOWING
    ]


def _wanted(row: Row[Any], moment: _Moment) -> Iterable[_Wanted]:
    course = course_of(row, moment.now)
    for rule in promised(moment.rules, row.posting_id, row.sent_at, moment.zone):
        yield _Wanted(rule, standing(rule.milestone, rule.days_after, course, rule.days_of(moment.zone)))


def _earns(row: Row[Any], rule: Rule) -> bool:
    if row.referrer_id is None:
        return False
    referrer = Referrer(_role(row) == "admin", (row.referrer, row.referrer_email))
    team = [row.recruiter or "", row.hiring_manager or ""]
    return may_earn(rule.who, referrer, is_named=row.link_id is None, team=team)


def _role(row: Row[Any]) -> str:
    """The referrer's role when the referral was first settled, which is as soon as it is made; "" for nobody."""
    return str(row.referrer_role or row.role or "")


def _row(row: Row[Any], one: _Wanted, moment: _Moment) -> dict[str, Any]:
    return {
        "id": new_id(),
        "company_id": moment.company_id,
        "referral_id": row.id,
        "rule_id": one.rule.id,
        "milestone": one.rule.milestone,
        "days_after": one.rule.days_after,
        "amount_minor": one.rule.amount_minor,
        "currency": one.rule.currency,
        "state": one.standing.state,
        "due_on": one.standing.due_on,
        "payout_ref": "",
        "note": "",
        "created_at": moment.now,
        "updated_at": moment.now,
    }


def _write(session: Session, moment: _Moment, changes: _Changes) -> None:
    if changes.new:
        add = sqlite.insert if is_sqlite(session) else postgresql.insert
        session.execute(add(_REWARDS).on_conflict_do_nothing(), changes.new)
    for wanted, ids in changes.moved.items():
        session.execute(
            update(_REWARDS)
            .where(_REWARDS.c.id.in_(ids), _REWARDS.c.state.in_(FOLLOWING))
            .values(state=wanted.state, due_on=wanted.due_on, updated_at=moment.now)
        )
    if changes.gone:
        session.execute(delete(_REWARDS).where(_REWARDS.c.id.in_(changes.gone), _REWARDS.c.state.in_(FOLLOWING)))


def _summarise(
    session: Session,
    rows: Sequence[Row[Any]],
    rewards: Mapping[uuid.UUID, Mapping[uuid.UUID, Row[Any]]],
    now: datetime,
) -> None:
    by_values: dict[tuple[Any, ...], list[uuid.UUID]] = defaultdict(list)
    for row in rows:
        held = rewards.get(row.id, {}).values()
        told = summary((one.state, Money(one.amount_minor, one.currency)) for one in held)
        values = (*told, furthest(course_of(row, now).reached), _role(row))
        if values != tuple(getattr(row, name) for name in _SUMMARY):
            by_values[values].append(row.id)
    for values, ids in by_values.items():
        session.execute(
            update(_REFERRALS).where(_REFERRALS.c.id.in_(ids)).values(dict(zip(_SUMMARY, values, strict=True)))
        )
