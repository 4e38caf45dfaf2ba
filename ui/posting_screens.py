"""Postings with their numbers, one posting in full, and what waits to be linked."""

from uuid import UUID

import streamlit as st

from domain.metrics import BY_NAME
from domain.money import Money
from domain.platforms import BY_KEY
from domain.postings import LABELS, NARROWING
from store.reports.postings import MOST_ROWS, PostingRow, find_posting, list_known, list_waiting
from ui import (
    data,
    export,
    figures,
    filters,
    palette,
    posting_details,
    posting_forms,
    posting_links,
    posting_publishing,
    shell,
    tables,
    words,
)
from ui.shell import View
from ui.tables import Cell, Column, Table

_STATUSES = {"Open": "open", "Closed": "closed", "Archived": "archived", "All": ""}
_BADGES: dict[str, tuple[str, words.Color]] = {
    "open": (":material/lock_open:", "green"),
    "closed": (":material/lock:", "gray"),
    "archived": (":material/archive:", "gray"),
}
_UNKNOWN = "No requisition, department or location given."
_METRICS = ("impressions", "views", "clicks", "apply_starts", "applications", "interviews", "hires")


def draw(view: View) -> None:
    """The posting that the address names, until another one is chosen, and the list; for admins also making, editing
    and linking."""
    top = st.container()
    if not (_list(view) if not view.viewer.is_admin else _tabs(view)):
        with top:
            _asked_for(view)


def _tabs(view: View) -> bool:
    """The list, what waits, and the rules. Whether a posting was chosen."""
    with data.session() as session:
        waiting = list_waiting(session, view.company)
        ignored = list_waiting(session, view.company, ignored=True)
    with view.actions:
        if st.button("New posting", icon=":material/add:", key="new_posting", type="primary"):
            posting_forms.new(view)
    many = f"{len(waiting)}+" if len(waiting) >= MOST_ROWS else str(len(waiting))
    postings, links, rules = st.tabs(["Postings", f"Waiting to be linked ({many})", "Link rules"])
    with postings:
        is_chosen = _list(view)
    with links:
        posting_links.waiting(view, waiting, ignored)
    with rules:
        posting_links.rules(view)
    return is_chosen


def _list(view: View) -> bool:
    """Postings with their numbers, and the one that is chosen in full. Whether one is."""
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
        narrowed = _narrowing(view)
    wanted = _STATUSES[status or "Open"]
    rows = data.postings(view.company, view.period, view.filters, wanted, search or "", narrowed)
    if not rows:
        anything = data.postings(view.company, view.period, view.filters, "", "")
        _nothing(view, is_narrowed=bool(anything))
        return False
    table = postings_table(rows)
    chosen = tables.choose(table, key="postings", alt="Postings with their numbers", zone=view.company.time_zone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{count_words(len(rows))} Choose a row to see it in full.", width="content")
        export.download(
            table, name=export.file_name("postings", view.company.name, view.period), key="download_postings"
        )
    if chosen is not None:
        _one(view, rows[chosen])
    return chosen is not None


def count_words(shown: int) -> str:
    """How many postings are on the list, where there may be more than fit.

    >>> count_words(1), count_words(500)
    ('1 posting.', 'The first 500 postings by title: search or narrow for others.')
    """
    if shown < MOST_ROWS:
        return f"{words.counted(shown, 'posting')}."
    return f"The first {words.counted(shown, 'posting')} by title: search or narrow for others."


def _narrowing(view: View) -> dict[str, list[str]]:
    """Departments, locations, recruiters and hiring managers to keep; the address holds them."""
    with data.session() as session:
        known = list_known(session, view.company)
    # Values of the address that nobody has any more narrow to nothing rather than to everything.
    asked = {name: [value for value in st.query_params.get_all(name) if value] for name in NARROWING}
    chosen = {name: list(st.session_state.get(name) or asked[name]) for name in NARROWING}
    number = sum(map(len, chosen.values()))
    with st.popover(f"Narrow ({number})" if number else "Narrow", icon=":material/filter_list:", width="content"):
        for name in NARROWING:
            options = sorted({*known[name], *chosen[name]})
            chosen[name] = st.multiselect(
                LABELS[name], options, key=name, bind="query-params", placeholder="All", width=320
            )
    return chosen


def _asked_for(view: View) -> None:
    """The posting that the address names: what other screens and messages lead to."""
    told = st.query_params.get(filters.POSTING, "")
    if not told:
        return
    try:
        posting_id = UUID(told)
    except ValueError:
        row = None
    else:
        with data.session() as session:
            row = find_posting(session, view.company, view.period, view.filters, posting_id)
    if row is None:
        st.warning("The posting in the address is not one of yours.", icon=":material/info:")
        return
    _one(view, row)


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
        Column("Recruiter"),
        Column("Hiring manager"),
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
        row.recruiter or None,
        row.hiring_manager or None,
        row.opened_on,
        row.closed_on,
    )


def _one(view: View, row: PostingRow) -> None:
    """One posting: who and where, its numbers by platform, where it is published, its names and its history."""
    with st.container(border=True, key="posting"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                st.subheader(words.plain(row.title) or "Untitled", anchor=False, width="content")
                icon, color = _BADGES[row.status]
                st.badge(row.status.capitalize(), icon=icon, color=color)
            if view.viewer.is_admin:
                with st.container(horizontal=True, width="content", gap="small"):
                    posting_forms.buttons(view, row)
        st.text(" · ".join(part for part in (row.requisition_ref, row.department, row.location) if part) or _UNKNOWN)
        st.text(" · ".join(_facts(row)))
        posting_details.links(view, row)
        if row.by_platform:
            tables.show(platforms_table(row), key="posting_platforms", alt="The posting's numbers by platform")
        else:
            st.info("No platform told numbers for this posting in the period.", icon=":material/info:")
        posting_publishing.draw(view, row)
        posting_details.draw(view, row)


def _facts(row: PostingRow) -> list[str]:
    """Who is in charge, from when to when, and how many are wanted."""
    people = (("Recruiter", row.recruiter), ("hiring manager", row.hiring_manager))
    told = [f"{role} {name}" for role, name in people if name]
    if row.opened_on:
        told.append(f"opened {figures.day(row.opened_on)}")
    if row.closed_on:
        told.append(f"{'closes after' if row.status == 'open' else 'closed'} {figures.day(row.closed_on)}")
    hired = figures.count(row.values.get("hires"))
    return [*told, f"hires wanted: {row.target_hires}, hired in the period: {hired}"]


def platforms_table(row: PostingRow) -> Table:
    """One posting's numbers, a row for each platform."""
    told = [name for name in BY_NAME if any(name in values for values in row.by_platform.values())]
    order = [key for key in BY_KEY if key in row.by_platform]
    return Table(
        (Column("Platform"), *(Column(tables.metric_heading(name), "count", BY_NAME[name].meaning) for name in told)),
        tuple((palette.label(key), *(row.by_platform[key].get(name) for name in told)) for key in order),
    )
