"""Connect and edit: the connector's own form, tested with the platform before it is saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from actions import connections
from actions.connections import Options, Refusal, Saved
from actions.grants import Waiting, find_kept, forget
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from connectors.contract import Connector
from connectors.registry import CONNECTORS
from domain.money import exponent
from settings import current
from store.reports.connections import ConnectionRow
from ui import forms, grants, toasts, words

#: The refusal of the form that is open, so that it stays on screen while the person reads it.
_REFUSED = "connection_refused"


def connect_menu() -> type[Connector[Any]] | None:
    """A button that offers every platform we can connect; the chosen connector on the run it was chosen."""
    names = {kind.label: kind for kind in sorted(CONNECTORS.values(), key=lambda kind: kind.label.casefold())}
    chosen = st.menu_button("Connect a platform", list(names), key="connect", icon=":material/add:", type="primary")
    return names.get(chosen or "")


def open_form(
    viewer: Viewer, kind: type[Connector[Any]], row: ConnectionRow | None = None, waiting: Waiting | None = None
) -> None:
    """Open the form of a connector, filled from `row` where one is edited, and from what was granted in the browser."""
    st.session_state.pop(_REFUSED, None)
    title = f"Edit {words.plain(row.name)}" if row else f"Connect {words.plain(kind.label)}"
    st.dialog(title, width="medium", icon=kind.icon)(_form)(viewer, kind, row, waiting)


def _form(viewer: Viewer, kind: type[Connector[Any]], row: ConnectionRow | None, waiting: Waiting | None) -> None:
    st.markdown(f"{words.plain(kind.summary)} [How to get these values]({kind.docs_url})")
    if kind.cannot:
        st.info(kind.cannot)
    if kind.terms_warning:
        st.warning(kind.terms_warning, icon=":material/gavel:")
    key = f"connection_{row.id if row else kind.key}"
    choice = None
    if waiting is None:
        grants.explain(kind)
    else:
        choice = grants.choose(waiting, key)
        key = f"granted_{key}_{choice.ref if choice else ''}"
    with st.form(key, border=False):
        name = st.text_input("Name", row.name if row else kind.label, key=f"{key}__name", max_chars=120, help=_NAME)
        stored = kind.secret_fields() if waiting or (row and row.has_secrets) else ()
        filled = {
            **(row.settings if row else {}),
            **(waiting.values if waiting else {}),
            **(choice.values if choice else {}),
        }
        values = forms.draw(kind.config_model, filled, key=key, stored=stored)
        options = _options(kind, row, name or "", key)
        sent = st.form_submit_button("Test and save", type="primary", icon=":material/check:")
        leaves = grants.button(kind)
    if leaves:
        grants.leave(viewer, kind, row.id if row else None, values)
        return
    form = _Filled(viewer, kind, row, values, options, waiting.state if waiting else "", choice.ref if choice else "")
    if sent:
        _save(form)
    refusal = st.session_state.get(_REFUSED)
    if isinstance(refusal, Refusal):
        _say_refusal(kind, refusal)
        if refusal.fields is None and st.button("Save anyway, inactive", key=f"{key}__insist", help=_INSIST):
            _save(form, insist=True)


@dataclass(frozen=True, slots=True)
class _Filled:
    """A form as it was sent. `grant` and `choice` name what was granted in the browser, "" for nothing."""

    viewer: Viewer
    kind: type[Connector[Any]]
    row: ConnectionRow | None
    values: Mapping[str, object]
    options: Options
    grant: str
    choice: str


_NAME = "How the connection is called on screen."
_INSIST = "Keeps what you typed, switched off: nothing is synced until a test passes."


def _options(kind: type[Connector[Any]], row: ConnectionRow | None, name: str, key: str) -> Options:
    """Limits and the switch that every connection has."""
    st.markdown("**Limits**")
    left, right = st.columns(2)
    rate = left.number_input(
        "Requests an hour (optional)",
        min_value=1,
        value=row.rate_limit if row else None,
        step=1,
        key=f"{key}__rate",
        help=f"{kind.label} allows {kind.limits.requests:,} in {kind.limits.seconds:,} seconds. Empty: that alone.",
    )
    spend = None
    if kind.limits.cost_minor:
        scale = 10 ** exponent(kind.limits.currency)
        held = row.spend_limit_minor / scale if row and row.spend_limit_minor is not None else None
        spend = right.number_input(
            f"Most to spend a month on calls, {kind.limits.currency} (optional)",
            min_value=0.0,
            value=held,
            key=f"{key}__spend",
            help=f"One call can cost {kind.limits.cost_minor / scale:,.2f} {kind.limits.currency} at worst.",
        )
    enabled = st.toggle(
        "Enabled", row.is_active if row and row.account_ref else True, key=f"{key}__enabled", help=_ENABLED
    )
    minor = round(spend * 10 ** exponent(kind.limits.currency)) if spend is not None else None
    return Options(name, int(rate) if rate is not None else None, minor, enabled)


_ENABLED = "Synced on schedule. Switched off, its numbers stay and nothing new is read."


def _save(form: _Filled, *, insist: bool = False) -> None:
    """Test and save; on success close the form, else remember why not."""
    store, now, kind, options = running_store(), datetime.now(UTC), form.kind, form.options
    try:
        granted = find_kept(store, form.viewer, form.grant, form.choice, now=now) if form.grant else None
        if form.grant and granted is None:
            raise ValueError("What was granted is too old by now. Connect in the browser once more.")
        with st.spinner(f"Testing the connection with {kind.label} …"):
            saved = connections.test_and_save(
                store,
                current(),
                form.viewer,
                kind.key,
                form.values,
                now=now,
                config_id=form.row.id if form.row else None,
                options=options,
                insist=insist,
                grant=granted,
            )
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    if saved.config_id is None:
        st.session_state[_REFUSED] = saved.refusal
        return
    st.session_state.pop(_REFUSED, None)
    if form.grant:
        forget(store, form.viewer, form.grant)
    toasts.later(
        _thanks(kind, saved, options), icon=":material/check_circle:" if saved.is_active else ":material/block:"
    )
    st.rerun()


def _thanks(kind: type[Connector[Any]], saved: Saved, options: Options) -> str:
    name = words.plain(options.name or kind.label)
    if saved.account is None:
        return f"{name} is saved, but switched off: the platform refused it."
    account = words.plain(saved.account.label or saved.account.ref)
    said = f"{name} is connected to {account}." + ("" if saved.is_active else " It is switched off.")
    return " ".join([said, *map(words.plain, saved.account.notes)])


def _say_refusal(kind: type[Connector[Any]], refusal: Refusal) -> None:
    """Why nothing was saved: fields to correct, or the platform's own words."""
    if refusal.fields is not None:
        lines = [
            f"**{words.plain(forms.title_of(kind.config_model, name))}**: {words.plain(_own_words(told))}"
            if name
            else words.plain(_own_words(told))
            for name, told in refusal.fields.items()
        ]
        st.error("Nothing was saved.\n\n" + "\n\n".join(lines), icon=":material/error:")
        return
    st.error(f"Nothing was saved. **{refusal.words}** {refusal.cure}", icon=":material/error:")
    if refusal.detail:
        st.caption("The platform's own words")
        st.text(refusal.detail)


def _own_words(told: str) -> str:
    """A validator's message without the library's prefix."""
    said = told.removeprefix("Value error, ")
    return said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")
