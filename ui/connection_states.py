"""How connections stand: pills, notices and one-line states, in words and signs first and colour on top."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from connectors.registry import find_source
from domain.platforms import SILENT_CONNECTORS
from store.reports.shapes import Freshness, SourceRow
from ui import words
from ui.shell import View

#: More than these are folded: on a phone each takes a line.
MOST_PILLS = 4
_WORST_FIRST = ("failed", "stale", "partial", "paused", "never", "syncing", "pending")


def pills(view: View) -> None:
    """One pill for each connection that brings numbers: name, state and time. Many are folded into a line."""
    shown = [pair for pair in view.states if pair[0].connector and pair[0].connector not in SILENT_CONNECTORS]
    if not shown:
        return
    if len(shown) > MOST_PILLS:
        states = [entry.state for entry, _ in shown]
        worst = words.state_words(min(states, key=_severity))
        label = f":{worst.color}[{counted_states(states)}]"
        place: DeltaGenerator = st.expander(label, icon=worst.icon, key="connections_folded")
    else:
        place = st.container()
    with place, st.container(horizontal=True, gap="xsmall", key="connection_pills"):
        for entry, cause in shown:
            pill(view, entry, cause)


def counted_states(states: Sequence[str]) -> str:
    """How many connections are in which state, the completed ones first.

    >>> counted_states(["completed"] * 5), counted_states(["failed", "completed", "never"])
    ('All 5 connections completed', '1 of 3 connections completed, 1 failed, 1 never synced')
    """
    number = Counter(states)
    good = number.pop("completed", 0)
    if not number:
        return f"All {good} connections completed"
    others = [f"{number[state]} {words.state_words(state).label.lower()}" for state in sorted(number, key=_severity)]
    return ", ".join([f"{good} of {len(states)} connections completed", *others])


def _severity(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST)


def pill(view: View, entry: Freshness, cause: str = "") -> None:
    """One connection's state with its time; the tooltip says what the state means and what helps."""
    said = words.state_words(entry.state)
    at = f" · {view.moment(entry.synced_at)}" if entry.synced_at else ""
    found = words.cause_words(cause) if entry.state in {"failed", "paused", "partial"} else None
    hint = f"{found.words} {found.cure}" if found else said.meaning
    st.badge(f"{words.plain(entry.label)} · {said.label}{at}", icon=said.icon, color=said.color, help=hint)


def notices(view: View) -> None:
    """What happened to connections whose numbers are not what they should be, and the cure: those alike in one line."""
    alike: dict[tuple[str, bool], list[Freshness]] = defaultdict(list)
    for entry, cause in view.states:
        if entry.state not in {"failed", "stale"}:
            continue
        found = words.cause_words(cause)
        happened = found.words if found and entry.state == "failed" else words.state_words(entry.state).meaning
        cure = f" {found.cure}" if found and view.viewer.is_admin and entry.state == "failed" else ""
        alike[f"{happened}{cure}", entry.synced_at is not None].append(entry)
    for (said, is_read), entries in alike.items():
        names = " · ".join(f"**{words.plain(entry.label)}**" for entry in entries)
        since = min((entry.synced_at for entry in entries if entry.synced_at), default=None)
        shown = "It has brought no numbers yet." if len(entries) == 1 else "They have brought no numbers yet."
        if is_read:
            oldest = "from" if len(entries) == 1 else "the oldest from"
            shown = f"The numbers shown are the last good ones, {oldest} {view.moment(since)}."
        st.error(f"{names}: {said} {shown}", icon=":material/error:")


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
        return "From referrals and files" if row.platform == "referrals" else words.state_words("fed").label
    return f"Synced {view.moment(row.synced_at)}"


def _tells_applications(view: View, platform: str) -> bool:
    """Whether some connection of the platform reports applications at all."""
    kinds = [find_source(entry.connector) for entry, _ in view.states if entry.platform == platform]
    return any(offered.metric == "applications" for kind in kinds if kind for offered in kind.metrics)
