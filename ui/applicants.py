"""Applicants: the list with its filters, page by page; one applicant when a row is chosen or the address names one."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from actions.running import running_store
from domain.stages import STAGES
from store.reports.applicants import (
    ApplicantRow,
    Applicants,
    Place,
    count_applicants,
    list_applicants,
    opener,
    search_applicants,
)
from ui import (
    applicant,
    applicant_stages,
    applicant_words,
    data,
    export,
    figures,
    filters,
    palette,
    posting_picker,
    shell,
    tables,
    words,
)
from ui.applicant_names import names_of, reveal_button
from ui.shell import View
from ui.tables import Cell, Column, Table

PAGE = 50
#: Applicants of a file that are read together.
_AT_ONCE = 500
#: Further than this nobody counts on screen.
MOST_COUNTED = 10_000
_REFERRED = {"All": None, "Referred": True, "Not referred": False}
_ORDERS = {"Newest first": False, "Oldest first": True}
_ANY = "Any"
_PLACE = "applicants_place"
_HINTS = ("Choose a row to open it.", "Choose one row to open it.")
_COUNTED = (
    "These are all applications that files, webhooks, the tracker and programs have told of. Where a platform reports"
    " applications itself, the dashboard counts by its report: so the two need not be equal. “View details” there says"
    " what each has told."
)


def draw(view: View) -> None:
    """One applicant, or the list; for admins also changes made by hand, and the words for stages."""
    if st.query_params.get(applicant.APPLICANT):
        applicant.draw(view, st.query_params[applicant.APPLICANT])
        return
    if not view.viewer.is_admin:
        _list(view)
        return
    people, changes, stage_words = st.tabs(["Applicants", "Changes by hand", "Words for stages"])
    with people:
        _list(view)
    with changes:
        applicant_stages.history(view)
    with stage_words:
        applicant_words.draw(view)


def _list(view: View) -> None:
    wanted, sought = _asked(view)
    if sought:
        _found(view, sought)
        return
    place = _place(view, wanted)
    with data.session() as session:
        masked = opener(running_store().vault, "applications", personal=False)
        rows = list_applicants(session, view.company, wanted, masked, place=place, limit=PAGE + 1)
        count = count_applicants(session, view.company, wanted, most=MOST_COUNTED)
    turned = bool(place and place.is_end)
    has_more = len(rows) > PAGE
    rows = (rows[1:] if turned else rows[:PAGE]) if has_more else rows
    if not rows:
        st.session_state.pop(_PLACE, None)
        _nothing(view)
        return
    whole = count if has_more or place is not None else 0
    chosen = _table(view, rows, (wanted, place), whole)
    has_earlier, has_later = (has_more if turned else place is not None), (turned or has_more)
    _turn(view, wanted, rows, count, has_earlier=has_earlier, has_later=has_later)
    if view.viewer.is_admin:
        applicant_stages.bar(view, [rows[at].id for at in chosen], wanted, count)


def _asked(view: View) -> tuple[Applicants, str]:
    """The filters, and what is searched for instead ("" for nothing)."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        names = posting_picker.offered(
            view, "applicants_posting", also=[filters.asked_posting_id()], in_full=True, width=280
        )
        options = [_ANY, *names]
        asked = filters.asked_posting(names) or _ANY
        posting = st.selectbox("Posting", options, options.index(asked), key="applicants_posting", width=240)
        stage = st.selectbox(
            "Stage", [_ANY, *(one.capitalize() for one in STAGES)], key="applicants_stage", bind="query-params",
            width=150,
        )  # fmt: skip
        referred = st.selectbox("Referral", list(_REFERRED), key="applicants_referred", bind="query-params", width=150)
        order = st.selectbox("Order", list(_ORDERS), key="applicants_order", bind="query-params", width=150)
        search = st.text_input(
            "Search",
            key="applicants_search",
            placeholder="Exact e-mail, or an application's id",
            icon=":material/search:",
            width=280,
            help="Looks through applications of all days. Addresses are stored sealed, so only a whole one is found.",
        )
    wanted = Applicants(
        view.period,
        view.filters,
        "" if stage == _ANY else stage.casefold(),
        names.get(posting),
        _REFERRED[referred],
        _ORDERS[order],
    )
    return wanted, search.strip()


def _found(view: View, sought: str) -> None:
    """What an exact e-mail or a name of an application finds, of any day."""
    vault = running_store().vault
    email = vault.digest("email-bidx", sought) if "@" in sought else ""
    with data.session() as session:
        masked = opener(vault, "applications", personal=False)
        rows = search_applicants(session, view.company, (email, sought), masked, limit=PAGE)
    if not rows:
        shell.nothing_here("**Nobody is found.** Search for a whole e-mail address, or for an application's exact id.")
        return
    chosen = _table(view, rows, sought)
    st.caption(f"{words.counted(len(rows), 'application')} of any day.")
    if view.viewer.is_admin:
        applicant_stages.bar(view, [rows[at].id for at in chosen], None, len(rows))


