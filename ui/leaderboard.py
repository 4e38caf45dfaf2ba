"""The leaderboard: who refers with most effect, one's own place, and whether colleagues see it."""

from datetime import UTC, datetime

import streamlit as st

from actions import rewards
from actions.running import running_store
from actions.viewer import NotFound
from domain.periods import Period, span
from store.reports.referrals import Leaderboard, Place, get_leaderboard, is_on_board
from ui import data, figures, referral_statistics, shell, toasts, words
from ui.shell import View
from ui.tables import Column, Table, show

_COLUMNS, _NARROWEST = 4, 140


def draw(view: View) -> None:
    """One's own place, the first places, and the switch."""
    period = referral_statistics.choose_period(view, key="board_period")
    with data.session() as session:
        board = get_leaderboard(session, view.company, period, view.viewer.user_id)
    _own(period, board.own)
    if board.places:
        show(places_table(board), key="leaderboard", alt="Who referred with most effect")
        st.caption(
            f"{span(period)}. Ordered by hires, then by people who applied, then by people referred. Equals share"
            " a place."
        )
    else:
        shell.nothing_here(
            f"**{span(period)}: nobody stands here.** Who refers somebody appears, unless they chose not to.",
            path="pages/Refer_someone.py" if shell.has_page("pages/Refer_someone.py") else "",
            action="Refer someone",
            icon=":material/leaderboard:",
        )
    _switch(view)


def places_table(board: Leaderboard) -> Table:
    """The first places."""
    columns = (
        Column("Place", "count", width="small"),
        Column("Name", width="medium"),
        Column("Hired", "count"),
        Column("Applied", "count"),
        Column("Referred", "count"),
    )
    return Table(columns, tuple(_row(place) for place in board.places))


def _row(place: Place) -> tuple[int, str, int, int, int]:
    name = f"{place.name} (you)" if place.is_own else place.name
    counts = place.counts
    return place.rank, name, counts.hired, counts.applied, counts.sent


def _own(period: Period, own: Place | None) -> None:
    if own is None:
        st.info(f"{span(period)}: you have referred nobody.", icon=":material/handshake:")
        return
    counts = own.counts
    told = (
        ("Your place", str(own.rank), "Only you see it: you are not on the board." if own.is_hidden else ""),
        ("Hired", figures.count(counts.hired), "Of those whom you referred in the period."),
        ("Applied", figures.count(counts.applied), "Of those whom you referred in the period."),
        ("Referred", figures.count(counts.sent), "People you referred by name, and who applied by your own links."),
    )
    with st.grid(_COLUMNS, min_column_width=_NARROWEST, gap="small"):
        for label, value, meaning in told:
            st.metric(label, value, help=meaning or None, border=True, height="stretch")


def _switch(view: View) -> None:
    with data.session() as session:
        is_on = is_on_board(session, view.viewer.user_id)
    st.toggle(
        "Colleagues see me on the leaderboard",
        is_on,
        key=f"on_board_{is_on}",
        on_change=_change,
        args=(view, not is_on),
        help="Your referrals count all the same, and you go on seeing your own place.",
    )


def _change(view: View, is_on: bool) -> None:
    try:
        rewards.set_on_board(running_store(), view.viewer, is_on_board=is_on, now=datetime.now(UTC))
    except NotFound as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    said = "Colleagues see you on the leaderboard." if is_on else "Colleagues no longer see you on the leaderboard."
    toasts.later(said, icon=":material/leaderboard:")
