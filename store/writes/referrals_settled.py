"""What referrals have come to, given all applications: computed anew whenever either changes, with one outcome.

    settle_referrals(session, vault, company_id, [referral.id], now=now)         # a referral was made or changed
    settle_applications(session, vault, company_id, (ids, persons), now=now)     # applications were told or changed

Who applies by a personal link becomes a referral here, exactly one for each link and application.
"""

import secrets
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from domain.referrals import (
    CODE_GROUPS,
    CODE_LETTERS,
    Applied,
    Came,
    Sent,
    Standing,
    best_of,
    mailbox,
    owner_of,
    standing_of,
)
from store.tables import Company, Referral, ReferralReward, User
from store.tables.columns import new_id
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_gathered import Gathered, find_concerned, gather
from store.writes.rewards import settle_rewards

_TABLE = Referral.__table__  # type: ignore[attr-defined]
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
_STANDING = ("status", "status_at", "application_id", "converted_at")
_STAGES = (
    "applied_at", "reviewed_at", "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip
#: Made by a person, and not to be taken away by an event.
_DECIDED = ("approved", "paid", "refused")


@dataclass(slots=True)
class _Scene:
    """Rows that bear on one another, and what is to be written."""

    session: Session
    company_id: uuid.UUID
    zone: ZoneInfo
    found: Gathered
    mailboxes: Mapping[uuid.UUID, str]
    names: Mapping[uuid.UUID, str]
    now: datetime
    changed: set[uuid.UUID] = field(default_factory=set)
    days: set[datetime] = field(default_factory=set)

    def mark(self, application_id: uuid.UUID | None) -> None:
        """Whether an application has a referral says how its stages are counted: its days are due."""
        row = self.found.applications.get(application_id) if application_id else None
        if row is not None:
            self.days |= {at for name in _STAGES if (at := getattr(row, name)) is not None}


def settle_referrals(
    session: Session, vault: Vault, company_id: uuid.UUID, referral_ids: Collection[uuid.UUID], *, now: datetime
) -> None:
    """Bring these referrals, and all that bear on them, to what follows from the applications; then their rewards."""
    if referral_ids:
        lock_applications(session, company_id)
        changed = _settle(session, vault, company_id, (referral_ids, ()), now=now)
        settle_rewards(session, company_id, sorted({*changed, *referral_ids}, key=str), now=now)


def settle_applications(
    session: Session,
    vault: Vault,
    company_id: uuid.UUID,
    which: tuple[Collection[uuid.UUID], Collection[str]],
    *,
    now: datetime,
) -> None:
    """The same for referrals that these applications bear on, and those of these persons (digests, "" for none).

    What nobody referred costs two look-ups for all of them.
    """
    referrals, linked = find_concerned(session, company_id, *which)
    if referrals or linked:
        lock_applications(session, company_id)
        changed = _settle(session, vault, company_id, (referrals, linked), now=now)
        settle_rewards(session, company_id, sorted(changed, key=str), now=now)


def has_referrals(session: Session, company_id: uuid.UUID) -> bool:
    """Whether the company has any referral: without one, what files tell bears on none."""
    return session.execute(select(_TABLE.c.id).where(_TABLE.c.company_id == company_id).limit(1)).first() is not None


def unite_links(session: Session, keep: uuid.UUID, gone: uuid.UUID) -> None:
    """Before two applications become one: of two referrals that one link made of them, one stays."""
    rows = session.execute(
        select(_TABLE.c.id, _TABLE.c.link_id, _TABLE.c.application_id).where(
            _TABLE.c.application_id.in_([keep, gone]), _TABLE.c.link_id.is_not(None)
        )
    ).all()
    kept = {row.link_id: row.id for row in rows if row.application_id == keep}
    for row in rows:
        if row.application_id == gone and row.link_id in kept:
            _drop(session, row.id, {"merged_into": kept[row.link_id]})


def release_applications(session: Session, ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Before applications are deleted: referrals let go of them. The referrals, which are to be settled afterwards."""
    theirs = _TABLE.c.application_id.in_(list(ids))
    released = list(session.execute(select(_TABLE.c.id).where(theirs)).scalars())
    if released:
        session.execute(update(_TABLE).where(_TABLE.c.id.in_(released)).values(application_id=None))
    return released


def new_code() -> str:
    """A code nobody can guess."""
    return "-".join("".join(secrets.choice(CODE_LETTERS) for _ in range(size)) for size in CODE_GROUPS)


def _settle(
    session: Session,
    vault: Vault,
    company_id: uuid.UUID,
    which: tuple[Iterable[uuid.UUID], Iterable[uuid.UUID]],
    *,
    now: datetime,
) -> set[uuid.UUID]:
    """The referrals whose rewards may be other ones now: those that changed, and those with an application."""
    session.flush()
    found = gather(session, company_id, *which)
    users = {row.referrer_id for row in (*found.referrals.values(), *found.links.values()) if row.referrer_id}
    people = session.execute(select(col(User.id), col(User.email), col(User.name)).where(col(User.id).in_(users))).all()
    zone = session.execute(select(col(Company.time_zone)).where(col(Company.id) == company_id)).scalar_one()
    scene = _Scene(
        session,
        company_id,
        ZoneInfo(zone),
        found,
        {row.id: vault.digest("email-bidx", mailbox(row.email)) for row in people},
        {row.id: row.name or row.email for row in people},
        now,
    )
    named, linked = _owned(scene)
    _write_named(scene, named)
    _write_linked(scene, linked)
    mark_applications_dirty(session, company_id, scene.days)
    return scene.changed | {row.id for row in found.referrals.values() if row.application_id}


def _is_over(row: Any) -> bool:
    return bool(row.withdrawn_at or row.declined_at or row.merged_into)


def _owned(scene: _Scene) -> tuple[dict[uuid.UUID, Standing], set[tuple[uuid.UUID, uuid.UUID]]]:
    """What each referral of a named person has come to; and (link, application) that make a referral."""
    sent = _counting(scene)
    rows = scene.found.referrals.values()
    #: A link's referral that was withdrawn or merged is not made again.
    void = {(row.link_id, row.application_id) for row in rows if row.link_id and _is_over(row)}
    mine: dict[uuid.UUID, list[Applied]] = defaultdict(list)
    linked: set[tuple[uuid.UUID, uuid.UUID]] = set()
    for row in scene.found.applications.values():
        applied = _applied(row, scene.found.touches.get(row.id, ()))
        links = {
            link.id: scene.mailboxes.get(link.referrer_id, "")
            for link in scene.found.links.values()
            if (link.id, row.id) not in void
        }
        owner = owner_of(applied, sent.values(), links, scene.zone)
        if owner is not None and owner in links:
            linked.add((owner, row.id))
        elif owner is not None:
            mine[owner].append(applied)
    best = {key: best_of(mine.get(key, ()), one.persons) for key, one in sent.items()}
    return {key: standing_of(one) if one else Standing() for key, one in best.items()}, linked


def _counting(scene: _Scene) -> dict[uuid.UUID, Sent]:
    """Referrals of named persons that are neither withdrawn nor declined nor part of another one, with what is theirs.

    What was merged into one brings its codes, its addresses and its time.
    """
    rows = scene.found.referrals
    families: dict[uuid.UUID, list[Any]] = {
        row.id: [row] for row in rows.values() if row.link_id is None and not _is_over(row)
    }
    for row in rows.values():
        kept = row.merged_into
        while kept in rows and rows[kept].merged_into:
            kept = rows[kept].merged_into
        if kept in families:
            families[kept].append(row)
    return {key: _sent(family, scene.mailboxes.get(family[0].referrer_id, "")) for key, family in families.items()}


def _sent(family: list[Any], referrer: str) -> Sent:
    kept, ends = family[0], [row.expires_at for row in family]
    return Sent(
        id=kept.id,
        sent_at=min(row.sent_at for row in family),
        expires_at=None if None in ends else max(ends),
        posting_id=kept.posting_id,
        persons=frozenset({index for row in family for index in (row.person_index, row.email_index)} - {""}),
        names=frozenset(row.id for row in family),
        referrer=referrer,
        claims=frozenset(row.application_id for row in family if row.link_id and row.application_id),
    )


def _applied(row: Any, touches: Iterable[Any]) -> Applied:
    return Applied(
        id=row.id,
        ref=row.external_ref,
        persons=frozenset({row.email_index, row.person_index} - {""}),
        posting_id=row.posting_id,
        stage=row.stage,
        applied_at=row.applied_at,
        interviewed_at=row.interviewed_at,
        offered_at=row.offered_at,
        hired_at=row.hired_at,
        rejected_at=row.rejected_at,
        withdrawn_at=row.withdrawn_at,
        came=tuple(Came(touch.at, touch.referral_id, touch.link_id) for touch in touches),
    )


def _write_named(scene: _Scene, standings: Mapping[uuid.UUID, Standing]) -> None:
    for row in scene.found.referrals.values():
        if row.link_id is not None:
            continue
        standing = standings.get(row.id, Standing())
        _update(scene, row, {name: getattr(standing, name) for name in _STANDING})


def _update(scene: _Scene, row: Any, wanted: Mapping[str, Any]) -> None:
    changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if not changed:
        return
    if "application_id" in changed:
        scene.mark(row.application_id)
        scene.mark(changed["application_id"])
    if changed.keys() & {"sent_at", "posting_id"}:
        scene.days |= {row.sent_at, wanted["sent_at"]}
    scene.session.execute(update(_TABLE).where(_TABLE.c.id == row.id).values(changed))
    scene.changed.add(row.id)


def _write_linked(scene: _Scene, wanted: set[tuple[uuid.UUID, uuid.UUID]]) -> None:
    """Bring the referrals made by links to those wanted. Columns follow from the application as for the others."""
    held = {
        (row.link_id, row.application_id): row
        for row in scene.found.referrals.values()
        if row.link_id and not _is_over(row)
    }
    for key, row in held.items():
        if key not in wanted:
            scene.days.add(row.sent_at)
            scene.mark(row.application_id)
            _drop(scene.session, row.id, {"withdrawn_at": scene.now})
    for key in sorted(wanted, key=str):
        values = _of_link(scene, *key)
        if key in held:
            _update(scene, held[key], values)
        else:
            _insert(scene, key[0], values)


def _of_link(scene: _Scene, link_id: uuid.UUID, application_id: uuid.UUID) -> dict[str, Any]:
    row, link = scene.found.applications[application_id], scene.found.links[link_id]
    touches = scene.found.touches.get(application_id, ())
    came = min(touch.at for touch in touches if touch.link_id == link_id)
    standing = standing_of(_applied(row, ()))
    return {
        **{name: getattr(standing, name) for name in _STANDING},
        "posting_id": row.posting_id or link.posting_id,
        # A referral by a link is made when its applicant comes by it, and no later than they apply.
        "sent_at": min(came, row.applied_at),
    }


def _insert(scene: _Scene, link_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    referrer = scene.found.links[link_id].referrer_id
    row = Referral(
        id=new_id(),
        company_id=scene.company_id,
        referrer_id=referrer,
        referrer_name=scene.names.get(referrer, ""),
        code=new_code(),
        link_id=link_id,
        **values,
    )
    scene.session.execute(insert(_TABLE), [row.model_dump()])
    scene.days.add(row.sent_at)
    scene.mark(row.application_id)
    scene.changed.add(row.id)


def _drop(session: Session, referral_id: uuid.UUID, otherwise: Mapping[str, Any]) -> None:
    """Take a link's referral away; one about whose reward a person has decided stays, and gets the other values."""
    decided = select(_REWARDS.c.id).where(_REWARDS.c.referral_id == referral_id, _REWARDS.c.state.in_(_DECIDED))
    mine = _TABLE.c.id == referral_id
    if session.execute(decided.limit(1)).first() is None:
        # No clicks or messages hang on it: its code was never given out.
        session.execute(delete(_TABLE).where(mine))
        return
    blank: dict[str, Any] = {"application_id": None, "status": "pending", "status_at": None, "converted_at": None}
    session.execute(update(_TABLE).where(mine).values(**blank, **otherwise))
