"""Rewards on the referral desk: what is owed, what waits for a decision, and deciding."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import streamlit as st

from actions import rewards
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.money import Money
from domain.periods import local_day
from store.reports.applicants import opener
from store.reports.payouts import Liability, list_liabilities
from store.reports.rewards import MOST_ROWS, RewardRow, WantedRewards, list_rewards
from ui import data, export, figures, reward_payouts, shell, tables, toasts, words
from ui.shell import View
from ui.tables import Cell, Column, Table

#: Each list by its screen words, and why it may be empty.
LISTS = {
    "Due": ("due", "**No reward waits for your approval.** Each appears here on the day it falls due."),
    "Approved": ("approved", "**No approved reward waits for payment.** Approve what is due first."),
    "Paid": ("paid", "**Nothing has been paid yet.**"),
    "Promised": ("promised", "**Nobody who was referred is on the way to a reward.**"),
    "Turned down": ("refused", "**No reward was turned down.**"),
    "Not earned": ("lapsed", "**No reward was lost.** Rewards whose person was turned down or left appear here."),
}
_FIGURES = (
    ("due", "Due", "Earned, and waiting for an admin's approval."),
    ("approved", "Approved", "To be paid next."),
    ("promised", "Promised", "The person has applied; it is not due yet, and may still be lost."),
    ("paid", "Paid this year", "Noted as paid since 1 January."),
    ("left", "Left of the budget", "The year's budget less what is paid, approved and due."),
)
_COLUMNS, _NARROWEST = 4, 180
#: Which list was asked to show how many.
_SHOWN = "rewards_shown"


def draw(view: View) -> None:
    """What rewards come to, one list of them with its decisions, and the payouts."""
    today = local_day(view.now, view.company.time_zone)
    with data.session() as session:
        liabilities = list_liabilities(session, view.company, view.now)
    _liabilities(view, liabilities)
    name = st.segmented_control(
        "Rewards", list(LISTS), default="Due", key="reward_list", required=True, label_visibility="collapsed"
    )
    which, reason = LISTS[name or "Due"]
    with data.session() as session:
        seen = opener(running_store().vault, "referrals", personal=False)
        shown = st.session_state.get(_SHOWN, {}).get(which, MOST_ROWS)
        rows = list_rewards(session, view.company, WantedRewards(which, today), seen, limit=shown + 1)
    if rows:
        _list(view, which, rows[:shown], has_more=len(rows) > shown)
    else:
        shell.nothing_here(reason, icon=":material/redeem:")
    if which in ("approved", "paid"):
        reward_payouts.draw(view)


def rewards_table(rows: Sequence[RewardRow], which: str) -> Table:
    """Rewards as table and file; columns that a list has no use for are left out."""
    columns = [Column("Referrer"), Column("Amount", "amount"), Column("Currency", width="small")]
    told: list[list[Cell]] = [[row.referrer, row.amount.amount, row.amount.currency] for row in rows]

    def add(column: Column, value: Callable[[RewardRow], Cell]) -> None:
        columns.append(column)
        for cells, row in zip(told, rows, strict=True):
            cells.append(value(row))

    if any(row.conflict for row in rows):
        add(Column("Look at this", width="medium"), lambda row: row.conflict or None)
    if which != "lapsed":
        add(Column("Due", "day"), lambda row: row.due_on)
    add(Column("Posting"), lambda row: row.posting_title or None)
    add(Column("Candidate", help="Masked: Referrals has the name."), lambda row: row.candidate or None)
    add(Column("For", width="large"), lambda row: row.condition)
    if which in ("approved", "paid"):
        add(Column("Approved by"), lambda row: row.approved_by or None)
        add(Column("Approved", "instant"), lambda row: row.approved_at)
        add(Column("Payout"), lambda row: row.payout_ref or None)
    if which == "paid":
        add(Column("Noted as paid by"), lambda row: row.paid_by or None)
        add(Column("Paid", "instant"), lambda row: row.paid_at)
    if which == "refused":
        add(Column("Reason", width="medium"), lambda row: row.note or None)
        add(Column("Turned down by"), lambda row: row.refused_by or None)
        add(Column("Turned down", "instant"), lambda row: row.refused_at)
    return Table(tuple(columns), tuple(tuple(cells) for cells in told))


def _liabilities(view: View, found: Sequence[Liability]) -> None:
    """Figures by currency: amounts of several are never added up."""
    for one in found:
        with st.grid(_COLUMNS, min_column_width=_NARROWEST, gap="small"):
            for name, label, meaning in _FIGURES:
                value = getattr(one, name)
                if name == "left" and one.budget is None:
                    continue
                st.metric(label, figures.money(value, one.currency), help=meaning, border=True)
        if one.left is not None and one.left < 0:
            st.warning(
                f"The year's budget of {figures.money(one.budget, one.currency)} is exceeded.",
                icon=":material/account_balance_wallet:",
            )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        possible = [figures.money(one.possible, one.currency) for one in found if one.possible]
        st.caption(
            f"Besides, {' and '.join(possible)} is possible: for people who have not applied yet." if possible else "",
            width="content",
        )
        with st.popover("Budget", icon=":material/account_balance_wallet:", key="budget_menu"):
            _budget(view, found)


def _budget(view: View, found: Sequence[Liability]) -> None:
    held = next((one for one in found if one.budget is not None), None)
    spelled = f"{Money(held.budget, held.currency).amount:f}" if held and held.budget is not None else ""
    st.caption("What you mean to spend on rewards in a calendar year.")
    with st.form("reward_budget", border=False):
        amount = st.text_input("Budget of a year", spelled, key="budget_amount", placeholder="None")
        currency = st.text_input("Currency", held.currency if held else view.company.currency, key="budget_currency")
        if st.form_submit_button("Save", type="primary", icon=":material/check:") and tried(
            lambda: rewards.set_budget(
                running_store(),
                view.viewer,
                rewards.read_money(amount, currency) if amount.strip() else None,
                now=datetime.now(UTC),
            )
        ):
            toasts.later("The budget is saved.", icon=":material/check_circle:")
            st.rerun()


def _list(view: View, which: str, rows: list[RewardRow], *, has_more: bool) -> None:
    conflicts = sum(bool(row.conflict) for row in rows)
    if conflicts:
        st.warning(
            f"{words.counted(conflicts, 'reward needs', 'rewards need')} a look: see why in the table. Nothing is"
            " taken away by itself: choose the row and decide.",
            icon=":material/report:",
        )
    table = rewards_table(rows, which)
    decides = which in ("due", "approved", "paid", "refused")
    alt = f"Rewards: {which}"
    # Another list is another table: what was chosen in the one before must not stand for other rewards in this one.
    key = f"rewards_{which}_{crc32(b''.join(row.id.bytes for row in rows)):x}"
    chosen: list[int] = []
    if decides:
        chosen = tables.choose_many(table, key=key, alt=alt, zone=view.company.time_zone)
    else:
        tables.show(table, key=key, alt=alt, zone=view.company.time_zone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        more = f" The first {len(rows):,} are shown." if has_more else ""
        choose = " Choose rows to decide on them." if decides else ""
        st.caption(f"{words.counted(len(rows), 'reward')}.{choose}{more}", width="content")
        export.download(table, name=export.file_name(f"rewards {which}", view.company.name), key="download_rewards")
        if has_more and st.button("Show more", key="more_rewards", icon=":material/expand_more:"):
            st.session_state[_SHOWN] = {which: len(rows) + MOST_ROWS}
            st.rerun()
    if decides:
        _buttons(view, which, [rows[at] for at in chosen])


def _buttons(view: View, which: str, chosen: Sequence[RewardRow]) -> None:
    """What can be decided in this list. Nothing chosen: the buttons say so by being grey."""
    none = not chosen
    with st.container(horizontal=True, gap="small"):
        if which == "due" and st.button(
            f"Approve {words.counted(len(chosen), 'reward')}" if chosen else "Approve",
            key="approve_rewards",
            type="primary",
            icon=":material/check:",
            disabled=none,
        ):
            _decide(view, chosen, rewards.approve, "approved")
        if which == "approved":
            pay = st.button("Note as paid", key="pay_rewards", icon=":material/payments:", disabled=none)
            if pay:
                st.dialog("Note as paid", icon=":material/payments:")(_pay)(view, chosen)
            st.button(
                "Put into a payout",
                key="payout_rewards",
                icon=":material/request_quote:",
                on_click=reward_payouts.make,
                args=(view, [row.id for row in chosen]),
                disabled=none,
            )
        if which in ("due", "approved") and st.button(
            "Turn down", key="refuse_rewards", icon=":material/block:", disabled=none
        ):
            st.dialog("Turn rewards down", icon=":material/block:")(_refuse)(view, chosen)
        if which in ("approved", "refused") and st.button(
            "Take the decision back", key="reopen_rewards", icon=":material/undo:", disabled=none
        ):
            _decide(view, chosen, rewards.reopen, "open again")
        if which == "paid" and st.button(
            "Take the payment back", key="unpay_rewards", icon=":material/undo:", disabled=none
        ):
            _decide(view, chosen, rewards.unpay, "approved again, and not paid")


def _pay(view: View, chosen: Sequence[RewardRow]) -> None:
    st.text(_sum(chosen))
    needs = any(not row.payout_ref for row in chosen)
    ref = st.text_input(
        "Payout reference",
        key="payout_ref",
        placeholder="Payroll of November",
        help="What the payment is called in payroll. Rewards in a payout keep its reference.",
        disabled=not needs,
    )
    if st.button("Note as paid", key="pay_now", type="primary", icon=":material/payments:"):
        _decide(
            view,
            chosen,
            lambda store, viewer, ids, now: rewards.pay(store, viewer, ids, ref, now=now),
            "noted as paid",
        )


def _refuse(view: View, chosen: Sequence[RewardRow]) -> None:
    st.text(_sum(chosen))
    refs = sorted({row.payout_ref for row in chosen if row.payout_ref})
    if refs:
        st.warning(
            f"They leave payout {words.plain(', '.join(refs))}. Where payroll has its file already, tell payroll.",
            icon=":material/request_quote:",
        )
    reason = st.text_area("Reason", key="refuse_reason", help="The person who referred reads it.", max_chars=500)
    if st.button("Turn down", key="refuse_now", type="primary", icon=":material/block:"):
        _decide(
            view,
            chosen,
            lambda store, viewer, ids, now: rewards.refuse(store, viewer, ids, reason, now=now),
            "turned down",
        )


def _sum(chosen: Sequence[RewardRow]) -> str:
    """How many rewards of what amount, by currency."""
    totals: dict[str, Money] = {}
    for row in chosen:
        code = row.amount.currency
        totals[code] = totals[code] + row.amount if code in totals else row.amount
    return f"{words.counted(len(chosen), 'reward')}: {' and '.join(str(money) for money in totals.values())}"


def _decide(view: View, chosen: Sequence[RewardRow], decide: Callable[..., Any], said: str) -> None:
    """Carry out, say what was done and what was not and why, and draw the list anew."""
    found: list[Any] = []
    ids = [row.id for row in chosen]
    if not tried(lambda: found.append(decide(running_store(), view.viewer, ids, now=datetime.now(UTC)))):
        return
    decided = found[0]
    if decided.done:
        toasts.later(f"{words.counted(len(decided.done), 'reward')} {said}.", icon=":material/check_circle:")
    names = {row.id: row.referrer for row in chosen}
    for reward_id, reason in list(decided.refused.items())[:5]:
        toasts.later(words.plain(f"{names.get(reward_id, '')}: {reason}"), icon=":material/block:")
    if len(decided.refused) > 5:
        toasts.later(f"{len(decided.refused) - 5} more could not be decided on.", icon=":material/block:")
    st.rerun()


def tried(do: Callable[[], object]) -> bool:
    """Do it, or say why it cannot be done."""
    try:
        do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return False
    return True
