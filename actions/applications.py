"""Tell of applications: what another program knows of who applied, and how far they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from actions.viewer import Viewer, deed, require_admin
from domain.platforms import find_platform
from domain.referrals import plain_code
from domain.text import clean_text, key_text
from store.engine import Urgency
from store.opening import Store
from store.tables import TrackingLink
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from store.writes.audit import append_audit
from store.writes.tracked_names import find_code

#: Applications a transaction: a request of more is entered in several, each of them whole.
_SLICE = 50
#: A clock that runs a little ahead is forgiven.
_AHEAD = timedelta(minutes=10)
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Given:
    """One application as a program tells it; "" for what it does not know.

    `ref` is the program's own name for it, `source` where it says the applicant came from, `campaign` the UTM campaign,
    `link` a tracked link's slug, `referral` a referral's code. `stages` are (stage, UTC instant).
    """

    ref: str
    stages: Sequence[tuple[str, datetime]]
    posting: str = ""
    title: str = ""
    name: str = ""
    email: str = ""
    source: str = ""
    campaign: str = ""
    link: str = ""
    referral: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """How many were new, and how many were known already (told again, or more of them)."""

    inserted: int
    known: int


def tell(store: Store, viewer: Viewer, given: Sequence[Given], *, now: datetime) -> Entered:
    """Enter applications: the same one told twice, in whatever order, leads to one state.

    Raises NotAllowed, and ValueError, before anything is written, for a stage in the future or long ago.
    """
    require_admin(store, viewer, "applications.tell", len(given), now=now)
    for one in given:
        if not key_text(one.ref):
            raise ValueError("An application needs an id that can be written.")
        if not all(_EARLIEST <= at <= now + _AHEAD for _, at in one.stages):
            raise ValueError(f"{clean_text(one.ref, 60)}: a stage is reached after 1990 and not in the future.")
    inserted = 0
    for start in range(0, len(given), _SLICE):
        with store.writing(Urgency.EVENT) as session:
            teller = Teller(viewer.company_id, store.vault, PostingIndex(session, viewer.company_id))
            for one in given[start : start + _SLICE]:
                told = _told(session, viewer, one)
                inserted += tell_application(session, teller, told, now=now).is_new
    with store.writing(Urgency.EVENT) as session:
        append_audit(session, deed(viewer, "applications.tell", len(given), inserted=inserted), now=now)
    return Entered(inserted, len(given) - inserted)


def _told(session: Session, viewer: Viewer, given: Given) -> Told:
    first = min(at for _, at in given.stages)
    return Told(
        told_by="api",
        stages=tuple(StageTold(stage, at, f"api:{given.ref}") for stage, at in given.stages),
        refs=(("", given.ref),),
        posting_ref=given.posting,
        posting_title=given.title,
        name=given.name,
        email=given.email,
        touches=tuple(_touches(session, viewer, given, first)),
    )


def _touches(session: Session, viewer: Viewer, given: Given, at: datetime) -> list[TouchTold]:
    """What says where it came from. A link or code of another company, or of nobody, says nothing."""
    touches = []
    if given.source:
        platform = find_platform(given.source)
        key = platform.key if platform else "other"
        told = TouchTold("declared", given.source, at, key, source=given.source, campaign=given.campaign)
        touches.append(told)
    if given.link:
        link = session.exec(
            select(TrackingLink).where(
                col(TrackingLink.slug) == plain_code(clean_text(given.link)),
                col(TrackingLink.company_id) == viewer.company_id,
            )
        ).first()
        if link is not None:
            touches.append(TouchTold("link", link.slug, at, link.platform, campaign=link.campaign, link_id=link.id))
    if given.referral:
        named = find_code(session, viewer.company_id, given.referral)
        if named is not None:
            ref = plain_code(given.referral)
            touches.append(
                TouchTold(named.kind, ref, at, "referrals", link_id=named.link_id, referral_id=named.referral_id)
            )
    return touches
