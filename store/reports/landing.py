"""What does a referral's link show: which posting, who recommends it, and where does one apply?"""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError
from sqlmodel import Session, col, select

from domain.adverts import EMPLOYMENT_LABELS, Advert
from domain.referrals import plain_code
from store.reports.links import Leads, own_address
from store.reports.tracker import list_origins
from store.tables import Company, JobPosting, Referral, TrackingLink, User

#: A merged referral leads to the one that was kept; that one may have been merged itself.
_MOST_MERGES = 5


@dataclass(frozen=True, slots=True)
class Landing:
    """A referral's page. `code` is spelled as it is kept; `ended` is why it leads nowhere any more, "" where it does:
    closed, expired or withdrawn. `names_somebody`: the referral names a candidate, who is told what is kept of them.
    """

    code: str
    company: str
    leads: Leads
    ended: str = ""
    title: str = ""
    department: str = ""
    location: str = ""
    employment: str = ""
    description: str = ""
    referrer: str = ""
    names_somebody: bool = False
    expires_at: datetime | None = None
    time_zone: str = "UTC"


def find_landing(session: Session, code: str, *, now: datetime) -> Landing | None:
    """The page of a referral's code, or of a personal link's slug, in any spelling; None for an unknown one."""
    kept = plain_code(code)
    # Both are always looked up, and in the same way, so that no kind of miss takes longer than another.
    referral = session.exec(select(Referral).where(col(Referral.code) == kept)).first()
    link = session.exec(
        select(TrackingLink).where(col(TrackingLink.slug) == kept, col(TrackingLink.referrer_id).is_not(None))
    ).first()
    if referral is not None:
        return _of_referral(session, referral, now)
    return _of_link(session, link) if link is not None else None


def _of_referral(session: Session, found: Referral, now: datetime) -> Landing:
    referral = _kept(session, found)
    posting = session.get(JobPosting, referral.posting_id) if referral.posting_id else None
    origins = list_origins(session, referral.company_id)
    leads = Leads(
        company_id=referral.company_id,
        target_url=own_address(posting, sorted(origins)) if posting else "",
        platform="referrals",
        campaign="",
        origins=origins,
        referral_id=referral.id,
    )
    landing = _shown(session, referral.code, leads, posting)
    return replace(
        landing,
        ended=_end_of(referral, now) or landing.ended,
        referrer=_name_of(session, referral),
        names_somebody=bool(referral.candidate_email),
        expires_at=referral.expires_at,
    )


def _of_link(session: Session, link: TrackingLink) -> Landing:
    posting = session.get(JobPosting, link.posting_id) if link.posting_id else None
    leads = Leads(
        company_id=link.company_id,
        target_url=link.target_url,
        platform="referrals",
        campaign=link.campaign,
        origins=list_origins(session, link.company_id),
        link_id=link.id,
    )
    landing = _shown(session, link.slug, leads, posting)
    referrer = session.get(User, link.referrer_id)
    closed = landing.ended if link.posting_id else ""
    return replace(
        landing,
        ended="withdrawn" if link.disabled_at else closed,
        referrer=referrer.name if referrer else "",
    )


def _shown(session: Session, code: str, leads: Leads, posting: JobPosting | None) -> Landing:
    company = session.get_one(Company, leads.company_id)
    landing = Landing(code, company.name, leads, time_zone=company.time_zone)
    if posting is None:
        return replace(landing, ended="closed")
    advert = _advert(posting)
    return replace(
        landing,
        ended="" if posting.status == "open" else "closed",
        title=posting.title,
        department=posting.department,
        location=posting.location,
        employment=EMPLOYMENT_LABELS[advert.employment_type] if posting.advert else "",
        description=advert.description,
    )


def _advert(posting: JobPosting) -> Advert:
    try:
        return Advert.model_validate(posting.advert)
    except ValidationError:
        # Written by an older version: the page does without it.
        return Advert()


def _kept(session: Session, referral: Referral) -> Referral:
    for _ in range(_MOST_MERGES):
        into = session.get(Referral, referral.merged_into) if referral.merged_into else None
        if into is None or into.company_id != referral.company_id:
            break
        referral = into
    return referral


def _end_of(referral: Referral, now: datetime) -> str:
    if referral.withdrawn_at or referral.declined_at:
        return "withdrawn"
    return "expired" if referral.expires_at is not None and referral.expires_at <= now else ""


def _name_of(session: Session, referral: Referral) -> str:
    user = session.get(User, referral.referrer_id) if referral.referrer_id else None
    return user.name if user and user.name else referral.referrer_name
