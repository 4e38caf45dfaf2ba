"""API keys as admins see them: make one and copy it once, see what each may do and when it was used, revoke it."""

from datetime import UTC, datetime

import streamlit as st

from actions import tokens
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.access import BY_NAME, SCOPES
from store.reports.keys import KeyRow, list_keys
from ui import data, own_address, shell, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

_COPIED = "api_key_copied"
_LIVES = {"30 days": 30, "90 days": 90, "1 year": 365, "Until it is revoked": None}
_USUAL = ("metrics:read",)


def draw(view: View) -> None:
    """The keys that are good, with what can be done; below them those that are over."""
    with view.actions:
        st.link_button("Documentation", f"{own_address.base()}/api/docs", icon=":material/menu_book:")
        if st.button("New key", type="primary", icon=":material/key:", key="new_api_key"):
            st.dialog("New API key", icon=":material/key:")(_form)(view)
    with data.session() as session:
        rows = list_keys(session, view.company)
    good = [row for row in rows if row.state(view.now) == "good"]
    if not good:
        shell.nothing_here(
            "**No program has a key.** A key lets a program ask for the same numbers that are on the screens, and only"
            " what you allow it. Make one under “New key”.",
            icon=":material/key:",
        )
    for row in good:
        _card(view, row)
    over = [row for row in rows if row not in good]
    if over:
        st.subheader("No longer good", anchor=False)
        tables.show(over_table(over, view.now), key="api_keys_over", alt="Keys that are over", zone=_zone(view))


def over_table(rows: list[KeyRow], now: datetime) -> Table:
    """Keys that were revoked or have run out."""
    columns = (
        Column("Name"),
        Column("Begins with"),
        Column("Made by"),
        Column("State"),
        Column("Since", "instant"),
        Column("Last used", "instant"),
    )
    return Table(
        columns,
        tuple(
            (
                row.name,
                row.prefix,
                row.made_by,
                row.state(now).capitalize(),
                row.revoked_at or row.expires_at,
                row.used_at,
            )
            for row in rows
        ),
    )


def _zone(view: View) -> str:
    return view.company.time_zone


def _card(view: View, row: KeyRow) -> None:
    with st.container(border=True, key=f"api_key_{row.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(row.name)}**", width="content")
            if st.button("Revoke", key=f"revoke_{row.id}", icon=":material/block:"):
                st.dialog("Revoke a key", icon=":material/block:")(_revoke)(view, row)
        labels = [BY_NAME[scope].label for scope in row.scopes if scope in BY_NAME]
        st.text(", ".join(labels))
        used = f"last used {view.moment(row.used_at)}" if row.used_at else "never used"
        until = f"good until {view.moment(row.expires_at)}" if row.expires_at else "good until it is revoked"
        made = f"made {view.moment(row.created_at)} by {words.plain(row.made_by)}"
        st.caption(f"`{row.prefix}…` · {used} · {until} · {made}")


def _form(view: View) -> None:
    """A name, what it may do, and how long; then the key, this once."""
    if st.session_state.pop(_COPIED, False):
        st.rerun()
    name = st.text_input(
        "What is it for?", key="api_key_name", max_chars=tokens.LONGEST_NAME, placeholder="Monthly report"
    )
    st.markdown("**It may**")
    scopes = [
        scope.name
        for scope in SCOPES
        if st.checkbox(scope.meaning.rstrip("."), scope.name in _USUAL, key=f"api_key_{scope.name}")
    ]
    life = st.selectbox("How long is it good?", list(_LIVES), index=1, key="api_key_life")
    st.caption("It acts for you: what you are no longer allowed to do, it is not either.")
    if not st.button("Make the key", type="primary", key="api_key_go"):
        return
    try:
        made = tokens.make_key(running_store(), view.viewer, name, scopes, days=_LIVES[life], now=datetime.now(UTC))
    except (NotAllowed, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    st.success("Copy it now: it is not shown again.", icon=":material/key:")
    st.code(made.key, language=None, wrap_lines=True)
    # The dialog's next run begins without the button that made the key: this one has to be remembered.
    st.button("I have copied it", key="api_key_done", on_click=_remember_copied)


def _remember_copied() -> None:
    st.session_state[_COPIED] = True


def _revoke(view: View, row: KeyRow) -> None:
    """Ask once more."""
    st.markdown(f"Programs that use **{words.plain(row.name)}** are refused from now on. This cannot be undone.")
    if not st.button("Revoke the key", type="primary", key="revoke_go", icon=":material/block:"):
        return
    try:
        tokens.revoke_key(running_store(), view.viewer, row.id, now=datetime.now(UTC))
    except (NotAllowed, NotFound) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(f"{words.plain(row.name)} is revoked.", icon=":material/block:")
    st.rerun()
