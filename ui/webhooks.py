"""The webhooks screen: each address to copy, how its deliveries fare, and what can be done about it."""

from datetime import UTC, datetime

import streamlit as st

from actions import webhooks
from actions.viewer import ADMIN
from connectors.webhooks.registry import RECEIVERS
from store.reports.connections import list_connections
from store.reports.webhooks import EndpointRow, list_endpoints
from ui import (
    data,
    figures,
    own_address,
    palette,
    shell,
    webhook_forms,
    webhook_history,
    webhook_registering,
    words,
)
from ui.shell import View
from ui.words import StateWords

_REFRESH_SECONDS = 3
_STATES = {
    "shut": StateWords(
        "Shut", "gray", ":material/block:", "Whatever is sent here is refused, as if nothing were here."
    ),
    "bare": StateWords("No secret", "orange", ":material/key_off:", "Nothing is taken before a secret is set."),
    "silent": StateWords("Silent", "red", ":material/notifications_off:", "It used to deliver far more often."),
    "dead": StateWords("Not applied", "red", ":material/error:", "Some deliveries could not be applied."),
    "waits": StateWords("Ready", "blue", ":material/hearing:", "Nothing was delivered yet."),
    "well": StateWords("Delivering", "green", ":material/check_circle:", "Deliveries come and are applied."),
}


def draw(view: View) -> None:
    """Every endpoint as a card, and a menu that makes another."""
    rows = _load(view)
    with view.actions:
        _add(view, rows)
    if not rows:
        shell.nothing_here(
            "**No platform delivers here yet.** Add an address: the platform sends applications to it within seconds, "
            "each signed, and they count at once.",
            icon=":material/webhook:",
        )
    for row in rows:
        _card(view, row)


def _load(view: View) -> list[EndpointRow]:
    with data.session() as session:
        return list_endpoints(session, view.company, datetime.now(UTC))


def _add(view: View, rows: list[EndpointRow]) -> None:
    """A menu of connections that could deliver, and of platforms without one."""
    with data.session() as session:
        connections = list_connections(session, view.company, view.now)
    taken = {str(row.config_id) for row in rows}
    offered = webhooks.offered_platforms()
    choices: dict[str, tuple[str, str | None, str]] = {}
    for row in connections:
        if row.platform in offered and row.id not in taken:
            choices[row.id] = (row.platform, row.id, f"{words.plain(row.name)} · {offered[row.platform]}")
    known = {row.platform for row in connections}
    for platform, label in offered.items():
        if platform not in known:
            choices[platform] = (platform, None, label)
    if not choices:
        return
    chosen = st.menu_button(
        "Add an address",
        list(choices),
        format_func=lambda choice: choices[choice][2],
        icon=":material/add:",
        type="primary",
        key="webhook_add",
    )
    if chosen is not None:
        platform, config_id, _ = choices[chosen]
        webhook_forms.add(view.viewer, platform, config_id)


def _card(view: View, row: EndpointRow) -> None:
    receiver = RECEIVERS[row.platform]
    with st.container(border=True, key=f"webhook_card_{row.id}"):
        st.fragment(_state, run_every=_REFRESH_SECONDS)(view, str(row.id), webhook_registering.standing(row))
        address = f"{own_address.base()}/api/webhooks/{row.platform}/{row.hook_id}"
        if receiver.has_key_in_url:
            st.caption("The address begins like this; its last part is the secret, shown when it is made.")
            address += "/…"
        st.code(address, language=None, wrap_lines=True)
        st.caption(receiver.advice)
        if row.previous_until:
            st.info(f"The secret before this one is still taken, until {view.moment(row.previous_until)}.")
        webhook_forms.buttons(view, row)
        webhook_registering.steps(row)
        with st.expander("Recent deliveries", icon=":material/list:", key=f"webhook_deliveries_{row.id}"):
            st.fragment(webhook_history.draw)(view, row)


def _state(view: View, endpoint_id: str, drawn: tuple[object, ...]) -> None:
    """The upper part of a card, read anew every few seconds; all of it where the buttons are others by now."""
    view = shell.again(view, ADMIN)
    row = next((found for found in _load(view) if str(found.id) == endpoint_id), None)
    if row is None:
        st.text("This address is gone.")
        return
    if webhook_registering.standing(row) != drawn:
        st.rerun()
    said = _STATES[_standing(row)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(words.plain(row.name or palette.label(row.platform)), anchor=False, width="content")
        st.badge(said.label, icon=said.icon, color=said.color, help=said.meaning)
    parts = [words.counted(row.deliveries, "delivery", "deliveries")]
    parts += [f"last {view.moment(row.last_delivery_at)}"] if row.last_delivery_at else []
    parts += [f"{figures.count(row.waiting)} waiting"] if row.waiting else []
    parts += [f"{figures.count(row.unknown)} of a kind we do not know"] if row.unknown else []
    parts += [f"{figures.count(row.refused)} refused"] if row.refused else []
    st.text(" · ".join(parts))
    _trouble(view, row)
    webhook_registering.draw(view, row)


def _trouble(view: View, row: EndpointRow) -> None:
    if row.silent_since and row.is_open:
        usual = (
            f" Its gaps are {figures.lasting(row.usual_gap_seconds)} at most as a rule."
            if row.usual_gap_seconds
            else ""
        )
        st.error(
            f"Nothing came since {view.moment(row.last_delivery_at)}.{usual} Look at the platform whether it still "
            "delivers here.",
            icon=":material/notifications_off:",
        )
    if row.dead:
        several = words.counted(row.dead, "delivery", "deliveries")
        st.error(f"{several} could not be applied. Recent deliveries say why.", icon=":material/error:")
    if row.conflicts:
        several = words.counted(row.conflicts, "delivery", "deliveries")
        st.warning(f"{several} came again under a known id with other content. The first one counts.")
    if row.last_refused_at and (row.last_delivery_at is None or row.last_refused_at > row.last_delivery_at):
        why = webhook_history.CAUSES.get(row.last_refused_cause, "It was refused.")
        st.warning(f"The last delivery was refused {view.moment(row.last_refused_at)}. {why}", icon=":material/block:")


def _standing(row: EndpointRow) -> str:
    if not row.is_open:
        return "shut"
    if not row.has_secret:
        return "bare"
    if row.silent_since:
        return "silent"
    if row.dead:
        return "dead"
    return "well" if row.deliveries else "waits"
