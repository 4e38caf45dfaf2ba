"""What is done about an address: add it, set or make its secret, end the old one, shut it, run the dead again."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from actions import webhooks
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from connectors.webhooks.registry import RECEIVERS
from store.reports.webhooks import EndpointRow
from ui import own_address, toasts, webhook_registering, words
from ui.shell import View

_COPIED = "webhook_secret_copied"


def add(viewer: Viewer, platform: str, config_id: str | None) -> None:
    """Make the address and show it."""
    done = _tried(
        lambda: webhooks.open_endpoint(running_store(), viewer, platform, config_id=config_id, now=datetime.now(UTC))
    )
    if done is not None:
        toasts.later("The address is made. Set its secret next.", icon=":material/webhook:")
        st.rerun()


def buttons(view: View, row: EndpointRow) -> None:
    """The row of buttons under an address."""
    ours = RECEIVERS[row.platform].made_by == "us"
    with st.container(horizontal=True, gap="small"):
        label = ("Make a new secret" if row.has_secret else "Make the secret") if ours else "Set the secret"
        if st.button(label, key=f"webhook_secret_{row.id}", icon=":material/key:", type=_weight(row)):
            st.dialog(label, icon=":material/key:")(_secret)(view, row)
        if row.previous_until and st.button("End the old secret now", key=f"webhook_end_{row.id}"):
            _done(lambda: webhooks.end_overlap(running_store(), view.viewer, row.id, now=datetime.now(UTC)), "Ended.")
        if row.dead + row.unknown and st.button(
            f"Apply {row.dead + row.unknown:,} again", key=f"webhook_again_all_{row.id}", icon=":material/replay:"
        ):
            _done(
                lambda: webhooks.run_again(running_store(), view.viewer, row.id, now=datetime.now(UTC)),
                "They will be applied in a moment.",
            )
        webhook_registering.buttons(view, row)
        switch = "Shut the address" if row.is_open else "Open the address"
        if st.button(switch, key=f"webhook_switch_{row.id}", icon=":material/power_settings_new:"):
            _done(
                lambda: webhooks.set_open(
                    running_store(), view.viewer, row.id, is_open=not row.is_open, now=datetime.now(UTC)
                ),
                "The address is shut." if row.is_open else "The address is open.",
            )


def _weight(row: EndpointRow) -> Any:
    return "secondary" if row.has_secret else "primary"


def _secret(view: View, row: EndpointRow) -> None:
    """Take a secret from the platform, or make one and show it this once."""
    if st.session_state.pop(_COPIED, False):
        st.rerun()
    receiver = RECEIVERS[row.platform]
    typed, overlap = "", "none"
    # In a form, what was typed counts also where the focus went on to the field's own eye.
    with st.form("webhook_secret", border=False):
        if receiver.made_by == "platform":
            typed = st.text_input(
                receiver.key_label, type="password", key="webhook_secret_text", autocomplete="off", max_chars=500
            )
            st.caption("It is stored encrypted and never shown again.")
        if row.has_secret:
            overlap = st.selectbox("How long is the present secret still taken?", list(webhooks.OVERLAPS), index=1)
        go = "Save the secret" if receiver.made_by == "platform" else "Make it"
        is_sent = st.form_submit_button(go, type="primary")
    if not is_sent:
        return
    if receiver.made_by == "platform" and not typed.strip():
        st.error("Paste the secret first.", icon=":material/error:")
        return
    try:
        shown = webhooks.change_secret(
            running_store(), view.viewer, row.id, typed, overlap=webhooks.OVERLAPS[overlap], now=datetime.now(UTC)
        )
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    if shown is None:
        toasts.later("The secret is saved.", icon=":material/key:")
        st.rerun()
    _show_once(row, shown.secret)


def _show_once(row: EndpointRow, secret: str) -> None:
    receiver = RECEIVERS[row.platform]
    st.success("Copy it now: it is not shown again.", icon=":material/key:")
    base = f"{own_address.base()}/api/webhooks/{row.platform}/{row.hook_id}"
    st.code(f"{base}/{secret}" if receiver.has_key_in_url else secret, language=None, wrap_lines=True)
    # The dialog's next run begins without the button that made the secret: this one has to be remembered.
    st.button("I have copied it", key="webhook_secret_done", on_click=_remember_copied)


def _remember_copied() -> None:
    st.session_state[_COPIED] = True


def _done(do: Callable[[], object], said: str) -> None:
    if _tried(lambda: (do(), True)) is not None:
        toasts.later(said, icon=":material/webhook:")
        st.rerun()


def _tried(do: Callable[[], Any]) -> Any:
    """What it gives; None, with the reason on screen, where it cannot be done."""
    try:
        return do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return None
