"""Registering an address at its platform: how it stands there, what will happen, and the steps by hand."""

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from actions import registrations
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from connectors.errors import CAUSES
from connectors.webhooks.registering import Registrar
from connectors.webhooks.registrars import find_registrar
from connectors.webhooks.registry import RECEIVERS
from domain.registrations import AWAY, Registration
from settings import current
from store.reports.webhooks import EndpointRow
from ui import palette, toasts, words
from ui.shell import View
from ui.words import StateWords

_STATES = {
    "asked": StateWords("Being registered", "blue", ":material/sync:", "The platform is asked; it calls the address."),
    "registered": StateWords("Registered", "green", ":material/link:", "The platform delivers here."),
    "failing": StateWords("Failing", "red", ":material/link_off:", "It is registered, but something is wrong with it."),
    "taken": StateWords("Taken", "orange", ":material/swap_horiz:", "Another program's address stands there."),
    "refused": StateWords("Not registered", "red", ":material/link_off:", "The platform did not take it."),
    "paused": StateWords("Paused", "gray", ":material/pause:", "Taken away there while something here is off."),
    "removed": StateWords("Not registered", "gray", ":material/link_off:", "The platform does not deliver here."),
    "left": StateWords("Left there", "orange", ":material/warning:", "It could not be taken away there."),
}
_LEAVING = StateWords("Being removed", "blue", ":material/sync:", "The platform is asked to deliver no more.")


def standing(row: EndpointRow) -> tuple[object, ...]:
    """What the buttons depend on: where it changes, the page has to be drawn anew."""
    held = row.registration
    return () if held is None else (held.wanted, held.state)


def draw(view: View, row: EndpointRow) -> None:
    """One line of how the address stands at its platform, and what is wrong; nothing where nobody asked for it."""
    held = row.registration
    if held is None or (held.state == "removed" and not held.cause):
        return
    label = palette.label(row.platform)
    said = _LEAVING if not held.wanted and held.state not in AWAY else _STATES[held.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text(f"At {label}:", width="content")
        st.badge(said.label, icon=said.icon, color=said.color, help=said.meaning)
        st.caption(_times(view, held), width="content")
    if held.state == "paused":
        st.caption("It is registered again as soon as the address and its connection are switched on.")
    if held.state == "left":
        st.warning(f"Take it away at {label} by hand: it could not be done from here.", icon=":material/warning:")
    if held.cause:
        _trouble(view, held)


def _times(view: View, held: Registration) -> str:
    parts = [f"since {view.moment(held.since)}"] if held.since and held.state == "registered" else []
    parts += [f"until {view.moment(held.until)}"] if held.until and held.state == "registered" else []
    parts += [f"looked at {view.moment(held.checked_at)}"] if held.checked_at else []
    return " · ".join(parts)


def _trouble(view: View, held: Registration) -> None:
    cause = CAUSES.get(held.cause, CAUSES["unexpected"])
    will = f" The next try is {view.moment(held.due_at)}." if held.due_at else ""
    show = st.warning if cause.retries else st.error
    show(f"{cause.words} {cause.cure}{will}", icon=":material/error:")
    if held.detail:
        st.text(f"In detail: {held.detail}")


def buttons(view: View, row: EndpointRow) -> None:
    """Register, look again, take away; where the platform has an API for it and a connection may speak for it."""
    kind = find_registrar(row.platform, row.connector)
    if kind is None:
        return
    label, state = palette.label(row.platform), row.registration.state if row.registration else "removed"
    if state in {"removed", "refused", "taken", "left"} and st.button(
        f"Register at {label}", key=f"webhook_register_{row.id}", icon=":material/link:"
    ):
        st.dialog(f"Register at {label}", icon=":material/link:")(_register)(view, row, kind)
    if state in {"registered", "failing"} and st.button(
        "Check now", key=f"webhook_look_{row.id}", icon=":material/refresh:"
    ):
        _done(
            lambda: registrations.look_again(running_store(), view.viewer, row.id, now=datetime.now(UTC)),
            f"{label} is asked to check the address.",
        )
    away = {"refused": "Do not register", "taken": "Do not register", "left": "Remove there again"}
    is_leaving = row.registration is not None and not row.registration.wanted and state == "asked"
    if (
        state != "removed"
        and not is_leaving
        and st.button(away.get(state, "Remove there"), key=f"webhook_unregister_{row.id}", icon=":material/link_off:")
    ):
        _done(
            lambda: registrations.unregister(running_store(), view.viewer, row.id, now=datetime.now(UTC)),
            f"{label} is asked to deliver here no more.",
        )


def steps(row: EndpointRow) -> None:
    """How it is done by hand at the platform."""
    kind = find_registrar(row.platform, row.connector)
    title = "How to register it by hand" if kind is None else "How to register it by hand instead"
    with st.expander(title, icon=":material/checklist:", key=f"webhook_steps_{row.id}"):
        st.markdown("\n".join(f"1. {words.plain(step)}" for step in RECEIVERS[row.platform].steps))


def _register(view: View, row: EndpointRow, kind: type[Registrar]) -> None:
    """Say what will happen, ask for what no connection has, and write the wish down."""
    st.markdown("\n".join(f"- {words.plain(effect)}" for effect in kind.effects))
    problem = _problem(row, kind)
    if problem:
        st.error(words.plain(problem), icon=":material/error:")
        return
    held = row.registration
    answers = {
        question.name: st.text_input(
            question.label,
            value=(held.answers.get(question.name, "") if held else ""),
            help=question.help,
            key=f"webhook_answer_{question.name}",
            max_chars=100,
        )
        for question in kind.questions
    }
    may_replace = False
    if held is not None and held.state == "taken":
        st.warning(f"{words.plain(held.detail)} If you register here, nothing is delivered there any more.")
        may_replace = st.checkbox("The other address may go", key="webhook_replace")
    if not st.button("Register", type="primary", key="webhook_register_go", icon=":material/link:"):
        return
    _done(
        lambda: registrations.register(
            running_store(), current(), view.viewer, row.id, answers, may_replace=may_replace, now=datetime.now(UTC)
        ),
        f"{palette.label(row.platform)} is being asked.",
    )


def _problem(row: EndpointRow, kind: type[Registrar]) -> str:
    if not row.has_secret:
        return "Set the secret first: the platform checks the address at once."
    if not row.is_open:
        return "Open the address first."
    if not row.is_connected:
        return "Switch the connection on first: it is with its credentials that the address is registered."
    return registrations.hindrance(current(), kind, row.hook_id)


def _done(do: Callable[[], object], said: str) -> None:
    try:
        do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(said, icon=":material/link:")
    st.rerun()
