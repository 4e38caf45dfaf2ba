"""Refer somebody for a posting, share a personal link, withdraw; and for admins the desk: merge, extend, reveal."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from actions.invitations import Invited, invite
from actions.viewer import NotAllowed, NotFound, Viewer, deed, require_admin
from domain.links import is_allowed
from domain.referrals import LONGEST_WINDOW, MOST_AN_HOUR, latest_day, plain_address, plain_name, plain_note
from domain.text import clean_text
from store.engine import Urgency, run_writing
from store.opening import Store
from store.reports.links import own_address
from store.reports.tracker import list_origins
from store.tables import Company, JobPosting, Referral, User
from store.writes import referrals as rows
from store.writes.applications_locked import lock_applications
from store.writes.audit import append_audit
from store.writes.in_turn import BESIDE_REFERENCES

MAKE = "referral.make"
#: Why somebody is not referred, in words for who wanted to. None says more than that it is so.
REASONS = {
    "self": "This is your own address. You can refer anybody but yourself.",
    "mine": "You have referred this person for this posting already. How it stands is under “My referrals”.",
    "known": "A colleague has referred this person for this posting already. The first referral counts.",
    "applied": "This person has applied for this posting already, so nobody can refer them for it any more.",
    "closed": "This posting is not open any more. Is there another one that suits them?",
    "often": f"That was a lot for one hour: at most {MOST_AN_HOUR} people. Please go on a little later.",
    "no_address": "Nobody has said yet where one applies for this. Ask an admin to name the address.",
    "converted": "They have applied, so it is too late to withdraw. Ask an admin if something is wrong.",
    "over": "This referral has ended already.",
    "other_posting": "Only referrals for the same posting can be made one.",
    "same": "Choose two referrals.",
    "decided": "A reward of this referral was approved or paid: keep this one, and merge the other one into it.",
    "later": "This person was referred anew since: extend that referral.",
}
#: Answers that say something about others: they are counted too, so that nobody tries addresses by the hundred.
_TELLING = frozenset({"mine", "known", "applied"})


class Refused(ValueError):
    """Not done, for a reason (a key of REASONS, or "unusable" for what was typed); the text is for who asked.

    `about` names what cannot be used, "" where nothing was typed.
    """

    def __init__(self, reason: str, words: str = "", about: str = "") -> None:
        super().__init__(words or REASONS[reason])
        self.reason, self.about = reason, about


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to refer for which posting, as typed. Without `by_mail` nobody is written to.

    `asked_by` is who had it done for the referrer, for the audit log.
    """

    posting_id: uuid.UUID
    name: str
    email: str
    note: str = ""
    by_mail: bool = True
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class Referred:
    """A referral that was made: its code, and what came of the invitation (None where none was wanted)."""

    id: uuid.UUID
    code: str
    sent_at: datetime
    expires_at: datetime | None
    status: str
    invited: Invited | None


@dataclass(frozen=True, slots=True)
class Shared:
    """A personal link, and whether it is new."""

    id: uuid.UUID
    code: str
    is_new: bool


def refer(store: Store, viewer: Viewer, wanted: Wanted, *, now: datetime) -> Referred:
    """Refer somebody for an open posting of the viewer's company. Raises Refused, or NotFound for no such posting."""
    typed = {
        name: _usable(name, plain, getattr(wanted, name))
        for name, plain in (("name", plain_name), ("email", plain_address), ("note", plain_note))
    }
    candidate = rows.Candidate(wanted.posting_id, **typed)
    try:
        return run_writing(
            store.engine,
            lambda session: _refer(session, store, viewer, (wanted, candidate), now=now),
            Urgency.EVENT,
        )
    except Refused as refusal:
        _note_refusal(store, viewer, refusal, wanted.posting_id, now)
        raise
    except IntegrityError:
        # Of two at the same instant one was the first.
        raise Refused("known") from None


def _usable(about: str, plain: Callable[[str], str], typed: str) -> str:
    try:
        return plain(typed)
    except ValueError as error:
        raise Refused("unusable", str(error), about) from None


