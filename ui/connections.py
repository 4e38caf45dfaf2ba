"""Connections as their admin sees them: state, account, last sync, trouble and its cure, and what can be done."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from actions import connections, syncs
from actions.running import running_store
from actions.viewer import ADMIN, NotAllowed, NotFound, Viewer
from connectors.contract import Limits
from connectors.registry import find_connector, find_source
from connectors.webhooks.registrars import find_registrar
from domain.money import Money
from domain.periods import Period, local_day, span
from store.reports.access import list_access
from store.reports.connections import ConnectionRow, list_connections
from store.reports.outbox import list_backlogs
from ui import connection_forms, data, figures, grants, shell, syncing, toasts, words
from ui.shell import View

_REFRESH_SECONDS = 2
_MORE = {
    "edit": ":material/edit: Edit",
    "full": ":material/history: Full sync, 12 months",
    "backfill": ":material/date_range: Backfill",
    "switch": ":material/power_settings_new: Switch on or off",
    "delete": ":material/delete: Delete",
}
#: The connection whose Reconnect was pressed.
_RECONNECT = "reconnect_asked"
_OF_SYNCS = ("full", "backfill")


def draw(view: View) -> None:
    """Every connection as a card, with the button that makes another."""
    with view.actions:
        kind = connection_forms.connect_menu()
    if kind is not None:
        connection_forms.open_form(view.viewer, kind)
    rows = _load(view)
    waiting = grants.come_back(view.viewer)
    if waiting is not None and (granted := find_connector(waiting.connector)) is not None:
        row = next((row for row in rows if row.id == str(waiting.config_id)), None)
        connection_forms.open_form(view.viewer, granted, row, waiting)
    if not any(row.connector for row in rows):
        shell.nothing_here(
            "**No platform is connected yet.** Choose one under “Connect a platform”: the form asks for what it"
            " needs, tests it with the platform, and the first sync brings twelve months.",
            icon=":material/hub:",
        )
    for row in rows:
        if row.connector:
            _card(view, row)
    fed = [row for row in rows if not row.connector]
    if fed:
        _fed(fed)


def _load(view: View) -> list[ConnectionRow]:
    with data.session() as session:
        return list_connections(session, view.company, datetime.now(UTC))


def _card(view: View, row: ConnectionRow) -> None:
    kind, reports = find_connector(row.connector), find_source(row.connector) is not None
    with st.container(border=True, key=f"connection_card_{row.number}"):
        busy = row.state == "syncing"
        st.fragment(_state, run_every=_REFRESH_SECONDS if busy else None)(view, row.id)
        with st.container(horizontal=True, gap="small"):
            if reports:
                st.button(
                    "Sync now",
                    key=f"sync_now_{row.id}",
                    icon=":material/sync:",
                    disabled=not row.is_active,
                    help=None if row.is_active else "The connection is switched off.",
                    on_click=syncing.one,
                    args=(view.viewer, row.id, row.name, "incremental"),
                )
            if kind is not None and kind.oauth is not None:
                st.button(
                    "Reconnect", key=f"reconnect_{row.id}", icon=":material/login:", on_click=_ask_again, args=(row.id,)
                )
            choices = [choice for choice in _MORE if reports or choice not in _OF_SYNCS]
            chosen = st.menu_button("More", choices, format_func=_MORE.__getitem__, key=f"more_{row.id}")
    if st.session_state.get(_RECONNECT) == row.id:
        del st.session_state[_RECONNECT]
        chosen = "edit"
    if chosen == "edit" and kind is not None:
        connection_forms.open_form(view.viewer, kind, row)
    elif chosen == "full":
        st.dialog("Full sync", icon=":material/history:")(_full)(view, row)
    elif chosen == "backfill":
        st.dialog("Backfill", icon=":material/date_range:")(_backfill)(view, row)
    elif chosen == "switch":
        _switch(view.viewer, row)
    elif chosen == "delete":
        st.dialog("Delete a connection", icon=":material/delete:")(_delete)(view.viewer, row)


def _ask_again(config_id: str) -> None:
    st.session_state[_RECONNECT] = config_id


def _state(view: View, config_id: str) -> None:
    """The upper half of a card, read anew on every refresh."""
    view = shell.again(view, ADMIN)
    row = next((found for found in _load(view) if found.id == config_id), None)
    if row is None:
        st.text("This connection is gone.")
        return
    kind, said = find_connector(row.connector), words.state_words(row.state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{kind.icon if kind else ''} {words.plain(row.name)}", anchor=False, width="content")
        st.badge(said.label + _until(view, row), icon=said.icon, color=said.color, help=said.meaning)
    account = row.account_label or row.account_ref
    if find_source(row.connector) is None:
        parts = [account, f"accepted {view.moment(row.checked_at)}" if row.checked_at else "never accepted"]
    else:
        parts = [
            account,
            f"days of {row.time_zone}",
            f"read until {figures.day(row.covered_until)}" if row.covered_until else "",
            f"last sync {view.moment(row.synced_at)}",
        ]
    st.text(" · ".join(part for part in parts if part))
    flags = [words.flag_words(flag) for flag in row.quality if flag not in words.ALARMS]
    if flags:
        st.caption(f"Of these numbers: {'; '.join(flags)}.")
    for flag in set(row.quality) & words.ALARMS.keys():
        st.warning(words.ALARMS[flag], icon=":material/event_busy:")
    if kind and kind.limits.cost_minor:
        st.caption(spent_words(row.spent_minor, row.spend_limit_minor, kind.limits))
    if kind and kind.cannot:
        st.caption(kind.cannot)
    if words.begins_later(row):
        st.caption("The first sync only notes the platform's running totals: numbers begin on the day after it.")
    if row.state == "never" and find_source(row.connector) is not None:
        st.caption("Nothing was read yet: Sync now brings the last twelve months.")
    _access(view, row)
    _progress(row)
    _trouble(view, row)
    _backlog(view, row)


def spent_words(spent: int, limit: int | None, limits: Limits) -> str:
    """What this month's calls can have cost, and what they may. `spent` and `limit` are minor units.

    >>> spent_words(900, 30_000, Limits(60, 60, cost_minor=300))
    'Calls this month: 3, which cost 9.00 USD at worst. Your limit: 300.00 USD.'
    >>> spent_words(0, None, Limits(60, 60, cost_minor=300))
    'Calls this month: none. No limit of cost is set.'
    """
    calls = figures.count(spent // limits.cost_minor)
    said = f"{calls}, which cost {Money(spent, limits.currency)} at worst" if spent else "none"
    allowed = "No limit of cost is set." if limit is None else f"Your limit: {Money(limit, limits.currency)}."
    return f"Calls this month: {said}. {allowed}"


def _backlog(view: View, row: ConnectionRow) -> None:
    """What is still to be said to the platform, and why it could not be."""
    with data.session() as session:
        held = list_backlogs(session, view.company).get(uuid.UUID(row.id))
    found = words.cause_words(held.cause_code) if held else None
    if held is None or found is None:
        return
    parts = [
        f"{held.waiting:,} waiting to be sent" if held.waiting else "",
        f"{held.given_up:,} given up" if held.given_up else "",
    ]
    counts = ", ".join(part for part in parts if part)
    st.warning(f"Publishing and outcomes: {counts}. {found.words} {found.cure}", icon=":material/outbox:")
    if held.detail:
        st.text(held.detail)


def _access(view: View, row: ConnectionRow) -> None:
    """Until when the platform lets us in, and what to do before that."""
    kind = find_connector(row.connector)
    if kind is None or kind.oauth is None:
        return
    with data.session() as session:
        access = list_access(session, view.company).get(row.id)
    if access is None:
        return
    if access.refresh_ends_at is not None:
        st.caption(f"Access was granted until {view.moment(access.refresh_ends_at)}.")
    ends = access.token_ends_at
    if kind.oauth.refresh_days != 0 and not access.refused_cause and ends is not None and ends > view.now:
        st.caption(f"The access token in use is good until {view.moment(ends)} and is renewed by itself.")
    if access.is_ending(datetime.now(UTC)):
        ended = bool(access.refused_cause) or (access.refresh_ends_at or view.now) <= view.now
        told = "The platform does not let us in any more" if ended else "Access ends soon"
        st.warning(f"{told}: reconnect, and nothing is lost.", icon=":material/key_off:")


def _until(view: View, row: ConnectionRow) -> str:
    if row.state == "paused" and row.job and row.job.paused_until:
        return f" until {view.moment(row.job.paused_until)}"
    return ""


def _progress(row: ConnectionRow) -> None:
    """What the sync under way has done so far."""
    if row.state != "syncing" or row.job is None:
        return
    job = row.job
    if job.state == "pending":
        st.info("Waiting for a worker.", icon="spinner")
        return
    waited = f", {words.counted(job.waits, 'wait')} of {figures.lasting(job.waited_seconds)}" if job.waits else ""
    st.info(
        f"Reading {span(Period(job.window_start, job.window_end))}: {words.counted(job.pages, 'page')},"
        f" {words.counted(job.facts, 'fact')}, {words.counted(job.requests, 'request')}{waited}",
        icon="spinner",
    )


def _trouble(view: View, row: ConnectionRow) -> None:
    """Why the last sync is not complete, and what helps."""
    job = row.job
    found = words.cause_words(job.cause_code) if job else None
    if job is None or found is None or row.state in {"completed", "inactive"}:
        return
    box = st.error if job.state == "failed" else st.warning
    later = job.paused_until or job.next_attempt_at
    goes_on = f" It goes on by itself {view.moment(later)}." if later and job.state != "failed" else ""
    box(f"{found.words} {found.cure}{goes_on}", icon=words.state_words(row.state).icon)
    if job.detail:
        st.caption("The platform's own words")
        st.text(job.detail)


def _fed(rows: list[ConnectionRow]) -> None:
    with st.container(border=True):
        st.subheader("Fed by files, referrals and what is tracked", anchor=False)
        for row in rows:
            until = f", read until {figures.day(row.covered_until)}" if row.covered_until else ""
            st.text(f"{row.name or row.platform}{until}")
        if shell.has_page("pages/Import.py"):
            st.page_link("pages/Import.py", label="Import a file", icon=":material/upload_file:", width="content")


def _full(view: View, row: ConnectionRow) -> None:
    """What a full sync would read and cost, and the button."""
    if not _plan(view, row, "full", None):
        return
    if st.button("Start the full sync", type="primary", key="full_go"):
        syncing.one(view.viewer, row.id, row.name, "full")
        st.rerun()


def _backfill(view: View, row: ConnectionRow) -> None:
    """A range of days to read again, what that costs, and the button."""
    today = local_day(view.now, row.time_zone)
    earliest = today - timedelta(days=words.LONGEST_DAYS)
    st.text("Reads these days again. What is stored for them is replaced, never added to.")
    chosen = st.date_input(
        "Days", (today - timedelta(days=30), today), min_value=earliest, max_value=today, key="backfill_days"
    )
    if not isinstance(chosen, tuple) or len(chosen) != 2:
        st.caption("Choose the first and the last day.")
        return
    days = (chosen[0], chosen[1] + timedelta(days=1))
    if _plan(view, row, "backfill", days) and st.button("Start the backfill", type="primary", key="backfill_go"):
        syncing.older(view.viewer, row.id, row.name, days)
        st.rerun()


def _plan(view: View, row: ConnectionRow, kind: str, days: tuple[date, date] | None) -> bool:
    """Calls and worst cost of a sync, before it is asked for. False where it cannot be."""
    try:
        plan = syncs.plan_sync(running_store(), view.viewer, row.id, kind, days, now=datetime.now(UTC))  # type: ignore[arg-type]
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return False
    st.markdown(f"**{words.plain(row.name)}**, {span(Period(plan.start, plan.end))}")
    cost = str(Money(plan.cost_minor, plan.currency)) if plan.cost_minor else "Free"
    left, right = st.columns(2)
    left.metric("Calls at most", figures.count(plan.calls), border=True)
    right.metric("Cost at worst", cost, border=True)
    if row.spend_limit_minor is not None and plan.cost_minor > row.spend_limit_minor:
        st.warning("This can cost more than the connection's monthly limit: it pauses when that is reached.")
    return True


def _switch(viewer: Viewer, row: ConnectionRow) -> None:
    done = "switched off" if row.is_active else "switched on"
    if _tried(
        lambda: connections.set_active(running_store(), viewer, row.id, active=not row.is_active, now=datetime.now(UTC))
    ):
        toasts.later(f"{words.plain(row.name)} is {done}.", icon=":material/power_settings_new:")
        st.rerun()


def _delete(viewer: Viewer, row: ConnectionRow) -> None:
    """Ask for consent; the numbers stay unless the box is ticked."""
    st.markdown(f"**{words.plain(row.name)}** is disconnected and its credentials are destroyed.")
    if find_registrar(row.platform, row.connector):
        st.caption("A webhook address that is registered there is taken away first, within half an hour at most.")
    erase = st.checkbox(
        "Also erase the numbers it brought", key="delete_erase", help="Totals that counted them are computed again."
    )
    st.text("All its numbers are erased. This cannot be undone." if erase else "The numbers it brought stay.")
    label = "Delete and erase" if erase else "Delete the connection"
    if st.button(label, type="primary", key="delete_go", icon=":material/delete:") and _tried(
        lambda: connections.delete(running_store(), viewer, row.id, erase_facts=erase, now=datetime.now(UTC))
    ):
        toasts.later(f"{words.plain(row.name)} is deleted.", icon=":material/delete:")
        st.rerun()


def _tried(do: Callable[[], object]) -> bool:
    """Do it, or say why it cannot be done."""
    try:
        do()
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return False
    return True
