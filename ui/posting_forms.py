"""Make, edit, close and reopen a posting."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from actions import postings
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import local_day
from store.reports.postings import PostingRow
from ui import toasts, words
from ui.shell import View

_TEXTS = (
    ("requisition_ref", "Requisition", "Your own number of the opening. Platforms that know it are linked by it."),
    ("department", "Department", ""),
    ("location", "Location", ""),
    ("recruiter", "Recruiter", ""),
    ("hiring_manager", "Hiring manager", ""),
    ("path", "Path on the career site", "Such as /jobs/staff-nurse. Visits to it are linked to this posting."),
)


def new(view: View) -> None:
    """Open an empty form."""
    st.dialog("New posting", icon=":material/work:")(_form)(view, None)


def buttons(view: View, row: PostingRow) -> None:
    """Edit, and Close or Reopen."""
    if st.button("Edit", key=f"edit_{row.number}", icon=":material/edit:"):
        st.dialog("Edit a posting", icon=":material/edit:")(_form)(view, row)
    if row.status == "open":
        st.button("Close", key=f"close_{row.number}", icon=":material/lock:", on_click=_close, args=(view, row))
    else:
        st.button("Reopen", key=f"reopen_{row.number}", icon=":material/lock_open:", on_click=_reopen, args=(view, row))


def _form(view: View, row: PostingRow | None) -> None:
    key = f"posting_{row.number if row else 'new'}"
    with st.form(key, border=False):
        values: dict[str, Any] = {"title": st.text_input("Title", row.title if row else "", key=f"{key}_title")}
        left, right = st.columns(2)
        for at, (name, label, meaning) in enumerate(_TEXTS):
            side = left if at % 2 == 0 else right
            held = getattr(row, name) if row else ""
            values[name] = side.text_input(label, held, key=f"{key}_{name}", help=meaning or None)
        today = local_day(view.now, view.company.time_zone)
        values["opened_on"] = left.date_input("Opened", row.opened_on if row else today, key=f"{key}_opened")
        values["target_hires"] = int(
            right.number_input(
                "Hires wanted", 0, postings.MOST_HIRES, row.target_hires if row else 1, key=f"{key}_wanted"
            )
        )
        sent = st.form_submit_button("Save", type="primary", icon=":material/check:")
    if sent and tried(
        lambda: postings.save_posting(
            running_store(), view.viewer, values, posting_id=row.id if row else None, now=datetime.now(UTC)
        )
    ):
        toasts.later(f"{words.plain(values['title'])} is saved.", icon=":material/check_circle:")
        st.rerun()


def _close(view: View, row: PostingRow) -> None:
    today: date = local_day(view.now, view.company.time_zone)
    if tried(lambda: postings.close_posting(running_store(), view.viewer, row.id, today, now=datetime.now(UTC))):
        said = f"{words.plain(row.title)} is closed, here and where it was published. Its numbers stay."
        toasts.later(said, icon=":material/lock:")


def _reopen(view: View, row: PostingRow) -> None:
    if tried(lambda: postings.reopen_posting(running_store(), view.viewer, row.id, now=datetime.now(UTC))):
        toasts.later(f"{words.plain(row.title)} is open again.", icon=":material/lock_open:")


def tried(do: Callable[[], object]) -> bool:
    """Do it, or say why it cannot be done."""
    try:
        do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return False
    return True
