"""Buttons that ask for syncs: one place that calls the actions and tells the person what came of it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

from actions import syncs
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from ui import words


def everything(viewer: Viewer) -> None:
    """Ask every active connection for its newest numbers."""
    _say(lambda: len(syncs.sync_all(running_store(), viewer, now=datetime.now(UTC))), "All connections")


def some(viewer: Viewer, config_ids: Sequence[str], label: str) -> None:
    """Ask the connections of one source for their newest numbers."""


def _say(ask: Callable[[], int], label: str) -> None:
    try:
        number = ask()
    except (NotAllowed, NotFound, ValueError) as error:
        st.toast(f"{words.plain(label)}: {words.plain(str(error))}", icon=":material/error:")
        return
    st.toast(f"{words.plain(label)}: {words.counted(number, 'sync')} asked for.", icon=":material/sync:")
