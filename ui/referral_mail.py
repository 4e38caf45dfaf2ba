"""Invitations on the referral desk: which of them need a person, what mail servers said, and what is done about it."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from actions import mailroom
from actions.running import running_store
from actions.viewer import ADMIN, NotAllowed, NotFound
from settings import current
from store.reports.invitations import (
    MOST_ROWS,
    MessageRow,
    count_failed,
    count_states,
    count_unknown,
    list_failed,
    list_messages,
)
from ui import data, export, invitation_words, shell, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

_ANY = "All"
_REFRESH_SECONDS = 3
#: Messages for a person to decide on that are on screen together.
_AT_ONCE = 20
STATES = {
    "unknown": "Nobody knows",
    "waiting": "Waiting",
    "sending": "Being sent",
    "sent": "Sent",
    "refused": "Not sent",
    "dead": "Given up",
}
#: What happened, by cause.
CAUSES = {
    "unreachable": "The mail server could not take it yet. It is tried again by itself.",
    "rejected": "The mail server refused it.",
    "bounced": "There is no such address. It is not written to again.",
    "timeout": "The connection broke before the mail server answered. It may have arrived.",
    "no_worker": "The program ended before the mail server answered. It may have arrived.",
    "suppressed": "Somebody at this address wants no messages from us, or it does not exist.",
    "forgotten": "The address is deleted.",
    "ended": "The referral ended before it was sent.",
    "closed": "The posting closed before it was sent.",
    "taken_back": "It was taken back.",
    "key_missing": "It was sealed with an encryption key that is missing.",
    "left": "It is not tried any more: an admin decided so.",
    "by_hand": "",
}


def draw(view: View) -> None:
    """What needs a person, every invitation with what became of it, and the words they are made of."""
    if not _sends():
        _say_nothing_is_sent()
    with data.session() as session:
        counts = count_states(session, view.company)
        flagged = list_messages(session, running_store().vault, view.company, state="unknown")
        failed = list_failed(session, running_store().vault, view.company, now=view.now)
        number = count_failed(session, view.company, now=view.now)
    if flagged:
        _flagged(view, flagged)
    if failed:
        _failed(view, failed, number)
    if counts:
        is_busy = bool(counts.get("waiting") or counts.get("sending"))
        st.fragment(_log, run_every=_REFRESH_SECONDS if is_busy else None)(view)
    else:
        shell.nothing_here(
            "**Nobody was invited yet.** Whoever refers somebody can have an invitation sent; what became of each "
            "stands here.",
            icon=":material/mail:",
        )
    invitation_words.draw(view)


def remind(view: View, go: Callable[[], None]) -> None:
    """On the desk's other parts: that messages wait for a person, and the way to them; nothing where none does."""
    with data.session() as session:
        unknown = count_unknown(session, view.company)
        failed = count_failed(session, view.company, now=view.now)
    told = [said(number) for said, number in ((_may_have_arrived, unknown), (_did_not_arrive, failed)) if number]
    if told:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mail_reminder"):
            st.warning(f"{'; '.join(told)}. A person decides.", icon=":material/mark_email_unread:")
            st.button("Decide", key="mail_decide", icon=":material/arrow_forward:", on_click=go)


def _may_have_arrived(number: int) -> str:
    return f"{words.counted(number, 'invitation')} may or may not have arrived"


def _did_not_arrive(number: int) -> str:
    return f"{words.counted(number, 'invitation')} could not be delivered"


def _sends() -> bool:
    return bool(current().smtp_url and current().public_url)


def _say_nothing_is_sent() -> None:
    lacking = [
        name for name, value in (("SMTP_URL", current().smtp_url), ("PUBLIC_URL", current().public_url)) if not value
    ]
    st.info(
        f"**Nothing is sent from here:** {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set. "
        "Referrals and their links work all the same: whoever refers somebody copies the link and sends it themselves.",
        icon=":material/unsubscribe:",
    )


def _flagged(view: View, rows: list[MessageRow]) -> None:
    """Messages that may have arrived: nobody but a person can find out."""
    with st.container(border=True, key="mail_flagged"):
        st.markdown(f"**{_may_have_arrived(len(rows))}**")
        st.caption(
            "The connection to the mail server ended between the message and its answer. None is sent again by itself. "
            "Look at the mail server's log, or ask who referred them."
        )
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(f"{_about(row)}, {view.moment(row.created_at)}", width="stretch")
                if st.button("It arrived", key=f"mail_arrived_{row.id}", icon=":material/mark_email_read:"):
                    _decide(view, mailroom.confirm_arrived, row.id, "Noted: it arrived.")
                if st.button("Send it again", key=f"mail_again_{row.id}", icon=":material/forward_to_inbox:"):
                    _decide(view, mailroom.send_again, row.id, "It is sent again in a moment.")


