"""My referrals: how each stands and what it earns, with what can still be done; and my own links with their clicks."""

from datetime import UTC, datetime

import streamlit as st

from actions import mailroom, referrals
from actions.referrals import Refused
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from store.reports.applicants import opener
from store.reports.referral_lists import (
    OwnLink,
    ReferralLine,
    WantedReferrals,
    count_lines,
    list_lines,
    list_own_links,
)
from store.reports.rewards import EarnedLine, list_earned, sum_earned
from ui import data, referral_forms, referral_words, shell, toasts, words
from ui.shell import View

_PAGE = 20
_SHOWN = "my_referrals_shown"


def draw(view: View) -> None:
    """Referrals as cards, newest first, and the links."""
    shown = st.session_state.get(_SHOWN, _PAGE)
    mine = WantedReferrals(referrer_id=view.viewer.user_id)
    # Whoever typed a name may read it again.
    seen = opener(running_store().vault, "referrals", personal=True)
    with data.session() as session:
        lines = list_lines(session, view.company, mine, seen, now=view.now, limit=shown)
        total = count_lines(session, view.company, mine, now=view.now)
        links = list_own_links(session, view.company, view.viewer.user_id)
        earned = list_earned(session, view.company.id, [line.id for line in lines])
    if not lines and not links:
        shell.nothing_here(
            "**You have not referred anybody yet.** Do you know somebody for one of our openings?",
            path="pages/Refer_someone.py",
            action="Refer someone",
            icon=":material/handshake:",
        )
        return
    with view.actions:
        st.page_link("pages/Refer_someone.py", label="Refer someone", icon=":material/person_add:")
    sums(view)
    for line in lines:
        _card(view, line, earned.get(line.id, ()))
    if total > len(lines) and st.button("Show more", key="more_referrals", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = shown + _PAGE
        st.rerun()
    if links:
        _links(links)


def sums(view: View) -> None:
    """What the viewer's referrals earn together."""
    with data.session() as session:
        found = sum_earned(session, view.company, view.viewer.user_id, view.now)
    referral_words.sums(found)


def _card(view: View, line: ReferralLine, earned: tuple[EarnedLine, ...]) -> None:
    with st.container(border=True, key=f"referral_{line.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(referral_words.who(line))}**", width="content")
            referral_words.badge(line)
        st.text(line.posting_title or "Any posting")
        st.caption(referral_words.when(view, line))
        if line.is_elsewhere:
            st.info(
                "They applied by a colleague's link or code: whose somebody comes by first, theirs the referral is.",
                icon=":material/info:",
            )
        elif line.mail and line.state == "pending":
            st.caption(referral_words.MAILS.get(line.mail, ""))
        referral_words.rewards(view, earned, has_expired=line.state == "expired")
        if line.state == "pending" and not line.by_link:
            _what_can_be_done(view, line)


def _what_can_be_done(view: View, line: ReferralLine) -> None:
    with st.container(horizontal=True, gap="small"):
        with st.popover("Link", icon=":material/link:", width="content"):
            referral_forms.link_card(line.code, key=str(line.id))
        st.button(
            "Invite again" if line.mail else "Invite", key=f"again_{line.id}", icon=":material/forward_to_inbox:",
            on_click=invite_again, args=(view, line),
        )  # fmt: skip
        withdraw_button(view, line)


def withdraw_button(view: View, line: ReferralLine) -> None:
    """Withdraw, after a word on what it means."""
    with st.popover("Withdraw", icon=":material/undo:", width="content"):
        st.markdown("Their link ends, and nothing is earned by it. Somebody else may refer them then.")
        st.button(
            "Withdraw this referral", key=f"withdraw_{line.id}", type="primary", on_click=_withdraw, args=(view, line)
        )


def invite_again(view: View, line: ReferralLine) -> None:
    """Send the invitation once more; says what came of it."""
    try:
        invited = mailroom.invite_again(running_store(), view.viewer, line.id, now=datetime.now(UTC))
    except (ValueError, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(words.plain(invited.words), icon=":material/mail:" if invited.mail_id else ":material/unsubscribe:")


def _withdraw(view: View, line: ReferralLine) -> None:
    try:
        referrals.withdraw(running_store(), view.viewer, line.id, now=datetime.now(UTC))
    except (Refused, NotAllowed, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later("The referral is withdrawn.", icon=":material/undo:")


def _links(links: list[OwnLink]) -> None:
    st.subheader("Your own links", anchor=False)
    for link in links:
        with st.container(border=True, key=f"own_link_{link.code}"):
            title = link.posting_title or "All open postings"
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(f"**{words.plain(title)}**", width="content")
                told = f"{words.counted(link.clicks, 'visit')} · {words.counted(link.applied, 'application')}"
                st.markdown(told, width="content")
            if link.is_open:
                referral_forms.link_card(link.code, key=link.code)
            else:
                st.caption("The posting is not open any more: who follows the link reads that.")
