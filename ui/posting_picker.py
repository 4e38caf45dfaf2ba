"""Postings to choose from: all of them where a list can hold them; of more, those that are searched for."""

import uuid
from collections import Counter
from collections.abc import Collection

import streamlit as st

from store.reports.posting_choices import MOST_CHOICES, Choices, list_choices
from ui import data
from ui.shell import View


def offered(
    view: View,
    key: str,
    *,
    statuses: Collection[str] = (),
    also: Collection[uuid.UUID | None] = (),
    in_full: bool = False,
    width: int | None = None,
) -> dict[str, uuid.UUID]:
    """Postings by the name shown, for the box whose key is `key`; draws what searches for others before it, if need be.

    `also` are among them however many there are, and so is what is chosen in the box. `in_full` says the requisition
    of each, also where titles alone would tell them apart. Not within a form: there nothing is searched for.
    """
    sought = str(st.session_state.get(f"{key}_find") or "").strip()
    keep = {one for one in also if one is not None} | _chosen(key)
    with data.session() as session:
        found = list_choices(session, view.company, statuses=statuses, search=sought, keep=keep)
    is_cut = found.total > MOST_CHOICES
    if is_cut:
        st.text_input(
            f"Find a posting ({len(found.shown):,} of {found.total:,} listed)",
            key=f"{key}_find",
            placeholder="Title, requisition, department, location",
            icon=":material/search:",
            width=width or "stretch",
        )
    # Of many the names are told in full, so that none changes with what is searched for.
    names = named(found, in_full=in_full or is_cut)
    st.session_state[f"{key}_names"] = names
    return names


def named(found: Choices, *, in_full: bool) -> dict[str, uuid.UUID]:
    """Postings by a name that no two of them share: the title, and the requisition too where it takes that."""
    times = Counter(one.title for one in found.shown)
    names: dict[str, uuid.UUID] = {}
    for one in found.shown:
        name = one.title or "Untitled"
        if in_full or times[one.title] > 1:
            name = f"{name} ({one.requisition_ref or _tail(one.id)})"
        # An archived posting may have the title and the requisition of another one.
        names[name if name not in names else f"{name} {_tail(one.id)}"] = one.id
    return names


def _chosen(key: str) -> set[uuid.UUID]:
    """What is chosen in the box now, by the names it was offered under."""
    held = st.session_state.get(key) or ()
    names: dict[str, uuid.UUID] = st.session_state.get(f"{key}_names") or {}
    return {names[name] for name in ((held,) if isinstance(held, str) else held) if name in names}


def _tail(posting_id: uuid.UUID) -> str:
    return str(posting_id)[-6:]
