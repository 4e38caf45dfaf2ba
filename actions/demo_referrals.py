"""The demo company's referral desk: rules of rewards, and whom its two people have recommended."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from actions.demo import ADMIN_EMAIL, MANAGER_EMAIL
from actions.referrals import Refused, Wanted, refer
from actions.rewards import RuleTerms, make_rule, set_on_board
from actions.viewer import NotAllowed, Viewer
from domain.money import Money
from store.opening import Store
from store.tables import JobPosting, RewardRule, User

#: Before anybody was recommended.
_RULES_SINCE = timedelta(days=200)
_RULES = (
    RuleTerms(Money(25_000, "USD"), "interviewed", 0, name="For an interview"),
    RuleTerms(Money(200_000, "USD"), "hired", 30, name="For a colleague"),
)


def seed_referrals(store: Store, admin: Viewer, told: Sequence[Mapping[str, Any]], *, now: datetime) -> int:
    """Makes the rules once, and refers who was recommended, on the days of the story; how many are new."""
    with store.reading() as session:
        known = select(User).where(
            User.company_id == admin.company_id, col(User.email).in_([ADMIN_EMAIL, MANAGER_EMAIL])
        )
        people = session.exec(known.order_by(User.email)).all()
        has_rules = session.exec(select(RewardRule.id).where(RewardRule.company_id == admin.company_id)).first()
        postings = {
            posting.requisition_ref: posting.id
            for posting in session.exec(select(JobPosting).where(JobPosting.company_id == admin.company_id))
        }
    viewers = [Viewer(user.id, user.company_id, user.role, user.name, user.email) for user in people]
    if has_rules is None:
        since = now - _RULES_SINCE
        for terms in _RULES:
            make_rule(store, admin, replace(terms, starts_on=since.date()), now=since)
        for viewer in viewers:
            set_on_board(store, viewer, is_on_board=True, now=now)
    made = 0
    for one in told:
        # Nobody is written to: these people are made up, and their addresses somebody else's.
        if one["requisition"] not in postings:
            continue
        wanted = Wanted(postings[one["requisition"]], str(one["name"]), str(one["email"]), by_mail=False)
        try:
            refer(store, viewers[one["by"] % len(viewers)], wanted, now=datetime.fromisoformat(one["sent_at"]))
            made += 1
        except (Refused, NotAllowed):
            # There since an earlier start, for a posting that has closed since, or by somebody who was switched off.
            continue
    return made
