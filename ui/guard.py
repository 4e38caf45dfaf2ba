"""Who may see this page: asked on every run, before anything of it is loaded or drawn."""

from datetime import UTC, datetime

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from actions.running import StoreUnavailable, running_store
from actions.sign_in import SignedIn, find_signed_in
from actions.users import has_users, note_denied
from actions.viewer import Viewer
from settings import current
from store.opening import Store
from ui import entrance

_NAMES = {True: "__Host-sourceboard", False: "sourceboard"}


def require(role: str | None = None) -> Viewer:
    """The signed-in viewer, with `role` where one is given. Otherwise draws the sign-in form or a refusal and stops."""
    try:
        store = running_store()
        found = _signed_in(store)
        if found is None:
            _draw_entrance(store)
            st.stop()
        if role is not None and found.viewer.role != role:
            note_denied(store, found.viewer, _page(), now=datetime.now(UTC))
            st.error("You are not allowed to see this page. Ask an admin for the right to.", icon=":material/lock:")
            st.page_link("Home.py", label="Back to the dashboard", icon=":material/arrow_back:")
            st.stop()
    except (StoreUnavailable, SQLAlchemyError):
        st.error("The database cannot be reached right now. Nothing is lost; reload in a moment.")
        st.stop()
    return found.viewer


def sign_out_button() -> None:
    """The button that ends the session."""
    if st.button("Sign out", icon=":material/logout:", key="sign_out"):
        sign_out()


def sign_out() -> None:
    """Ends the session on the server, deletes the cookie, and stops this run."""
    # The script is a file of ours: pages may not run inline scripts.
    st.html('<script src="/auth/leave.js"></script>', unsafe_allow_javascript=True)
    st.stop()


def _signed_in(store: Store) -> SignedIn | None:
    settings = current()
    token = st.context.cookies.get(_NAMES[settings.is_https], "")
    return find_signed_in(store, settings, token, now=datetime.now(UTC)) if token else None


def _draw_entrance(store: Store) -> None:
    setup_token = st.query_params.get("setup", "")
    if has_users(store):
        entrance.sign_in_form(store, visit=_visit(), address=_address())
    elif setup_token:
        entrance.set_up_form(store, setup_token, visit=_visit())
    else:
        entrance.awaiting_set_up()


def _visit() -> str:
    return st.context.cookies.get(f"{_NAMES[current().is_https]}-visit", "")


def _address() -> str:
    return st.context.ip_address or "127.0.0.1"


def _page() -> str:
    return (st.context.url or "").partition("?")[0].rpartition("/")[2][:100] or "Home"
