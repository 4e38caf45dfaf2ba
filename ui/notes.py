"""What happened, beside a trend: marks on the chart, the list behind them, and a form for a note by hand."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from actions import annotations
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import Period, local_day
from store.reports.annotations import Note, list_annotations
from store.reports.shapes import Point
from ui import data, export, figures, tables, toasts, words
from ui.charts import Mark
from ui.shell import View
from ui.tables import Column, Table

#: Lines of a mark; the list beside the chart has all.
_MOST_LINES = 6
#: Titles named in a line about several postings.
_MOST_NAMED = 3
_TOGETHER = {"opened": "opened", "closed": "closed", "reopened": "reopened", "archived": "archived"}
_KINDS = {
    "hand": "Note",
    "opened": "Opened",
    "closed": "Closed",
    "reopened": "Reopened",
    "archived": "Archived",
    "retitled": "Retitled",
}
#: Notes by hand that are listed with their button.
_MOST_LISTED = 30


def load(view: View, period: Period) -> list[Note]:
    """What happened in a period. Never remembered: a note does not change the data's version."""
    with data.session() as session:
        return list_annotations(session, view.company, period)


def marks(notes: Sequence[Note], points: Sequence[Point]) -> list[Mark]:
    """A mark for each bucket of a chart in which something happened."""
    starts = [point.start for point in points]
    by_bucket: dict[int, list[Note]] = {}
    for note in notes:
        at = bisect_right(starts, note.day) - 1
        if at >= 0 and note.day < points[at].end:
            by_bucket.setdefault(at, []).append(note)
    return [Mark(starts[at], tuple(lines(held))) for at, held in sorted(by_bucket.items())]


def lines(notes: Sequence[Note]) -> list[str]:
    """Notes in few lines: those by hand first, postings that share a fate in one.

    >>> from datetime import date
    >>> on = date(2026, 3, 2)
    >>> opened = [Note(on, "opened", f"Opened: {title}", None, title) for title in ("Nurse", "Cook", "Porter", "Clerk")]
    >>> lines([*opened, Note(on, "hand", "Job fair")])
    ['Job fair', '4 postings opened: Nurse, Cook, Porter and 1 more']
    """
    told = [f"{note.words} ({note.title})" if note.title else note.words for note in notes if note.kind == "hand"]
    told += [note.words for note in notes if note.kind == "retitled"]
    for kind, fate in _TOGETHER.items():
        these = [note for note in notes if note.kind == kind]
        if len(these) > 1:
            named = ", ".join(note.title or "Untitled" for note in these[:_MOST_NAMED])
            rest = f" and {len(these) - _MOST_NAMED} more" if len(these) > _MOST_NAMED else ""
            told.append(f"{len(these)} postings {fate}: {named}{rest}")
        else:
            told += [note.words for note in these]
    if len(told) > _MOST_LINES:
        told = [*told[: _MOST_LINES - 1], f"and {len(told) - _MOST_LINES + 1} more"]
    return told


def draw(view: View, notes: Sequence[Note], period: Period) -> None:
    """The notes behind the marks, with a form for another one, in a box of their own."""
    with st.expander(f"Notes ({len(notes)})", key="notes_box", icon=":material/sticky_note_2:"):
        _form(view, period)
        mine = [note for note in reversed(notes) if note.kind == "hand"]
        for note in mine[:_MOST_LISTED]:
            _line(view, note)
        if notes:
            table = notes_table(notes)
            tables.show(table, key="notes_table", alt="What happened in the period", height=240)
            export.download(table, name=export.file_name("notes", view.company.name, period), key="download_notes")
        else:
            st.caption("Nothing is noted for these days. Openings and closings of postings appear by themselves.")


def notes_table(notes: Sequence[Note]) -> Table:
    """Notes as table and file, the newest first."""
    columns = (Column("Day", "day"), Column("What"), Column("Words", width="large"), Column("Posting"), Column("By"))
    return Table(
        columns,
        tuple(
            (note.day, _KINDS[note.kind], note.words, note.title or None, note.by or None) for note in reversed(notes)
        ),
    )


def _form(view: View, period: Period) -> None:
    today = local_day(view.now, view.company.time_zone)
    with st.form("note_new", border=False, clear_on_submit=True):
        left, right = st.columns([1, 3])
        day = left.date_input(
            "Day", min(period.last_day, today), today - annotations.FARTHEST + timedelta(days=1), key="note_day"
        )
        said = right.text_input("Note", key="note_words", max_chars=annotations.LONGEST_NOTE)
        sent = st.form_submit_button("Add a note", icon=":material/add:")
    if not sent or day is None:
        return
    try:
        annotations.add_note(running_store(), view.viewer, day, said, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(f"Noted for {figures.day(day)}.", icon=":material/sticky_note_2:")
    st.rerun()


def _line(view: View, note: Note) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        by = f" ({note.by})" if note.by else ""
        st.text(f"{figures.day(note.day)}: {note.words}{by}", width="stretch")
        if view.viewer.is_admin or note.author_id == view.viewer.user_id:
            st.button(
                "",
                key=f"note_{note.id}",
                icon=":material/delete:",
                type="tertiary",
                help="Take this note away",
                on_click=_delete,
                args=(view, note),
            )


def _delete(view: View, note: Note) -> None:
    if note.id is None:
        return
    try:
        annotations.delete_note(running_store(), view.viewer, note.id, now=datetime.now(UTC))
    except (NotAllowed, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later("The note is taken away.", icon=":material/delete:")
