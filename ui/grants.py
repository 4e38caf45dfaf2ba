"""Connect in the browser: off to the platform's consent page, and back to the form with what was granted."""

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from actions import grants
from actions.grants import Waiting
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from connectors.contract import Choice, Connector
from settings import current
from ui import words

_PARAMETER = "grant"


def button(kind: type[Connector[Any]]) -> bool:
    """The button to the platform inside a form, for platforms that have one; whether it was pressed."""
    if kind.oauth is None:
        return False
    return st.form_submit_button(f"Connect with {_provider(kind)}", icon=":material/login:")


def explain(kind: type[Connector[Any]]) -> None:
    """What the platform's app must know of us, above the form."""
    if kind.oauth is None:
        return
    has_client = current().oauth_client(kind.oauth.client_env) is not None
    client = "" if has_client else " Fill in the client ID and secret of your app there first."
    st.caption(
        f"“Connect with {_provider(kind)}” asks for access in your browser.{client} The app's redirect address is"
        f" `{back_to()}`."
    )


def back_to() -> str:
    """The address platforms send people back to: the one this page was opened at, unless PUBLIC_URL says another."""
    base = current().public_url.rstrip("/") or f"http://{st.context.headers.get('Host', 'localhost')}"
    return base + grants.CALLBACK


def leave(viewer: Viewer, kind: type[Connector[Any]], config_id: str | None, values: Mapping[str, object]) -> None:
    """Send the browser to the platform's consent page, or say why not."""
    try:
        state = grants.begin(
            running_store(),
            current(),
            viewer,
            kind.key,
            values,
            back_to=back_to(),
            now=datetime.now(UTC),
            config_id=config_id,
        )
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    st.html(
        f'<script src="/auth/connect.js" data-state="{html.escape(state, quote=True)}"></script>',
        unsafe_allow_javascript=True,
    )
    st.write(f"Taking you to {_provider(kind)} …")


def come_back(viewer: Viewer) -> Waiting | None:
    """The grant that somebody has just come back with; None where nobody has, or it is too old."""
    state = st.query_params.pop(_PARAMETER, "")
    if not state:
        return None
    waiting = grants.find_waiting(running_store(), viewer, state, now=datetime.now(UTC))
    if waiting is None:
        st.error("This consent is not known or too old. Press the button again.", icon=":material/error:")
        return None
    if waiting.words:
        grants.forget(running_store(), viewer, state)
        st.error(f"Nothing was connected. {waiting.words} {waiting.cure}", icon=":material/error:")
        if waiting.detail:
            st.caption("The platform's own words")
            st.text(waiting.detail)
        return None
    return waiting


def choose(waiting: Waiting, key: str) -> Choice | None:
    """What was granted, and which of its accounts to connect; None where there is nothing to choose."""
    until = f" until {waiting.refresh_ends_at:%d %B %Y}" if waiting.refresh_ends_at else ""
    st.success(f"Access was granted{until}.", icon=":material/check_circle:")
    if waiting.scopes:
        st.caption("Granted: " + words.plain(", ".join(waiting.scopes)))
    if not waiting.choices:
        return None
    return st.selectbox(
        "Account", waiting.choices, format_func=lambda choice: f"{choice.label} ({choice.ref})", key=f"{key}__account"
    )


def _provider(kind: type[Connector[Any]]) -> str:
    """Whose consent page it is."""
    return "Google" if kind.oauth is not None and kind.oauth.client_env == "GOOGLE" else kind.label
