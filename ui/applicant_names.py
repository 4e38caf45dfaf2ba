"""Names and addresses in full: asked for by an admin, written down, and shown until something else is asked for."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from actions.applicants import MOST_REVEALED, reveal
from actions.running import running_store
from actions.viewer import NotAllowed
from ui import toasts, words
from ui.shell import View

_NAMES = "applicants_names"


def names_of(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, str]]:
    """(Name, e-mail) of those that were asked for; what is no longer on screen is forgotten."""
    held: dict[uuid.UUID, tuple[str, str]] = st.session_state.get(_NAMES, {})
    kept = {one: held[one] for one in ids if one in held}
    if len(kept) != len(held):
        st.session_state[_NAMES] = kept
    return kept


def reveal_button(view: View, ids: Sequence[uuid.UUID]) -> None:
    """The button that shows names and addresses, of those chosen or of the page."""
    some = list(ids)[:MOST_REVEALED]
    st.button(
        f"Show {words.counted(len(some), 'name')}",
        key="reveal_names",
        icon=":material/visibility:",
        help="Who looked at whose name and address is written into the audit log.",
        on_click=_reveal,
        args=(view, some),
    )


def _reveal(view: View, ids: list[uuid.UUID]) -> None:
    try:
        found = reveal(running_store(), view.viewer, ids, now=datetime.now(UTC))
    except NotAllowed as error:
        toasts.later(words.plain(str(error)), icon=":material/lock:")
        return
    st.session_state[_NAMES] = {**st.session_state.get(_NAMES, {}), **found}
