"""Make, edit, close, reopen and archive a posting."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import streamlit as st

from actions import postings
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import local_day
from domain.postings import LABELS, MOST_HIRES, NARROWING, PostingRefused, checked_pattern
from store.reports.paths import FittingPath, list_fitting_paths
from store.reports.postings import PostingRow, list_known
from ui import data, toasts, words
from ui.shell import View

#: How the career site's pages are tried on a pattern.
_TRIED_DAYS = 7
_MOST_TRIED = 12
_HELP = {
    "requisition_ref": "Your own number of the opening. Platforms that know it are linked by it.",
    "path": "Such as /jobs/staff-nurse. Visits to it are linked to this posting.",
    "slug": "The part of an address that names this posting, such as staff-nurse.",
    "path_pattern": "Other pages about this posting: * is any one part, or the rest of one. Such as /*/jobs/nurse-*.",
    "apply_url": "Where one applies, if not on the page above. An https address.",
    "closed_on": "The last day. The posting closes by itself when it is over, here and where it is published.",
}


def new(view: View) -> None:
    """Open an empty form."""
    st.dialog("New posting", icon=":material/work:", width="large")(_form)(view, None)


def buttons(view: View, row: PostingRow) -> None:
    """Edit, and what its status allows: Close, Reopen, Archive, Bring back."""
    if st.button("Edit", key=f"edit_{row.number}", icon=":material/edit:"):
        st.dialog("Edit a posting", icon=":material/edit:", width="large")(_form)(view, row)
    if row.status == "open":
        st.button("Close", key=f"close_{row.number}", icon=":material/lock:", on_click=_close, args=(view, row))
    else:
        st.button("Reopen", key=f"reopen_{row.number}", icon=":material/lock_open:", on_click=_reopen, args=(view, row))
    if row.status != "archived":
        _archive_button(view, row)
    else:
        st.button(
            "Bring back", key=f"back_{row.number}", icon=":material/unarchive:", on_click=_unarchive, args=(view, row)
        )


def _archive_button(view: View, row: PostingRow) -> None:
    with st.popover("Archive", icon=":material/archive:", width="content"):
        closes = " It closes here and on every platform where it is published." if row.status == "open" else ""
        st.markdown(f"It leaves lists and choices.{closes} Its numbers, applications and links stay.")
        st.button(
            "Archive this posting", key=f"archive_{row.number}", type="primary", on_click=_archive, args=(view, row)
        )


def _form(view: View, row: PostingRow | None) -> None:
    key = f"posting_{row.number if row else 'new'}"
    with data.session() as session:
        known = list_known(session, view.company)
    with st.form(key, border=False):
        values = _who_and_where(key, row, known) | _when(view, key, row) | _pages(key, row)
        with st.container(horizontal=True, gap="small"):
            sent = st.form_submit_button("Save", type="primary", icon=":material/check:")
            tries = st.form_submit_button("Try the pattern", icon=":material/travel_explore:")
    if tries:
        _try(view, values["path_pattern"], row.id if row else None)
    if sent and tried(
        lambda: postings.save_posting(
            running_store(), view.viewer, values, posting_id=row.id if row else None, now=datetime.now(UTC)
        )
    ):
        toasts.later(f"{words.plain(values['title'])} is saved.", icon=":material/check_circle:")
        st.rerun()


def _who_and_where(key: str, row: PostingRow | None, known: Mapping[str, list[str]]) -> dict[str, Any]:
    """Title, requisition, and four fields in words that are there already or in new ones."""
    values: dict[str, Any] = {"title": st.text_input("Title", row.title if row else "", key=f"{key}_title")}
    # A pair of columns for each line: on a phone, where columns stand below each other, the order stays.
    left, right = st.columns(2)
    values["requisition_ref"] = left.text_input(
        LABELS["requisition_ref"],
        row.requisition_ref if row else "",
        key=f"{key}_requisition_ref",
        help=_HELP["requisition_ref"],
    )
    values["target_hires"] = int(
        right.number_input(LABELS["target_hires"], 0, MOST_HIRES, row.target_hires if row else 1, key=f"{key}_wanted")
    )
    for at, name in enumerate(NARROWING):
        held = getattr(row, name) if row else ""
        options = known[name] if not held or held in known[name] else [held, *known[name]]
        if at % 2 == 0:
            left, right = st.columns(2)
        said = (left if at % 2 == 0 else right).selectbox(
            LABELS[name],
            options,
            index=options.index(held) if held else None,
            key=f"{key}_{name}",
            accept_new_options=True,
            placeholder="None, one of yours, or a new one",
        )
        values[name] = said or ""
    return values


def _when(view: View, key: str, row: PostingRow | None) -> dict[str, Any]:
    today = local_day(view.now, view.company.time_zone)
    first, last = today - timedelta(days=30 * 365), today + timedelta(days=5 * 365)
    left, right = st.columns(2)
    opened = row.opened_on if row else today
    closed = row.closed_on if row else None
    return {
        "opened_on": left.date_input("Opened", opened, first, last, key=f"{key}_opened"),
        "closed_on": right.date_input(
            "Closed" if row and row.status != "open" else "Closes",
            closed,
            first,
            last,
            key=f"{key}_closed",
            help=_HELP["closed_on"],
        ),
    }


def _pages(key: str, row: PostingRow | None) -> dict[str, Any]:
    """Where the posting is found on the career site."""
    values: dict[str, Any] = {}
    for at, (name, label) in enumerate(
        (
            ("path", "Path on the career site"),
            ("slug", "Slug"),
            ("path_pattern", "Path pattern"),
            ("apply_url", "Apply address"),
        )
    ):
        held = getattr(row, name) if row else ""
        if at % 2 == 0:
            left, right = st.columns(2)
        side = left if at % 2 == 0 else right
        values[name] = side.text_input(label, held, key=f"{key}_{name}", help=_HELP[name])
    return values


def _try(view: View, pattern: str, posting_id: UUID | None) -> None:
    """Which pages of the last week the pattern fits."""
    try:
        kept = checked_pattern(pattern)
    except PostingRefused as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    if not kept:
        st.info("Write a path pattern to try it.", icon=":material/travel_explore:")
        return
    since = view.now - timedelta(days=_TRIED_DAYS)
    with data.session() as session:
        found, heard = list_fitting_paths(session, view.company, kept, since=since, posting_id=posting_id)
    if not heard:
        st.info(f"The tracker has heard no page in the last {_TRIED_DAYS} days: there is nothing to try it on.")
        return
    said = tried_words(found, heard)
    (st.success if found else st.warning)(said, icon=":material/travel_explore:")
    for path in found[:_MOST_TRIED]:
        other = f", counted for {path.posting}" if path.posting else ""
        st.text(f"{path.path}  ({words.counted(path.events, 'event')}{other})")


def tried_words(found: list[FittingPath], heard: int) -> str:
    """What came of trying a pattern.

    >>> tried_words([FittingPath("/a", 3), FittingPath("/b", 1, "Nurse")], 40)
    'These 2 paths of the last week match, of 40. 1 of them belongs to another posting already.'
    """
    if not found:
        return f"None of the {words.counted(heard, 'path')} of the last week matches."
    verb = "path of the last week matches" if len(found) == 1 else "paths of the last week match"
    said = f"{'This' if len(found) == 1 else 'These'} {len(found):,} {verb}, of {heard:,}."
    others = sum(bool(path.posting) for path in found)
    taken = f" {others} of them {'belongs' if others == 1 else 'belong'} to another posting already." if others else ""
    return said + taken


def _close(view: View, row: PostingRow) -> None:
    today: date = local_day(view.now, view.company.time_zone)
    if tried(lambda: postings.close_posting(running_store(), view.viewer, row.id, today, now=datetime.now(UTC))):
        said = f"{words.plain(row.title)} is closed, here and where it was published. Its numbers stay."
        toasts.later(said, icon=":material/lock:")


def _reopen(view: View, row: PostingRow) -> None:
    if tried(lambda: postings.reopen_posting(running_store(), view.viewer, row.id, now=datetime.now(UTC))):
        toasts.later(f"{words.plain(row.title)} is open again.", icon=":material/lock_open:")


def _archive(view: View, row: PostingRow) -> None:
    if tried(lambda: postings.archive_posting(running_store(), view.viewer, row.id, now=datetime.now(UTC))):
        said = f"{words.plain(row.title)} is archived. Its numbers stay; choose Archived above the list to see it."
        toasts.later(said, icon=":material/archive:")


def _unarchive(view: View, row: PostingRow) -> None:
    if tried(lambda: postings.unarchive_posting(running_store(), view.viewer, row.id, now=datetime.now(UTC))):
        toasts.later(f"{words.plain(row.title)} is back, closed as it was.", icon=":material/unarchive:")


def tried(do: Callable[[], object]) -> bool:
    """Do it, or say why it cannot be done."""
    try:
        do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return False
    return True
