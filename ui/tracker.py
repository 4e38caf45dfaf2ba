"""The tracker's screen: set-up with the snippet to paste, what arrives now, and what was filtered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from actions import tracker
from actions.running import running_store
from actions.viewer import ADMIN, NotAllowed, NotFound
from actions.visitors import FILTER_REASONS
from store.reports.tracker import (
    Filtered,
    HeardEvent,
    TrackerState,
    count_events,
    find_tracker,
    list_events,
    list_filtered,
)
from ui import data, export, figures, own_address, palette, shell, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

KINDS = {"view": "Page view", "apply_start": "Apply start", "apply_complete": "Application sent"}
_REFRESH_SECONDS = 3
_FILTERED_DAYS = 30
_SNIPPET = '<script defer src="{base}/track.js" data-site="{key}"></script>'
_MARKS = """<!-- on a posting's page, where its address does not name it: its requisition, slug or id -->
<main data-posting="REQ-1">
<!-- the button that begins an application -->
<a href="/apply" data-sourceboard="apply-start">Apply</a>
<!-- on the page that thanks for an application; data-application where you know what it is called -->
<p data-sourceboard="apply-complete" data-application="A-1234">Thank you!</p>
<!-- or from a script of yours -->
<script>sourceboard("apply_complete", { posting: "REQ-1", application: "A-1234" })</script>"""


def draw(view: View) -> None:
    """Set-up alone until it was done; then with what arrives and what was filtered."""
    with data.session() as session:
        state = find_tracker(session, view.company)
        filtered = list_filtered(session, view.company, view.now - timedelta(days=_FILTERED_DAYS))
    if state is None:
        st.write(
            "The tracker counts page views, apply starts and applications on your career site, without cookies and"
            " without keeping anything in the visitor's browser."
        )
        _settings(view, None)
        return
    arriving, apart, set_up = st.tabs(
        ["Arriving", f"Filtered ({sum(entry.times for entry in filtered):,})", "Set up"], key="tracker_tab"
    )
    with arriving:
        st.fragment(_arriving, run_every=_REFRESH_SECONDS)(view)
    with apart:
        _filtered(view, filtered)
    with set_up:
        _snippet(state)
        _settings(view, state)
        _switch(view, state)


def _settings(view: View, state: TrackerState | None) -> None:
    with st.form("tracker_settings"):
        st.subheader("Your sites", anchor=False)
        sites = st.text_area(
            "Sites, one to a line",
            "\n".join(state.origins) if state else "",
            key="tracker_sites",
            placeholder="https://jobs.acme.example",
            help="Events count only from pages of these sites, and links lead only to them.",
        )
        pattern = st.text_input(
            "Address of a posting",
            state.pattern if state else "/jobs/{posting}",
            key="tracker_pattern",
            help="How a path names a posting: {posting} stands for its slug, requisition or anything else that is its"
            " own, * for any one part. Leave it empty where pages say it by data-posting.",
        )
        sent = st.form_submit_button("Save", type="primary", icon=":material/check:")
    if sent:
        try:
            tracker.save_tracker(running_store(), view.viewer, sites.splitlines(), pattern, now=datetime.now(UTC))
        except (NotAllowed, ValueError) as error:
            st.error(words.plain(str(error)), icon=":material/error:")
            return
        toasts.later("Saved. It is in force within seconds.", icon=":material/check_circle:")
        st.rerun()


def _snippet(state: TrackerState) -> None:
    st.subheader("Paste this into every page of the site", anchor=False)
    st.code(_SNIPPET.format(base=own_address.base(), key=state.key), language="html", wrap_lines=True)
    with st.expander("Say more: postings, apply starts, applications", icon=":material/code:"):
        st.code(_MARKS, language="html", wrap_lines=True)
    st.caption(
        "Under 2 kB, no cookies, nothing kept in the browser. Visitors who ask not to be tracked (Do Not Track, Global"
        " Privacy Control) are left alone."
    )


def _switch(view: View, state: TrackerState) -> None:
    label, icon = ("Switch off", ":material/stop_circle:") if state.is_on else ("Switch on", ":material/play_circle:")
    if st.button(f"{label} the tracker", key="tracker_switch", icon=icon):
        try:
            tracker.switch_tracker(running_store(), view.viewer, is_on=not state.is_on, now=datetime.now(UTC))
        except (NotAllowed, NotFound) as error:
            st.error(words.plain(str(error)), icon=":material/error:")
            return
        st.rerun()


def _arriving(view: View) -> None:
    """What is heard now; runs by itself every few seconds."""
    view = shell.again(view, ADMIN)
    with data.session() as session:
        state = find_tracker(session, view.company)
        counts = count_events(session, view.company, view.now - timedelta(days=1))
        events = list_events(session, view.company)
    _heard(view, state)
    with st.container(horizontal=True, gap="small"):
        for kind, label in KINDS.items():
            st.metric(
                f"{label}s, 24 hours" if kind != "apply_complete" else "Applications, 24 hours",
                f"{counts[kind]:,}",
                border=True,
            )
    if events:
        tables.show(events_table(events), key="tracker_events", alt="The newest events", zone=view.company.time_zone)


def _heard(view: View, state: TrackerState | None) -> None:
    if state is None or not state.is_on:
        st.info("The tracker is switched off: nothing is kept.", icon=":material/pause_circle:")
    elif state.last_event_at is None:
        st.warning(
            "Nothing has arrived yet. Paste the snippet under “Set up” into your site and open one of its pages.",
            icon=":material/hourglass_top:",
        )
    elif view.now - state.last_event_at > timedelta(days=1):
        said = figures.moment(state.last_event_at, view.now, view.company.time_zone)
        st.warning(
            f"Nothing has arrived since {words.plain(said)}. Is the snippet still on the site?",
            icon=":material/sensors_off:",
        )
    else:
        said = figures.moment(state.last_event_at, view.now, view.company.time_zone)
        st.success(f"Events are arriving. The last one came {words.plain(said)}.", icon=":material/sensors:")


def events_table(events: Sequence[HeardEvent]) -> Table:
    """Events as they arrived, those that do not count with their reason."""
    return Table(
        (
            Column("Arrived", "instant"),
            Column("Event"),
            Column("Page", width="medium"),
            Column("Posting"),
            Column("Source"),
            Column("Medium"),
            Column("Campaign"),
            Column("Country"),
            Column("Browser"),
            Column("Counts"),
        ),
        tuple(
            (
                event.at,
                KINDS.get(event.kind, event.kind),
                event.path,
                event.posting or None,
                palette.label(event.source) if event.source else None,
                event.medium or None,
                event.campaign or None,
                event.country or None,
                event.agent or None,
                FILTER_REASONS.get(event.reason, event.reason) if event.reason else "Yes",
            )
            for event in events
        ),
    )


def _filtered(view: View, rows: Sequence[Filtered]) -> None:
    if not rows:
        shell.nothing_here(
            f"**Nothing was filtered in the last {_FILTERED_DAYS} days.** Crawlers, previews and pages of other sites"
            " would stand here, with the reason.",
            icon=":material/filter_alt:",
        )
        return
    table = filtered_table(rows)
    st.caption(f"What arrived in the last {_FILTERED_DAYS} days and is in no number, by reason and sender.")
    tables.show(table, key="tracker_filtered", alt="Filtered events by reason", zone=view.company.time_zone)
    export.download(table, name=export.file_name("filtered events", view.company.name), key="download_filtered")


def filtered_table(rows: Sequence[Filtered]) -> Table:
    """Filtered events by reason and sender."""
    return Table(
        (
            Column("Reason", width="medium"),
            Column("Sent by"),
            Column("Site"),
            Column("Events", "count"),
            Column("Last", "instant"),
        ),
        tuple(
            (
                FILTER_REASONS.get(row.reason, row.reason),
                row.agent or None,
                row.referrer_host or None,
                row.times,
                row.last_at,
            )
            for row in rows
        ),
    )