def _refer(
    session: Session, store: Store, viewer: Viewer, told: tuple[Wanted, rows.Candidate], *, now: datetime
) -> Referred:
    wanted, candidate = told
    lock_applications(session, viewer.company_id)
    referrer = _referrer(session, viewer)
    _require_open(session, viewer, candidate.posting_id)
    person = rows.person_of(store.vault, candidate.email)
    if person == rows.person_of(store.vault, viewer.email):
        raise Refused("self")
    tried = rows.count_refused(session, viewer.company_id, viewer.email, MAKE, now=now)
    if tried + rows.count_recent(session, viewer.user_id, now=now) >= MOST_AN_HOUR:
        raise Refused("often")
    same = rows.find_same(session, viewer.company_id, candidate.posting_id, person)
    if same is not None and not rows.make_room(session, same, now=now):
        raise Refused("mine" if same.referrer_id == viewer.user_id else "known")
    since = now - timedelta(days=rows.window_days(session, viewer.company_id))
    persons = {person, store.vault.digest("email-bidx", candidate.email)}
    if rows.has_applied(session, viewer.company_id, candidate.posting_id, persons, since=since, now=now):
        raise Refused("applied")
    made = rows.make_referral(session, store.vault, referrer, candidate, now=now)
    invited = invite(session, store, made, now=now, asked_by=viewer.email) if wanted.by_mail else None
    facts: dict[str, object] = {"posting": candidate.posting_id, "invited": bool(invited and invited.mail_id)}
    facts |= {"asked_by": wanted.asked_by} if wanted.asked_by else {}
    append_audit(session, replace(deed(viewer, MAKE, made.id), facts=facts), now=now)
    return Referred(made.id, made.code, made.sent_at, made.expires_at, made.status, invited)


def colleague(store: Store, viewer: Viewer, email: str, *, now: datetime) -> Viewer:
    """Somebody of the admin's company in whose name a program refers. Raises NotAllowed, or NotFound for nobody."""
    require_admin(store, viewer, "referral.for_colleague", now=now)
    with store.reading() as session:
        user = rows.find_user(session, viewer.company_id, clean_text(email))
    if user is None:
        raise NotFound("There is no such colleague.")
    return replace(viewer, user_id=user.id, role=user.role, name=user.name, email=user.email)


def share_link(store: Store, viewer: Viewer, posting_id: uuid.UUID | None, *, now: datetime) -> Shared:
    """The viewer's own link to a posting, or with None to all of them; made where there is none.

    Who applies by it was referred by the viewer. Raises Refused, or NotFound for no such posting.
    """

    def work(session: Session) -> Shared:
        lock_applications(session, viewer.company_id)
        referrer = _referrer(session, viewer)
        posting = _require_open(session, viewer, posting_id) if posting_id else None
        origins = list_origins(session, viewer.company_id)
        target = own_address(posting, sorted(origins)) if posting else next(iter(sorted(origins)), "")
        if not is_allowed(target, origins):
            raise Refused("no_address")
        link, is_new = rows.own_link(session, referrer, posting_id, target, now=now)
        if is_new:
            append_audit(session, deed(viewer, "referral.link", link.id, posting=posting_id or ""), now=now)
        return Shared(link.id, link.slug, is_new)

    return run_writing(store.engine, work, Urgency.EVENT)


def withdraw(store: Store, viewer: Viewer, referral_id: uuid.UUID, *, now: datetime) -> None:
    """End a referral: one's own while nobody has applied, or as an admin any. Raises Refused or NotFound."""
    with _writing(store, viewer) as session:
        row = rows.get_referral(session, viewer.company_id, referral_id)
        is_own = row.referrer_id == viewer.user_id
        if not is_own and not viewer.is_admin:
            # Whose it is, and that it is there, is nobody else's business.
            raise NotFound("There is no such referral.")
        _require_live(row)
        if row.application_id and not viewer.is_admin:
            raise Refused("converted")
        row.withdrawn_at = now
        session.add(row)
        rows.settle_changed(session, store.vault, [row], now=now)
        append_audit(session, deed(viewer, "referral.withdraw", referral_id, own=is_own), now=now)


def merge(store: Store, viewer: Viewer, keep_id: uuid.UUID, gone_id: uuid.UUID, *, now: datetime) -> None:
    """Make two referrals of one person for one posting one; the other's code goes on working, and counts for it.

    Raises Refused, NotAllowed or NotFound.
    """
    require_admin(store, viewer, "referral.merge", keep_id, now=now)
    if keep_id == gone_id:
        raise Refused("same")
    with _writing(store, viewer) as session:
        keep, gone = (rows.get_referral(session, viewer.company_id, one) for one in (keep_id, gone_id))
        _require_live(keep)
        _require_live(gone)
        if keep.posting_id != gone.posting_id:
            raise Refused("other_posting")
        if rows.has_decided_rewards(session, gone_id):
            raise Refused("decided")
        rows.merge_referrals(session, store.vault, keep, gone, now=now)
        append_audit(session, deed(viewer, "referral.merge", keep_id, merged=gone_id), now=now)


