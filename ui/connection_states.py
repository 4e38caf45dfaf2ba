"""How connections stand: pills, notices and one-line states, in words and signs first and colour on top."""

import streamlit as st

from connectors.registry import find_source
from domain.platforms import SILENT_CONNECTORS
from store.reports.shapes import Freshness, SourceRow
from ui import words
from ui.shell import View


def pills(view: View) -> None:
    """One pill for each connection that brings numbers: name, state and time."""
    shown = [pair for pair in view.states if pair[0].connector and pair[0].connector not in SILENT_CONNECTORS]
    if not shown:
        return
    with st.container(horizontal=True, gap="xsmall", key="connection_pills"):
        for entry, cause in shown:
            pill(view, entry, cause)


def pill(view: View, entry: Freshness, cause: str = "") -> None:
    """One connection's state with its time; the tooltip says what the state means and what helps."""
    said = words.state_words(entry.state)
    at = f" · {view.moment(entry.synced_at)}" if entry.synced_at else ""
    found = words.cause_words(cause) if entry.state in {"failed", "paused", "partial"} else None
    hint = f"{found.words} {found.cure}" if found else said.meaning
    st.badge(f"{words.plain(entry.label)} · {said.label}{at}", icon=said.icon, color=said.color, help=hint)


def notices(view: View) -> None:
    """A line for each connection whose numbers are not what they should be: what happened, and the cure."""
    for entry, cause in view.states:
        if entry.state not in {"failed", "stale"}:
            continue
        found = words.cause_words(cause)
        happened = found.words if found and entry.state == "failed" else words.state_words(entry.state).meaning
        cure = f" {found.cure}" if found and view.viewer.is_admin and entry.state == "failed" else ""
        shown = (
            f"The numbers shown are the last good ones, from {view.moment(entry.synced_at)}."
            if entry.synced_at
            else "It has brought no numbers yet."
        )
        st.error(f"**{words.plain(entry.label)}**: {happened}{cure} {shown}", icon=":material/error:")


def source_line(view: View, row: SourceRow) -> str:
    """What stands below a source's name, as plain text: when it was synced, or why it has no number."""
    if row.state == "syncing":
        return "Syncing now"
    if row.state == "failed":
        return f"Failed · last good {view.moment(row.synced_at)}" if row.synced_at else "Failed"
    if row.state == "never":
        return "Never synced"
    if row.applications is None and row.state != "fed":
        return "No data for these days" if _tells_applications(view, row.platform) else "Reports no applications"
    if row.state == "fed":
        return "From files"
    return f"Synced {view.moment(row.synced_at)}"


def _tells_applications(view: View, platform: str) -> bool:
    """Whether some connection of the platform reports applications at all."""
    kinds = [find_source(entry.connector) for entry, _ in view.states if entry.platform == platform]
    return any(offered.metric == "applications" for kind in kinds if kind for offered in kind.metrics)
