"""Stages set by hand: for the applicants chosen, for all that match, for one; and changes taken back."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from actions.applicants import MOST_AT_ONCE, REASONS, ChangeDone, Wanted, change_stage, undo_change
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import local_day
from domain.stages import STAGES
from store.reports.applicants import Applicants, list_ids
from store.reports.stages import StageChangeRow, list_changes
from ui import data, figures, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

_CHOSEN, _MATCHING = "The ones chosen", "All that match the filters"


def bar(view: View, chosen: Sequence[uuid.UUID], wanted: Applicants | None, count: int) -> None:
    """Set the stage of the applicants chosen, or of all that match where those are few enough."""
    can_all = wanted is not None and 0 < count <= MOST_AT_ONCE
    with st.expander("Set their stage", icon=":material/moving:", key="stage_bar"):
        whom = st.radio(
            "Whose",
            [_CHOSEN, _MATCHING] if can_all else [_CHOSEN],
            format_func=lambda one: f"{one} ({figures.count(len(chosen) if one == _CHOSEN else count)})",
            horizontal=True,
            key="stage_whose",
        )
        if wanted is not None and not can_all:
            st.caption(
                f"At most {figures.count(MOST_AT_ONCE)} can be changed at a time: narrow the list for all of it."
            )
        number = count if whom == _MATCHING else len(chosen)
        stage, day = _form(view, "bulk")
        st.caption("Who has reached the stage before keeps the day of it. Anything can be taken back.")
        label = f"Set {words.counted(number, 'applicant')} to {stage.capitalize()}"
        if st.button(label, key="set_stages", type="primary", icon=":material/check:", disabled=not number):
            ids = _matching(view, wanted) if whom == _MATCHING and wanted is not None else list(chosen)
            _change(view, ids, Wanted(stage, day))


def one(view: View, application_id: uuid.UUID, present: str) -> None:
    """Set the stage of one applicant, or correct its day."""
    with st.expander("Set the stage", icon=":material/moving:", key="stage_one"):
        stage, day = _form(view, "one", present=present)
        st.caption(
            "What you say goes before what any system tells, also a step back: a stage taken back stays so when it is"
            " imported again. What happens after today counts again."
        )
        if st.button(f"Set to {stage.capitalize()}", key="set_stage", type="primary", icon=":material/check:"):
            _change(view, [application_id], Wanted(stage, day, moves_dates=True))


def _form(view: View, name: str, *, present: str = "") -> tuple[str, date | None]:
    """The stage and the day; of one applicant, at the `present` stage, the day may stay open."""
    today = local_day(view.now, view.company.time_zone)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        stage = st.selectbox(
            "Stage",
            STAGES,
            index=STAGES.index(present) if present else 1,
            format_func=str.capitalize,
            key=f"stage_choice_{name}",
            width=180,
        )
        day = st.date_input(
            "Since",
            None if present else today,
            max_value=today,
            key=f"stage_day_{name}",
            width=180,
            help="Empty: the day that is known already, else today." if present else None,
        )
    return stage, day


def _matching(view: View, wanted: Applicants) -> list[uuid.UUID]:
    with data.session() as session:
        return list_ids(session, view.company, wanted, limit=MOST_AT_ONCE)


def _change(view: View, ids: list[uuid.UUID], wanted: Wanted) -> None:
    shown = st.progress(0.0, "Changing …")
    try:
        done = change_stage(
            running_store(),
            view.viewer,
            ids,
            wanted,
            now=datetime.now(UTC),
            progress=lambda share: _tell(shown, share),
        )
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(said(done, wanted.stage), icon=":material/moving:")
    st.rerun()


def _tell(shown: DeltaGenerator, share: float) -> None:
    shown.progress(share, "Changing …")


def said(done: ChangeDone, stage: str) -> str:
    """What became of a change, in words.

    >>> said(ChangeDone(uuid.UUID(int=1), 3, 1, {"before_applied": 2}), "hired")
    '3 applicants set to Hired. 1 stood there already. 2 left as they are: the day lies before they applied.'
    """
    parts = [f"{words.counted(done.changed, 'applicant')} set to {stage.capitalize()}."]
    if done.unchanged:
        parts.append(f"{figures.count(done.unchanged)} stood there already.")
    parts += [f"{figures.count(many)} left as they are: {REASONS[reason]}." for reason, many in done.refused.items()]
    return " ".join(parts)


def history(view: View) -> None:
    """Changes made by hand, newest first, each of which can be taken back."""
    with data.session() as session:
        rows = list_changes(session, view.company)
    if not rows:
        st.info("Nobody has set a stage by hand yet.", icon=":material/info:")
        return
    chosen = tables.choose(
        changes_table(rows), key="stage_changes", alt="Stages set by hand", zone=view.company.time_zone
    )
    st.caption("Choose a change to take it back. What was told otherwise meanwhile stays.")
    if chosen is None:
        return
    row = rows[chosen]
    if row.undone_at is not None:
        st.caption(f"It was taken back {view.moment(row.undone_at)}.")
    elif st.button(
        f"Take it back from {words.counted(row.changed, 'applicant')}", key="undo_change", icon=":material/undo:"
    ):
        _undo(view, row)


def changes_table(rows: Sequence[StageChangeRow]) -> Table:
    """Changes as a table."""
    columns = (
        Column("Set to"),
        Column("When", "instant"),
        Column("By"),
        Column("Changed", "count"),
        Column("Stood there", "count", "They were at this stage already."),
        Column("Left as they are", "count", "The day lay before they applied, or before an earlier stage."),
        Column("Taken back", "instant"),
    )
    return Table(
        columns,
        tuple(
            (row.stage.capitalize(), row.made_at, row.made_by or None, row.changed, row.unchanged, row.refused,
             row.undone_at)
            for row in rows
        ),
    )  # fmt: skip


def _undo(view: View, row: StageChangeRow) -> None:
    try:
        undone = undo_change(running_store(), view.viewer, row.id, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(f"Taken back from {words.counted(undone, 'applicant')}.", icon=":material/undo:")
    st.rerun()
