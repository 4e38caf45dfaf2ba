"""The history of sync jobs: counts, durations, waits, and what helps where one failed."""

import uuid
from collections.abc import Sequence

import streamlit as st

from actions.viewer import ADMIN
from domain.periods import Period, span
from store.reports.sync_jobs import SyncJobRow, list_sync_jobs
from ui import data, export, figures, shell, syncing, tables, words
from ui.shell import View
from ui.tables import Column, Table

MOST_SHOWN = 200
_EVERY = "All connections"
_ANY = "Any state"
_STATES = ("pending", "running", "paused", "completed", "partial", "failed")
_REFRESH_SECONDS = 3


def panel(view: View) -> None:
    """The history with its filters; refreshes by itself while a sync is under way."""
    busy = any(entry.state == "syncing" for entry, _ in view.states)
    st.fragment(_panel, run_every=_REFRESH_SECONDS if busy else None)(view)


def _panel(view: View) -> None:
    view = shell.again(view, ADMIN)
    config_id, state = _narrow(view)
    with data.session() as session:
        jobs = list_sync_jobs(session, view.company, config_id=config_id, state=state, limit=MOST_SHOWN)
    if not jobs:
        _nothing(narrowed=bool(config_id or state))
        return
    _summary(jobs)
    table = history_table(jobs)
    chosen = tables.choose(table, key="sync_jobs", alt="Sync jobs, newest first", zone=view.company.time_zone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption("Choose a row to see what it did and why it stands so.")
        export.download(table, name=export.file_name("sync jobs", view.company.name), key="download_sync_jobs")
    if chosen is not None:
        one_job(view, jobs[chosen])


def _narrow(view: View) -> tuple[uuid.UUID | None, str]:
    names = {entry.label: entry.config_id for entry, _ in view.states if entry.connector}
    states = {words.state_words(state).label: state for state in _STATES}
    with st.container(horizontal=True, gap="small"):
        connection = st.selectbox(
            "Connection",
            [_EVERY, *names],
            key="connection",
            bind="query-params",
            label_visibility="collapsed",
            width=240,
        )
        state = st.selectbox(
            "State", [_ANY, *states], key="state", bind="query-params", label_visibility="collapsed", width=180
        )
    chosen = names.get(connection or "")
    return uuid.UUID(chosen) if chosen else None, states.get(state or "", "")


def _nothing(*, narrowed: bool) -> None:
    if narrowed:
        shell.nothing_here("**No sync job is like that.** Choose all connections and any state.")
    else:
        shell.nothing_here(
            "**Nothing was synced yet.** Connect a platform, or press Sync now.",
            path="pages/Platforms.py",
            action="Go to Platforms",
            icon=":material/history:",
        )


def _summary(jobs: Sequence[SyncJobRow]) -> None:
    failed = sum(job.state == "failed" for job in jobs)
    facts = sum(job.facts for job in jobs)
    st.caption(
        f"{words.counted(len(jobs), 'sync job')}, newest first · {words.counted(failed, 'failure')} ·"
        f" {words.counted(facts, 'fact')} read · {words.counted(sum(job.requests for job in jobs), 'request')}"
    )


def history_table(jobs: Sequence[SyncJobRow]) -> Table:
    """Sync jobs as table and file."""
    columns = (
        Column("Asked", "instant"),
        Column("Connection"),
        Column("State"),
        Column("Error", width="medium"),
        Column("Facts", "count", "Facts read from the platform."),
        Column("New", "count"),
        Column("Changed", "count", "The platform restated them."),
        Column("Unchanged", "count"),
        Column("Rejected", "count", "Records left out, with the reason."),
        Column("Deleted", "count", "Gone at the platform."),
        Column("Seconds", "number", "From start to finish."),
        Column("Waited (s)", "number", "Time spent waiting for the platform or a budget."),
        Column("Requests", "count"),
        Column("Kind"),
        Column("Days"),
        Column("Asked by"),
    )
    return Table(columns, tuple(_history_row(job) for job in jobs))


def _history_row(job: SyncJobRow) -> tuple[tables.Cell, ...]:
    found = words.cause_words(job.cause_code)
    return (
        job.created_at,
        job.label,
        words.state_words(job.state).label,
        found.words if found else None,
        job.facts,
        job.inserted,
        job.updated,
        job.unchanged,
        job.rejected,
        job.deleted,
        job.seconds,
        job.waited_seconds,
        job.requests,
        words.SYNC_TYPES.get(job.sync_type, job.sync_type),
        span(Period(job.window_start, job.window_end)),
        "Clock" if job.requested_by == "clock" else job.requested_by,
    )


def one_job(view: View, job: SyncJobRow) -> None:
    """One sync job in full: what it read, how it went, the platform's words, the cure, and Try again."""
    said = words.state_words(job.state)
    with st.container(border=True, key="sync_job"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(words.plain(job.label), anchor=False, width="content")
            st.badge(said.label, icon=said.icon, color=said.color)
            if job.state in {"failed", "partial"}:
                st.button(
                    "Try again",
                    key="retry",
                    icon=":material/replay:",
                    on_click=syncing.again,
                    args=(view.viewer, job.id, job.label),
                    help="Goes on where this sync stopped.",
                )
        _trouble(view, job)
        st.text(
            f"{words.counted(job.pages, 'page')}, {words.counted(job.facts, 'fact')}:"
            f" {job.inserted:,} new, {job.updated:,} changed, {job.unchanged:,} unchanged, {job.deleted:,} deleted,"
            f" {job.rejected:,} rejected"
        )
        waited = f", {words.counted(job.waits, 'wait')} of {figures.lasting(job.waited_seconds)} in all"
        failed = f", {words.counted(job.attempts, 'failed attempt')} since it last got on"
        st.text(
            words.counted(job.requests, "request") + (waited if job.waits else "") + (failed if job.attempts else "")
        )
        st.text(f"Started {view.moment(job.started_at)}, took {figures.lasting(job.seconds)}")
        for reason, number in job.rejections.items():
            st.text(f"Rejected {number}: {reason}")
        st.caption(f"Sync job {job.id}")


def _trouble(view: View, job: SyncJobRow) -> None:
    found = words.cause_words(job.cause_code)
    if found is None:
        return
    box = st.error if job.state == "failed" else st.warning
    box(f"{found.words} {found.cure}", icon=words.state_words(job.state).icon)
    if job.detail:
        st.caption("The platform's own words")
        st.text(job.detail)
    later = job.paused_until or job.next_attempt_at
    if later and job.state in {"paused", "pending"}:
        st.text(f"Goes on by itself {view.moment(later)}.")