def _nothing(view: View) -> None:
    if not view.is_connected and view.viewer.is_admin:
        shell.nothing_here(
            "**No application is known yet.** Import an export of your applicant system, or let it deliver them by a"
            " webhook.",
            path="pages/Import.py",
            action="Import a file",
            icon=":material/groups:",
        )
    elif view.viewer.is_admin:
        shell.nothing_here(
            "**Nobody applied on these days who fits the filters.** Choose other days or filters, or import an export"
            " of your applicant system.",
            path="pages/Import.py",
            action="Import a file",
            icon=":material/groups:",
        )
    else:
        shell.nothing_here(
            "**Nobody applied on these days who fits the filters.** Choose other days or filters.",
            icon=":material/groups:",
        )


def _table(view: View, rows: list[ApplicantRow], asked: Any, whole: int = 0) -> list[int]:
    """The rows on screen as table and file; which are chosen. A name in full is shown once it was asked for.

    `whole` is how many there are, where these are a page of them.
    """
    named = names_of([row.id for row in rows])
    shown = [replace(row, candidate_name=named[row.id][0], candidate_email=named[row.id][1]) if row.id in named else row
             for row in rows]  # fmt: skip
    table = applicants_table(shown)
    chosen = tables.choose_many(
        # What was chosen on one page is not chosen on the next.
        table,
        key=f"applicants_{_mark(asked)}",
        alt="Applicants with their stages",
        zone=view.company.time_zone,
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        one = rows[chosen[0]] if len(chosen) == 1 else None
        if one is not None:
            if st.button("Open the applicant", key="open_applicant", icon=":material/person_search:", type="primary"):
                st.query_params[applicant.APPLICANT] = str(one.id)
                st.rerun()
        else:
            st.caption(f"{_HINTS[len(chosen) > 1]} {masked_words(len(rows), len(named))}".strip(), width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            if view.viewer.is_admin:
                reveal_button(view, [rows[at].id for at in chosen] or [row.id for row in rows])
            export.download(
                applicants_table(rows),
                name=export.file_name("applicants", view.company.name, view.period),
                key="download_applicants",
            )
            if whole:
                export.download_all(
                    partial(_whole, view, asked[0]),
                    number=whole,
                    name=export.file_name("applicants", view.company.name, view.period),
                    key="download_all_applicants",
                )
    return chosen


def _whole(view: View, wanted: Applicants) -> Table:
    """All applicants that are wanted, masked, as far as a file goes."""
    masked = opener(running_store().vault, "applications", personal=False)
    rows: list[ApplicantRow] = []
    with data.session() as session:
        while len(rows) < export.MOST_IN_FILE:
            place = Place((rows[-1].applied_at, rows[-1].id)) if rows else None
            some = list_applicants(session, view.company, wanted, masked, place=place, limit=_AT_ONCE)
            rows += some
            if len(some) < _AT_ONCE:
                break
    return applicants_table(rows)


def masked_words(shown: int, named: int) -> str:
    """Of how many applicants on screen names and addresses are masked, where `named` are told in full.

    >>> masked_words(50, 0), masked_words(50, 2), masked_words(50, 50)
    ('Names and addresses are masked.', '48 of 50 names and addresses are masked.', '')
    """
    if not named:
        return "Names and addresses are masked."
    return f"{shown - named:,} of {shown:,} names and addresses are masked." if named < shown else ""


def applicants_table(rows: list[ApplicantRow]) -> Table:
    """Applicants as table and file."""
    columns = (
        Column("Applicant"),
        Column("E-mail"),
        Column("Posting", width="medium"),
        Column("Source"),
        Column("Stage"),
        Column("Applied", "instant"),
        Column("Application id"),
        Column("Told by"),
    )
    return Table(columns, tuple(_cells(row) for row in rows))


def _cells(row: ApplicantRow) -> tuple[Cell, ...]:
    return (
        row.candidate_name or None,
        row.candidate_email or None,
        row.posting_title or None,
        _source(row),
        row.stage.capitalize(),
        row.applied_at,
        row.external_ref,
        applicant.TELLERS.get(row.told_by, row.told_by),
    )


def _source(row: ApplicantRow) -> str:
    label = palette.label(row.platform)
    return f"{label} · {row.source}" if row.source and row.source != label else label


def _place(view: View, wanted: Applicants) -> Place | None:
    """Where the page on screen begins. Other filters begin at the first page again."""
    held: Mapping[str, Place] = st.session_state.get(_PLACE, {})
    return held.get(_mark((view.company.id, wanted)))


def _mark(asked: object) -> str:
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest()[:16]


def _turn(
    view: View, wanted: Applicants, rows: list[ApplicantRow], count: int, *, has_earlier: bool, has_later: bool
) -> None:
    ends = {"previous": Place((rows[0].applied_at, rows[0].id), is_end=True),
            "next": Place((rows[-1].applied_at, rows[-1].id))}  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for name, label, icon, is_there in (
            ("previous", "Previous", ":material/chevron_left:", has_earlier),
            ("next", "Next", ":material/chevron_right:", has_later),
        ):
            st.button(
                label,
                key=f"applicants_{name}",
                icon=icon,
                disabled=not is_there,
                on_click=_go,
                args=(_mark((view.company.id, wanted)), ends[name]),
            )
        many = f"more than {figures.count(MOST_COUNTED)}" if count > MOST_COUNTED else figures.count(count)
        st.caption(f"{len(rows)} shown of {many}.", width="content")
    st.caption(_COUNTED)


def _go(asked: str, place: Place) -> None:
    st.session_state[_PLACE] = {asked: place}
