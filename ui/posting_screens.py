"""Postings with their numbers, one posting in full, and what waits to be linked."""

import streamlit as st

from domain.metrics import BY_NAME
from domain.money import Money
from domain.platforms import BY_KEY
from store.reports.postings import MOST_ROWS, PostingRow, list_waiting
from ui import data, export, figures, palette, posting_forms, posting_links, posting_publishing, shell, tables, words
from ui.shell import View
from ui.tables import Cell, Column, Table

_STATUSES = {"Open": "open", "Closed": "closed", "Archived": "archived", "All": ""}
_METRICS = ("impressions", "views", "clicks", "apply_starts", "applications", "interviews", "hires")


def draw(view: View) -> None:
    """The list; for admins also making, editing and linking."""
    if not view.viewer.is_admin:
        _list(view)
        return
    with data.session() as session:
        waiting = list_waiting(session, view.company)
        ignored = list_waiting(session, view.company, ignored=True)
    with view.actions:
        if st.button("New posting", icon=":material/add:", key="new_posting", type="primary"):
            posting_forms.new(view)
    many = f"{len(waiting)}+" if len(waiting) >= MOST_ROWS else str(len(waiting))
    postings, links, rules = st.tabs(["Postings", f"Waiting to be linked ({many})", "Link rules"])
    with postings:
        _list(view)
    with links:
        posting_links.waiting(view, waiting, ignored)
    with rules:
        posting_links.rules(view)


def _list(view: View) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        status = st.segmented_control(
            "Status",
            list(_STATUSES),
            default="Open",
            key="status",
            required=True,
            bind="query-params",
            label_visibility="collapsed",
        )
        search = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            label_visibility="collapsed",
            placeholder="Title, requisition, department, location",
            icon=":material/search:",
            width=320,
        )
    wanted = _STATUSES[status or "Open"]
    rows = data.postings(view.company, view.period, view.filters, wanted, search or "")
    if not rows:
        anything = data.postings(view.company, view.period, view.filters, "", "") if search or wanted else []
        _nothing(view, is_narrowed=bool(anything))
        return
    table = postings_table(rows)
    chosen = tables.choose(table, key="postings", alt="Postings with their numbers", zone=view.company.time_zone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        more = " The first 500 are shown: search to narrow them." if len(rows) >= MOST_ROWS else ""
        st.caption(f"{words.counted(len(rows), 'posting')}. Choose a row to see it in full.{more}", width="content")
        export.download(
            table, name=export.file_name("postings", view.company.name, view.period), key="download_postings"
        )
    if chosen is not None:
        _one(view, rows[chosen])


def _nothing(view: View, *, is_narrowed: bool) -> None:
    if is_narrowed:
        shell.nothing_here("**No posting is like that.** Choose another status, or search for something else.")
    elif view.viewer.is_admin:
        shell.nothing_here(
            "**There are no postings yet.** Make one here, or import applications with their postings.",
            path="pages/Import.py" if shell.has_page("pages/Import.py") else "",
            action="Import a file",
            icon=":material/work:",
        )
    else:
        shell.nothing_here("**There are no postings yet.** Ask an admin to make them.", icon=":material/work:")


def postings_table(rows: list[PostingRow]) -> Table:
    """Postings as table and file: a column for each metric that some posting has, and for each currency of spend."""
    told = [name for name in _METRICS if any(name in row.values for row in rows)]
    currencies = sorted({currency for row in rows for currency in row.spend})
    columns = (
        Column("Posting", width="medium"),
        Column("Requisition"),
        Column("Status"),
        *(Column(BY_NAME[name].label, "count", BY_NAME[name].meaning) for name in told),
        *(Column(f"Spend ({currency})", "amount", BY_NAME["spend"].meaning) for currency in currencies),
        Column("Department"),
        Column("Location"),
        Column("Opened", "day"),
        Column("Closed", "day"),
    )
    return Table(columns, tuple(_row(row, told, currencies) for row in rows))


def _row(row: PostingRow, told: list[str], currencies: list[str]) -> tuple[Cell, ...]:
    spend = tuple(Money(row.spend[code], code).amount if code in row.spend else None for code in currencies)
    return (
        row.title,
        row.requisition_ref or None,
        row.status.capitalize(),
        *(row.values.get(name) for name in told),
        *spend,
        row.department or None,
        row.location or None,
        row.opened_on,
        row.closed_on,
    )


def _one(view: View, row: PostingRow) -> None:
    """One posting: who and where, its numbers by platform, and for admins Edit and Close."""
    with st.container(border=True, key="posting"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(words.plain(row.title) or "Untitled", anchor=False, width="content")
            if view.viewer.is_admin:
                with st.container(horizontal=True, width="content", gap="small"):
                    posting_forms.buttons(view, row)
        parts = [row.requisition_ref, row.department, row.location, row.recruiter, row.hiring_manager]
        known = " · ".join(part for part in parts if part)
        st.text(known or "No requisition, department or location given.")
        st.text(f"Hires wanted: {row.target_hires}, hired in the period: {figures.count(row.values.get('hires'))}")
        if row.by_platform:
            tables.show(platforms_table(row), key="posting_platforms", alt="The posting's numbers by platform")
        else:
            st.info("No platform told numbers for this posting in the period.", icon=":material/info:")
        posting_publishing.draw(view, row)


def platforms_table(row: PostingRow) -> Table:
    """One posting's numbers, a row for each platform."""
    told = [name for name in BY_NAME if any(name in values for values in row.by_platform.values())]
    order = [key for key in BY_KEY if key in row.by_platform]
    return Table(
        (Column("Platform"), *(Column(BY_NAME[name].label, "count") for name in told)),
        tuple((palette.label(key), *(row.by_platform[key].get(name) for name in told)) for key in order),
    )
