"""The parts of the dashboard. The panel is a fragment: it refreshes without running the whole page."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from domain.periods import Comparison, Grain, span
from store.reports.shapes import Dashboard, Freshness, Performance, SourceRow
from ui import (
    cards,
    charts,
    connection_states,
    data,
    details,
    export,
    figures,
    filters,
    notes,
    palette,
    rows,
    shell,
    syncing,
    words,
)
from ui.shell import View
from ui.tables import Column, Table

#: With what settling takes, an event is on the screen within five seconds.
LIVE_SECONDS = 3
SYNCING_SECONDS = 2
#: Columns of a source's row, narrow enough for a phone.
_COUNT_WIDTH, _SHARE_WIDTH, _BUTTON_WIDTH = 60, 62, 32


def controls(view: View) -> bool:
    """The Live switch and, for admins, Sync all, beside the title. Whether the panel is live."""
    with view.actions:
        live = filters.live()
        if view.viewer.is_admin and any(entry.connector for entry, _ in view.states):
            st.button(
                "Sync all",
                key="sync_all",
                icon=":material/sync:",
                on_click=syncing.everything,
                args=(view.viewer,),
                help="Asks every active connection for its newest numbers.",
            )
    return live


def panel(view: View, *, live: bool) -> None:
    """Everything that moves. Refreshes every 3 s while live, and every 2 s while a sync is under way."""
    busy = is_busy(view.states)
    every = LIVE_SECONDS if live else SYNCING_SECONDS if busy else None
    st.fragment(_panel, run_every=every)(view, live=live, watching=busy)


def is_busy(states: Sequence[tuple[Freshness, str]]) -> bool:
    """Whether some connection is being synced."""
    return any(entry.state == "syncing" for entry, _ in states)


def _panel(view: View, *, live: bool, watching: bool) -> None:
    view = shell.again(view)
    if not live and watching != is_busy(view.states):
        st.rerun()  # only the whole page can begin to watch a sync, or stop
    top = st.container()
    if _is_empty(view, top):
        return
    source_box, trend_box = (st.container(border=True) for _ in range(2))
    left, right = st.columns([3, 2], gap="small")
    with trend_box:
        grain, is_marked = _trend_head(view)
    board = data.dashboard(view.company, view.period, view.filters, grain, view.now, view.states)
    # Charts take the browser longest: they go out first, and the rest reaches their places while they are drawn.
    with source_box:
        head, sources = _sources_chart(view, board)
    with trend_box:
        _trend_body(view, board, grain, is_marked=is_marked)
    with left, st.container(border=True, height="stretch"):
        _funnel(board)
    with top:
        connection_states.pills(view)
        connection_states.notices(view)
        st.caption(f"{span(board.period)}. {compared_words(board.comparison)}")
        cards.draw(board.cards, cards.freshness_words(board.updated_at, view.now, view.company.time_zone))
    with head:
        _sources_file(view, board)
    with sources:
        _source_rows(view, board)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Performance", anchor=False)
        _performance(board.performance)
    details.draw(view, board)


def compared_words(comparison: Comparison) -> str:
    """The rule of the changes, or why there is none.

    >>> compared_words(Comparison(None, None, "Nothing to compare: no complete day has data yet."))
    'Nothing to compare: no complete day has data yet.'
    """
    return comparison.rule if comparison.current is None else f"Changes compare {comparison.rule}"


def _is_empty(view: View, top: DeltaGenerator) -> bool:
    """Says why there are no numbers and what to do next; False when there are some."""
    read = any(entry.covered_until for entry, _ in view.states)
    if read:
        return False
    with top:
        connection_states.pills(view)
    if not any(entry.connector for entry, _ in view.states):
        if view.viewer.is_admin:
            shell.nothing_here(
                "**No platform is connected yet.** Connect one, or import a file, and its numbers appear here.",
                path="pages/Platforms.py",
                action="Connect a platform",
                icon=":material/hub:",
            )
        else:
            shell.nothing_here("**No platform is connected yet.** Ask an admin to connect one.", icon=":material/hub:")
    elif is_busy(view.states):
        shell.nothing_here(
            "**The first sync is under way.** Numbers appear here as its pages arrive.", icon=":material/sync:"
        )
    elif view.viewer.is_admin:
        shell.nothing_here(
            "**Connected, but nothing has been read yet.** Press Sync all to bring the first numbers.",
            path="pages/Platforms.py",
            action="See the connections",
            icon=":material/hourglass_empty:",
        )
    else:
        shell.nothing_here("**Nothing has been read yet.** Ask an admin to start a sync.")
    return True


def sources_table(found: Sequence[SourceRow]) -> Table:
    """Application sources as table and file. Missing stays missing; shares sum to 100.00."""
    columns = (
        Column("Source"),
        Column("Applications", "count", "Applications sent in the period, each counted once."),
        Column("Share (%)", "percent", "Share of all applications of the period."),
        Column("Comparison period", "count", "Applications in the comparison period."),
        Column("Days read", "count", "Days of the period for which numbers were read."),
        Column("State"),
        Column("Last sync (UTC)", "instant"),
    )
    return Table(
        columns,
        tuple(
            (
                row.label,
                row.applications,
                row.share,
                row.previous,
                row.covered_days,
                words.state_words(row.state).label,
                row.synced_at,
            )
            for row in found
        ),
    )


def _sources_chart(view: View, board: Dashboard) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Application sources: a doughnut. The places for the file beside the title and for a row of each source."""
    head = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    if not any(row.applications is not None for row in board.sources):
        _nothing_read(view, "applications")
    left, right = st.columns([2, 3], gap="medium", vertical_alignment="center")
    if any(row.applications for row in board.sources):
        with left:
            charts.draw(charts.doughnut(board.sources), key="sources_chart", alt=charts.doughnut_words(board.sources))
    elif any(row.applications == 0 for row in board.sources):
        left.info("No applications in this period: the sources were read, and there were none.")
    return head, right


