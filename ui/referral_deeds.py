"""What an admin can do about one referral: see the name, invite again, give it more time, withdraw, make two one."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from actions import referrals
from actions.referrals import Refused
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import local_day
from domain.referrals import LONGEST_WINDOW, last_day, latest_day, plain_address, plain_code
from store.reports.applicants import opener
from store.reports.referral_lists import ReferralLine, WantedReferrals, find_window, list_lines, persons_of
from store.reports.rewards import list_earned
from ui import applicant, data, figures, referral_forms, referral_lists, referral_words, toasts, words
from ui.shell import View

_LIVE = frozenset({"pending", "applied", "interviewed", "hired", "rejected", "expired"})
_MOST_OFFERED = 100
_SEEN, _SOUGHT = "referral_seen", "merge_find"


def one(view: View, line: ReferralLine) -> None:
    """A referral in full, with its deeds."""
    with data.session() as session:
        earned = list_earned(session, view.company.id, [line.id]).get(line.id, ())
    with st.container(border=True, key="referral", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(words.plain(_who(line)), anchor=False, width="content")
            referral_words.badge(line)
        st.text(f"{line.posting_title or 'Any posting'} · referred by {line.referrer_name or 'somebody'}")
        st.caption(referral_words.when(view, line))
        if line.is_elsewhere:
            st.info("They applied, and a colleague's link or code brought them: the application counts there.")
        if line.mail:
            st.caption(referral_words.MAILS.get(line.mail, ""))
        referral_words.rewards(view, earned, has_expired=line.state == "expired")
        _buttons(view, line)


def _who(line: ReferralLine) -> str:
    """The name in full where it was asked for in this visit, else masked."""
    seen = st.session_state.get(_SEEN)
    if seen and seen[0] == line.id:
        return f"{seen[1]}, {seen[2]}"
    return referral_words.who(line)


def _buttons(view: View, line: ReferralLine) -> None:
    with st.container(horizontal=True, gap="small"):
        if line.application_id:
            st.page_link(
                "pages/Applicants.py",
                label="Open the applicant",
                icon=":material/person_search:",
                query_params={applicant.APPLICANT: str(line.application_id)},
                width="content",
            )
        if line.candidate_name:
            st.button("Show name", key="reveal", icon=":material/visibility:", on_click=_reveal, args=(view, line))
        if line.state not in _LIVE:
            return
        if not line.by_link:
            with st.popover("Link", icon=":material/link:", width="content"):
                referral_forms.link_card(line.code, key="desk")
            if line.state == "pending":
                st.button(
                    "Invite again" if line.mail else "Invite", key="desk_invite", icon=":material/forward_to_inbox:",
                    on_click=referral_lists.invite_again, args=(view, line),
                )  # fmt: skip
            with st.popover("More time", icon=":material/event:", width="content"):
                _more_time(view, line)
        with st.popover("Merge", icon=":material/merge:", width="content"):
            _merge(view, line)
        referral_lists.withdraw_button(view, line)


def _more_time(view: View, line: ReferralLine) -> None:
    zone = ZoneInfo(view.company.time_zone)
    today = view.now.astimezone(zone).date()
    ends = last_day(line.expires_at, zone) if line.expires_at else today
    latest = latest_day(line.sent_at, zone)
    until = st.date_input("Counts up to", max(ends, today), today, max(latest, today, ends), key="more_time")
    st.button("Save", key="save_time", type="primary", on_click=_extend, args=(view, line, until))


def _merge(view: View, line: ReferralLine) -> None:
    """Choose another referral for the same posting that becomes part of this one."""
    sought = str(st.session_state.get(_SOUGHT) or "").strip()
    with data.session() as session:
        masked = opener(running_store().vault, "referrals", personal=False)
        wanted = WantedReferrals(posting_id=line.posting_id, **_told(sought))
        found = list_lines(session, view.company, wanted, masked, now=view.now, limit=_MOST_OFFERED + 1)
    zone = view.company.time_zone
    live = [other for other in found[:_MOST_OFFERED] if other.id != line.id and other.state in _LIVE]
    others = {offered(other, zone): other.id for other in live}
    st.markdown("Another referral of the **same person** becomes part of this one: its link goes on working for it.")
    if sought or len(found) > _MOST_OFFERED:
        st.text_input(
            f"Find it (the newest {_MOST_OFFERED} are listed)",
            key=_SOUGHT,
            placeholder="E-mail address or code",
            icon=":material/search:",
        )
    if not others:
        st.caption(
            "No other referral for this posting is like that."
            if sought
            else "There is no other referral for this posting."
        )
        return
    chosen = st.selectbox("The other one", list(others), index=None, key="merge_other", placeholder="Choose a referral")
    st.button(
        "Merge into this one", key="merge", type="primary", disabled=chosen is None,
        on_click=_merge_into, args=(view, line, others.get(chosen or "")),
    )  # fmt: skip


def _told(sought: str) -> dict[str, Any]:
    """What a referral is narrowed to by an address, or by a code; by nothing where nothing is sought."""
    if "@" not in sought:
        return {"code": plain_code(sought)} if sought else {}
    try:
        return {"persons": persons_of(running_store().vault, plain_address(sought))}
    except ValueError:
        # No address: nobody has it.
        return {"code": sought}


def offered(other: ReferralLine, zone: str) -> str:
    """A referral among those to choose from: masked, with the day of the company's zone on which it was sent."""
    who = other.candidate_email or "by a link"
    return f"{who} · {other.referrer_name} · {figures.day(local_day(other.sent_at, zone))} · {other.code[-5:]}"


def window(view: View) -> None:
    """For how many days new referrals count."""
    with data.session() as session:
        days = find_window(session, view.company)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"New referrals count for {words.counted(days, 'day')} after they are made.", width="content")
        with st.popover("Change", icon=":material/edit_calendar:", width="content"):
            told = st.number_input("Days", 1, LONGEST_WINDOW, days, key="window_days")
            st.button("Save", key="save_window", type="primary", on_click=_set_window, args=(view, int(told)))


def _set_window(view: View, days: int) -> None:
    _do(lambda: referrals.set_window(running_store(), view.viewer, days, now=datetime.now(UTC)), "Saved.")


def _reveal(view: View, line: ReferralLine) -> None:
    def show() -> None:
        name, email = referrals.reveal(running_store(), view.viewer, line.id, now=datetime.now(UTC))
        st.session_state[_SEEN] = (line.id, name, email)

    _do(show, "")


def _extend(view: View, line: ReferralLine, until: date) -> None:
    _do(
        lambda: referrals.extend(running_store(), view.viewer, line.id, until, now=datetime.now(UTC)),
        f"The referral counts up to {figures.day(until)}.",
    )


def _merge_into(view: View, line: ReferralLine, other: uuid.UUID | None) -> None:
    if other is not None:
        _do(
            lambda: referrals.merge(running_store(), view.viewer, line.id, other, now=datetime.now(UTC)),
            "The two referrals are one now.",
        )


def _do(work: Callable[[], None], said: str) -> None:
    """Carry out what a button asks for; say what came of it."""
    try:
        work()
    except (Refused, NotAllowed, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    if said:
        toasts.later(said, icon=":material/check:")
