"""Payouts: approved rewards put together for payroll, their files, and noting them as paid."""

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from actions import payroll, rewards
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from store.reports.payouts import Payout, list_payouts
from ui import data, toasts, words
from ui.shell import View


def draw(view: View) -> None:
    """The payouts of the last year and those that wait, with the button that makes another."""
    with data.session() as session:
        payouts = list_payouts(session, view.company, view.now)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Payouts", anchor=False, width="content")
        st.button(
            "Put all approved into a payout",
            key="make_payout",
            icon=":material/request_quote:",
            on_click=make,
            args=(view,),
        )
    st.caption(
        "A payout is a list for payroll. Each reward is in one payout only, so that nobody is paid twice however often"
        " its file is downloaded. What should be looked at first is left out of a payout of all: choose its row to"
        " put it into one."
    )
    for payout in payouts[:_MOST_SHOWN]:
        _one(view, payout)
    if not payouts:
        st.caption("There is no payout yet.")
    elif len(payouts) > _MOST_SHOWN:
        st.caption(f"The newest {_MOST_SHOWN} are shown.")


_MOST_SHOWN = 20
_MOST_REASONS = 5


def _one(view: View, payout: Payout) -> None:
    is_paid = payout.paid == payout.rewards
    with st.container(border=True, key=f"payout_{payout.ref}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(payout.ref)}**", width="content")
            if is_paid:
                st.badge("Paid", icon=":material/check_circle:", color="green")
            else:
                st.badge("To be paid", icon=":material/schedule:", color="orange")
        totals = " and ".join(str(money) for money in payout.totals)
        part = "" if is_paid else f" {payout.paid} of {payout.rewards} are paid, the last"
        when = f".{part or ' Paid'} {view.moment(payout.paid_at)}." if payout.paid_at else "."
        st.text(f"{words.counted(payout.rewards, 'reward')}: {totals}{when}")
        with st.container(horizontal=True, gap="small"):
            for form, label in (("csv", "CSV"), ("xlsx", "Excel")):
                st.download_button(
                    f"Payroll file as {label}",
                    partial(_file, view, payout.ref, form),
                    f"rewards-{payout.ref}.{form}",
                    payroll.MEDIA[form],
                    key=f"payout_{payout.ref}_{form}",
                    icon=":material/download:",
                    on_click="ignore",
                )
            if not is_paid:
                st.button(
                    "Note as paid",
                    key=f"pay_{payout.ref}",
                    type="primary",
                    icon=":material/payments:",
                    on_click=_pay,
                    args=(view, payout),
                )


def _file(view: View, ref: str, form: str) -> bytes:
    """The file's bytes, made when somebody clicks; each time is written into the audit log."""
    return payroll.export_payout(running_store(), view.viewer, ref, form, now=datetime.now(UTC))[0]


def make(view: View, reward_ids: Collection[uuid.UUID] | None = None) -> None:
    """Put these approved rewards, or all that nothing speaks against, into a payout; says how many were left out."""
    try:
        made = rewards.make_payout(running_store(), view.viewer, reward_ids, now=datetime.now(UTC))
    except (NotAllowed, ValueError) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    said = f"{words.counted(len(made.done), 'reward')} in payout {words.plain(made.ref)}."
    toasts.later(said, icon=":material/request_quote:")
    for reason, number in Counter(made.left.values()).most_common(_MOST_REASONS):
        toasts.later(f"{words.counted(number, 'reward')} left out: {words.plain(reason)}", icon=":material/report:")


def _pay(view: View, payout: Payout) -> None:
    try:
        decided = rewards.pay_payout(running_store(), view.viewer, payout.ref, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(f"{words.counted(len(decided.done), 'reward')} noted as paid.", icon=":material/payments:")