def extend(store: Store, viewer: Viewer, referral_id: uuid.UUID, last_day: date, *, now: datetime) -> None:
    """Let a referral count up to the end of a day of the company's zone. Raises Refused, NotAllowed or NotFound."""
    require_admin(store, viewer, "referral.extend", referral_id, now=now)
    with _writing(store, viewer) as session:
        row = rows.get_referral(session, viewer.company_id, referral_id)
        _require_live(row)
        zone = ZoneInfo(session.get_one(Company, viewer.company_id).time_zone)
        latest = latest_day(row.sent_at, zone)
        if not now.astimezone(zone).date() <= last_day <= latest:
            raise Refused(
                "unusable", f"A day from today to {latest.isoformat()}, {LONGEST_WINDOW:,} days after sending."
            )
        if row.candidate_email and not row.person_index and row.posting_id:
            email = store.vault.open("referrals", row.id, "candidate_email", row.candidate_email)
            person = rows.person_of(store.vault, email)
            if rows.find_same(session, viewer.company_id, row.posting_id, person):
                raise Refused("later")
            row.person_index = person
        row.expires_at = datetime.combine(last_day + timedelta(days=1), time.min, zone)
        session.add(row)
        rows.settle_changed(session, store.vault, [row], now=now)
        append_audit(session, deed(viewer, "referral.extend", referral_id, until=last_day.isoformat()), now=now)


def reveal(store: Store, viewer: Viewer, referral_id: uuid.UUID, *, now: datetime) -> tuple[str, str]:
    """Name and address of who was referred, in full; the look is written down. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "personal_data.read", referral_id, now=now)
    with _writing(store, viewer) as session:
        row = rows.get_referral(session, viewer.company_id, referral_id)
        told = deed(viewer, "personal_data.read", referral_id, what="referral")
        append_audit(session, told, now=now)
        sealed = {name: getattr(row, name) for name in ("candidate_name", "candidate_email")}
        opened = [store.vault.open("referrals", row.id, name, text) if text else "" for name, text in sealed.items()]
        return opened[0], opened[1]


def set_window(store: Store, viewer: Viewer, days: int, *, now: datetime) -> None:
    """For how many days referrals count that are sent from now on. Raises Refused or NotAllowed."""
    require_admin(store, viewer, "referral.window", days, now=now)
    if not 1 <= days <= LONGEST_WINDOW:
        raise Refused("unusable", f"From 1 to {LONGEST_WINDOW:,} days.")
    with _writing(store, viewer) as session:
        company = session.get_one(Company, viewer.company_id, with_for_update=BESIDE_REFERENCES)
        company.settings = {**company.settings, rows.WINDOW_SETTING: days}
        session.add(company)
        append_audit(session, deed(viewer, "referral.window", days), now=now)


def _referrer(session: Session, viewer: Viewer) -> rows.Referrer:
    user = session.get(User, viewer.user_id)
    if user is None or not user.is_active or user.company_id != viewer.company_id:
        raise NotAllowed("Only somebody who may sign in can refer people.")
    return rows.Referrer(viewer.company_id, user.id, user.name or user.email)


def _require_open(session: Session, viewer: Viewer, posting_id: uuid.UUID) -> JobPosting:
    posting = session.get(JobPosting, posting_id)
    if posting is None or posting.company_id != viewer.company_id:
        raise NotFound("There is no such posting.")
    if posting.status != "open":
        raise Refused("closed")
    return posting


def _require_live(row: Referral) -> None:
    if row.withdrawn_at or row.declined_at or row.merged_into:
        raise Refused("over")


def _note_refusal(store: Store, viewer: Viewer, refusal: Refused, posting_id: uuid.UUID, now: datetime) -> None:
    action = MAKE if refusal.reason in _TELLING else "referral.refused"
    with store.writing(Urgency.EVENT) as session:
        told = deed(viewer, action, posting_id, outcome="denied", reason=refusal.reason)
        append_audit(session, told, now=now)


@contextmanager
def _writing(store: Store, viewer: Viewer) -> Iterator[Session]:
    """A write transaction in the company's turn; an unknown referral answers like one of another company."""
    try:
        with store.writing(Urgency.EVENT) as session:
            lock_applications(session, viewer.company_id)
            yield session
    except rows.ReferralUnknown:
        raise NotFound("There is no such referral.") from None
