"""The files imported so far, each with what it did and the button that takes it back."""

from datetime import UTC, datetime

import streamlit as st

from actions.imports import NotUndoable, PastImport, list_imports, undo_import
from actions.running import running_store
from domain.platforms import BY_KEY
from ui import shell, words
from ui.shell import View

_STATES: dict[str, tuple[str, words.Color, str]] = {
    "imported": ("Imported", "green", ":material/check_circle:"),
    "running": ("Running", "orange", ":material/sync:"),
    "undone": ("Undone", "gray", ":material/undo:"),
    "stuck": ("Broke off", "red", ":material/error:"),
    "failed": ("Failed, nothing kept", "red", ":material/error:"),
}
_UNDONE = "import_undone"


def draw(view: View) -> None:
    """The history, the newest first."""
    st.subheader("Imported files", anchor=False)
    said = st.session_state.pop(_UNDONE, "")
    if said:
        st.success(said, icon=":material/undo:")
    past = list_imports(running_store(), view.viewer, now=datetime.now(UTC))
    if not past:
        shell.nothing_here("No file was imported yet. Drop one above.", icon=":material/upload_file:")
    for entry in past:
        _line(view, entry)


def _line(view: View, entry: PastImport) -> None:
    label, color, icon = _STATES["stuck" if entry.is_stuck else entry.state]
    about = BY_KEY[entry.platform].label if entry.platform else entry.kind.capitalize()
    with st.container(border=True, key=f"import_{entry.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(entry.file_name)}** · {about}", width="content")
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                st.badge(label, icon=icon, color=color)
                is_undone = (entry.state == "imported" or entry.is_stuck) and _wants_undo(entry)
        st.caption(
            f"{view.moment(entry.created_at)} by {words.plain(entry.by or 'somebody')} · {entry.inserted:,} new · "
            f"{entry.updated:,} changed · {entry.unchanged:,} unchanged · "
            f"{words.counted(entry.rejected, 'row')} rejected"
        )
        if is_undone:
            _undo(view, entry)


def _wants_undo(entry: PastImport) -> bool:
    with st.popover("Undo", icon=":material/undo:", width="content"):
        st.markdown("What this file brought goes, and what it replaced comes back.")
        return st.button("Undo this import", key=f"undo_{entry.id}", type="primary")


def _undo(view: View, entry: PastImport) -> None:
    try:
        undone = undo_import(running_store(), view.viewer, entry.id, now=datetime.now(UTC))
    except NotUndoable as refusal:
        st.error(str(refusal))
        return
    kept = f" {undone.kept:,} stay, because something told them again since." if undone.kept else ""
    st.session_state[_UNDONE] = (
        f"{words.plain(entry.file_name)} was undone: {undone.removed:,} removed, {undone.restored:,} restored.{kept}"
    )
    st.rerun()
