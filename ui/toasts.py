"""Toasts that outlive the run that made them: one shown right before a rerun may never reach the browser."""

import streamlit as st

_WAITING = "waiting_toasts"


def later(said: str, icon: str) -> None:
    """Show a toast when the page runs next. `said` is Markdown: foreign text in it must be made plain."""
    st.session_state[_WAITING] = [*st.session_state.get(_WAITING, []), (said, icon)]


def show() -> None:
    """Show what waits, once."""
    for said, icon in st.session_state.pop(_WAITING, []):
        st.toast(said, icon=icon)
