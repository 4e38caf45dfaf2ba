"""How referrals, their invitations and rewards are called on screens."""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import streamlit as st

from domain.referrals import last_day
from store.reports.referral_lists import ReferralLine
from store.reports.rewards import EarnedLine, EarnedSum
from ui import figures, words
from ui.shell import View
from ui.words import Color


@dataclass(frozen=True, slots=True)
class Standing:
    """A state of a referral: a word, a sign, a colour on top, and what it means."""

    label: str
    color: Color
    icon: str
    meaning: str


_STANDINGS: dict[str, tuple[str, Color, str, str]] = {
    "pending": ("Waiting", "gray", "hourglass_top", "They have not applied yet."),
    "applied": ("Applied", "blue", "assignment", "They have applied."),
    "interviewed": ("In interviews", "orange", "forum", "They were invited to an interview, or offered the work."),
    "hired": ("Hired", "green", "celebration", "They have been hired."),
    "rejected": ("Not this time", "red", "do_not_disturb_on", "They were turned down, or withdrew."),
    "expired": ("Expired", "gray", "event_busy", "They did not apply in time."),
    "withdrawn": ("Withdrawn", "gray", "undo", "This referral was taken back."),
    "declined": ("Declined", "gray", "block", "Whoever got the invitation says that it is not them."),
    "merged": ("Part of another", "gray", "merge", "Made one with another referral of the same person."),
}
STANDINGS: dict[str, Standing] = {
    key: Standing(label, color, f":material/{icon}:", meaning)
    for key, (label, color, icon, meaning) in _STANDINGS.items()
}
#: States of an invitation.
MAILS = {
    "waiting": "The invitation is on its way.",
    "sending": "The invitation is on its way.",
    "sent": "Invited by e-mail.",
    "unknown": "Nobody knows whether the invitation arrived. An admin decides whether it is sent again.",
    "refused": "The invitation could not be delivered. Send them the link yourself.",
    "dead": "The invitation could not be delivered. Send them the link yourself.",
}
#: How a reward stands, in the words that the desk and the documentation use.
EARNED = {
    "possible": (":material/radio_button_unchecked:", "Possible"),
    "pending": (":material/hourglass_top:", "Promised"),
    "approved": (":material/thumb_up:", "Approved, to be paid next"),
    "paid": (":material/paid:", "Paid"),
    "lapsed": (":material/cancel:", "Not earned"),
    "refused": (":material/cancel:", "Turned down"),
}


def badge(line: ReferralLine) -> None:
    """How a referral stands."""
    standing = STANDINGS[line.state]
    st.badge(standing.label, icon=standing.icon, color=standing.color, help=standing.meaning)


def who(line: ReferralLine) -> str:
    """Whom a referral is about, as plain text."""
    if line.candidate_name:
        return line.candidate_name
    return "Somebody who came by a link" if line.by_link else "Somebody whose name was deleted"


def when(view: View, line: ReferralLine) -> str:
    """When a referral was made, and what happened last, in the company's days."""
    parts = [f"{'Came' if line.by_link else 'Referred'} {view.moment(line.sent_at)}"]
    if line.status_at and line.state not in ("pending", "expired"):
        parts.append(f"{STANDINGS[line.state].label.lower()} {view.moment(line.status_at)}")
    elif line.state == "pending" and line.expires_at:
        last = last_day(line.expires_at, ZoneInfo(view.company.time_zone))
        parts.append(f"counts if they apply by {figures.day(last)}")
    if line.clicks:
        parts.append(words.counted(line.clicks, "visit"))
    return " · ".join(parts)


def rewards(view: View, lines: Iterable[EarnedLine], *, has_expired: bool) -> None:
    """What a referral earns, milestone by milestone."""
    for line in lines:
        # Settled once a day: what has expired since is not earned either.
        state = "lapsed" if has_expired and line.state == "possible" else line.state
        icon, said = EARNED.get(state, (":material/help:", state))
        if line.state == "pending" and line.due_on:
            said = f"Due {figures.day(line.due_on)}"
        elif line.paid_at:
            said = f"Paid {view.moment(line.paid_at)}"
        note = f" {words.plain(line.note)}" if line.note and line.state == "refused" else ""
        st.markdown(f"{icon} **{words.plain(said)}:** {words.plain(line.words)}.{note}")


def sums(found: Iterable[EarnedSum]) -> None:
    """What one's referrals have earned, by currency: amounts of several are never added up."""
    for one in found:
        told = [
            ("Earned", one.earned, "Fell due: paid, to be paid next, or waiting for an admin's approval."),
            ("Paid", one.paid, "Noted as paid."),
            ("Promised", one.pending, "For people who have applied; it is not due yet, and may still be lost."),
            ("Possible", one.possible, "For people who have not applied yet."),
        ]
        with st.container(horizontal=True, gap="small"):
            for label, minor, meaning in told:
                st.metric(label, figures.money(minor, one.currency), help=meaning, border=True, width="content")


def reward_of(line: ReferralLine) -> str:
    """All rewards of a referral together: the amount and how it stands; "" where it earns none."""
    if line.reward_status == "none" or (line.reward_status == "pending" and line.state == "expired"):
        return ""
    amount = figures.money(line.reward_minor, line.reward_currency) if line.reward_currency else "Several"
    is_possible = line.reward_status == "pending" and line.state == "pending"
    _, said = EARNED["possible" if is_possible else line.reward_status]
    return f"{amount}, {said[:1].lower()}{said[1:]}"