def _sources_file(view: View, board: Dashboard) -> None:
    st.subheader("Application sources", anchor=False, width="content")
    export.download(
        sources_table(board.sources),
        name=export.file_name("application sources", view.company.name, board.period),
        key="download_sources",
    )


def _source_rows(view: View, board: Dashboard) -> None:
    with st.container(gap="small"):
        _source_head(view)
        for row in board.sources:
            _source_row(view, row)


def _source_head(view: View) -> None:
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        st.caption("Source")
        st.caption("Applications", width=88, text_alignment="right")
        st.caption("Share", width=_SHARE_WIDTH, text_alignment="right")
        if view.viewer.is_admin:
            st.space(_BUTTON_WIDTH)


def _source_row(view: View, row: SourceRow) -> None:
    """Name with last sync, count, share, and Sync: on one line at any width."""
    with st.container(
        key=f"source_row_{row.platform}", horizontal=True, vertical_alignment="center", wrap=False, gap="xsmall"
    ):
        state = rows.caption(connection_states.source_line(view, row), is_alarming=row.state == "failed")
        rows.draw(
            rows.line(
                rows.mark(palette.look(row.platform).color),
                rows.named(row.label, state),
                rows.figure(figures.count(row.applications), width=_COUNT_WIDTH),
                rows.figure(figures.share(row.share), width=_SHARE_WIDTH),
            )
        )
        if view.viewer.is_admin:
            st.button(
                "",
                key=f"sync_{row.platform}",
                icon=":material/sync:",
                type="tertiary",
                width=_BUTTON_WIDTH,
                disabled=not row.config_ids or row.state == "syncing",
                help=f"Sync {row.label}"
                if row.config_ids
                else "Fed by files, referrals and what is tracked: nothing to sync",
                on_click=syncing.some,
                args=(view.viewer, row.config_ids, row.label),
            )


def _trend_head(view: View) -> tuple[Grain, bool]:
    """Grain of the lines, and whether they are marked with what happened."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Application trends", anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            is_marked = filters.notes()
            return filters.grain(view.period), is_marked


def _trend_body(view: View, board: Dashboard, grain: Grain, *, is_marked: bool) -> None:
    known = [line for line in board.trends if any(point.value is not None for point in line.points)]
    if not known:
        _nothing_read(view, "applications")
        return
    found = notes.load(view, board.period)
    marks = notes.marks(found, known[0].points) if is_marked else []
    st.caption(f"Applications by {grain}")
    charts.draw(
        charts.trends(known, grain, marks),
        key="trends_chart",
        alt=charts.trends_words(board.trends, board.period, grain, marks),
    )
    st.caption(
        "A gap means that nothing was read for those days. A hollow mark is a part of a week or month, or one that was"
        " read in part. The dotted end is the period so far."
        + (" A diamond marks what happened then: point at it to read." if marks else "")
    )
    notes.draw(view, found, board.period)


def _nothing_read(view: View, what: str) -> None:
    until = [entry.covered_until for entry, _ in view.states if entry.covered_until]
    hint = f" Numbers exist until {figures.day(max(until))}: choose a period before that." if until else ""
    st.info(f"No {what} were read for {filters.describe(view.period, view.filters)}.{hint}", icon=":material/info:")


def _funnel(board: Dashboard) -> None:
    st.subheader("Hiring funnel", anchor=False)
    if any(step.value is not None for step in board.funnel):
        charts.draw(charts.funnel(board.funnel), key="funnel_chart", alt=charts.funnel_words(board.funnel))
        st.caption(_funnel_note(board))
    else:
        st.info("No stage of the funnel was read for these days.", icon=":material/info:")


def _funnel_note(board: Dashboard) -> str:
    missing = [step.label.lower() for step in board.funnel if step.value is None]
    note = "Each stage is dated by when it happened; the percentage is of the stage above."
    return note + (f" No connected platform reports {', '.join(missing)} here." if missing else "")


def _performance(found: Performance) -> None:
    cost = ", ".join(palette.label(key) for key in found.cost_platforms) or "no platform that reports spend"
    shown = (
        (
            "Median days to first application",
            figures.days(found.days_to_first_application),
            f"From opening, over {words.counted(found.postings_measured, 'posting')}.",
        ),
        (
            "Median days to hire",
            figures.days(found.days_to_hire),
            f"From application, over {words.counted(found.hires_measured, 'hire')}.",
        ),
        (
            "Applications per posting",
            figures.decimal(found.applications_per_posting),
            f"Over {words.counted(found.open_postings, 'posting')} open in the period.",
        ),
        (
            "Cost per application",
            figures.money(found.cost_per_application_minor, found.currency),
            f"Over {cost}.",
        ),
        ("Cost per hire", figures.money(found.cost_per_hire_minor, found.currency), f"Over {cost}."),
    )
    rows.draw(*(rows.line(rows.named(title, rows.caption(basis)), rows.strong(value)) for title, value, basis in shown))