def _failed(view: View, rows: list[MessageRow], number: int) -> None:
    """Messages that never arrived while their referrals still wait: what can be done about each."""
    with st.container(border=True, key="mail_failed"):
        st.markdown(f"**{_did_not_arrive(number)}**")
        st.caption(
            "None is tried again by itself. Once the cause is gone, send it again. Where the address is wrong, "
            "withdraw the referral and have the person referred anew with the right one. Or whoever referred them "
            "sends the link themselves, and you leave it at that."
        )
        for row in rows[:_AT_ONCE]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(f"{_about(row)}, {view.moment(row.created_at)}", width="stretch")
                if st.button("Send it again", key=f"mail_retry_{row.id}", icon=":material/forward_to_inbox:"):
                    _decide(view, mailroom.send_again, row.id, "It is sent again in a moment.")
                if st.button("Leave it", key=f"mail_leave_{row.id}", icon=":material/check:"):
                    _decide(view, mailroom.leave, row.id, "Noted: nothing more is sent.")
            said = f" The mail server said: {row.detail}" if row.detail else ""
            st.caption(words.plain(f"{_happened(row)}{said}"))
        if number > _AT_ONCE:
            st.caption(f"The newest {_AT_ONCE} are shown here.")
        given_up = [row for row in rows if row.state == "dead"]
        if len(given_up) > 1 and st.button(
            f"Send all {len(given_up)} that were given up again", key="mail_retry_all", icon=":material/refresh:"
        ):
            _send_all(view, given_up)


def _send_all(view: View, rows: list[MessageRow]) -> None:
    """Send many again, as far as each may be."""
    left = 0
    for row in rows:
        try:
            mailroom.send_again(running_store(), view.viewer, row.id, now=datetime.now(UTC))
        except (NotAllowed, NotFound, ValueError):
            left += 1
    kept = f" {words.counted(left, 'message')} cannot be." if left else ""
    sent = words.counted(len(rows) - left, "message")
    toasts.later(f"{sent} sent again in a moment.{kept}", ":material/check:")
    st.rerun()


def _log(view: View) -> None:
    """The newest invitations, narrowed by what became of them."""
    view = shell.again(view, ADMIN)
    labels = {label: state for state, label in STATES.items()}
    chosen = st.selectbox("Show", [_ANY, *labels], key="mail_state", label_visibility="collapsed", width=220)
    with data.session() as session:
        rows = list_messages(session, running_store().vault, view.company, state=labels.get(chosen or "", ""))
    if not rows:
        st.caption("No invitation is like that.")
        return
    if len(rows) >= MOST_ROWS:
        st.caption(f"The newest {MOST_ROWS} are listed.")
    table = messages_table(rows)
    picked = tables.choose(table, key="mail_log", alt="Invitations, newest first", zone=view.company.time_zone)
    export.download(table, name=export.file_name("invitations", view.company.name), key="download_mail")
    if picked is not None:
        _one(view, rows[picked])


def messages_table(rows: list[MessageRow]) -> Table:
    """Invitations as table and file; addresses are masked in both."""
    columns = (
        Column("Asked for", "instant"),
        Column("To"),
        Column("Posting", width="medium"),
        Column("Referrer"),
        Column("State"),
        Column("What happened", width="large"),
        Column("Mail server's words", width="large"),
        Column("Tries", "count"),
        Column("Sent", "instant"),
        Column("Asked by"),
    )
    cells = tuple(
        (
            row.created_at,
            row.recipient or None,
            row.posting or None,
            row.referrer or None,
            STATES.get(row.state, row.state),
            _happened(row) or None,
            row.detail or None,
            row.attempts,
            row.sent_at,
            row.asked_by or None,
        )
        for row in rows
    )
    return Table(columns, cells)


def _one(view: View, row: MessageRow) -> None:
    """One invitation, and what can be done about it."""
    with st.container(border=True, key="mail_one"):
        st.text(f"{_about(row)}: {STATES.get(row.state, row.state)}. {_happened(row)}".strip())
        if row.detail:
            st.caption(words.plain(row.detail))
        if row.next_attempt_at is not None:
            st.caption(f"Next try {view.moment(row.next_attempt_at)}.")
        with st.container(horizontal=True, gap="small"):
            if row.state in mailroom.OPEN_ENDED and st.button(
                "Send it again", key=f"mail_repeat_{row.id}", icon=":material/forward_to_inbox:"
            ):
                _decide(view, mailroom.send_again, row.id, "It is sent again in a moment.")
            if row.state == "waiting" and st.button("Take it back", key=f"mail_back_{row.id}", icon=":material/undo:"):
                _decide(view, mailroom.take_back, row.id, "It is not sent.")
            if (
                row.state == "sent"
                and row.referral_id
                and st.button("Invite again", key=f"mail_invite_{row.id}", icon=":material/forward_to_inbox:")
            ):
                invite_again(view, row.referral_id)


def invite_again(view: View, referral_id: uuid.UUID) -> None:
    """Ask for another invitation of a referral, say what came of it, and run the page anew."""
    try:
        invited = mailroom.invite_again(running_store(), view.viewer, referral_id, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(words.plain(invited.words), ":material/mail:")
    st.rerun()


def _decide(view: View, act: Callable[..., None], mail_id: uuid.UUID, said: str) -> None:
    try:
        act(running_store(), view.viewer, mail_id, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(said, ":material/check:")
    st.rerun()


def _happened(row: MessageRow) -> str:
    if row.state == "dead":
        return "It could not be delivered in many tries, and is not tried again by itself."
    return CAUSES.get(row.cause_code, row.cause_code)


def _about(row: MessageRow) -> str:
    return f"{row.recipient or 'An address that is deleted'} for {row.posting or 'an opening'}"
