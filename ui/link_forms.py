"""Make tracking links, many at a time, in controlled words; switch one off and on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import streamlit as st

from actions import links
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.links import near_campaign, plain_campaign
from domain.platforms import PLATFORMS
from store.reports.links import LinkRow, list_addresses, list_campaigns
from ui import data, posting_picker, toasts, words
from ui.shell import View

#: The career site hears its own visitors: a link to it from itself says nothing.
_OFFERED = [platform for platform in PLATFORMS if not platform.is_site]


def new(view: View) -> None:
    """Open an empty form."""
    st.dialog("New links", icon=":material/add_link:")(_form)(view)


def switch_button(view: View, row: LinkRow) -> None:
    """Switch off, or on again."""
    label, icon = ("Switch off", ":material/link_off:") if row.is_on else ("Switch on", ":material/link:")
    st.button(label, key=f"switch_{row.slug}", icon=icon, on_click=_switch, args=(view, row))


def _form(view: View) -> None:
    names = posting_picker.offered(view, "link_postings", statuses=("open",), in_full=True)
    with data.session() as session:
        addresses = list_addresses(session, view.company, names.values())
        campaigns = list_campaigns(session, view.company)
    by_name = {name: (one, addresses[one]) for name, one in names.items() if addresses.get(one)}
    chosen = st.multiselect("Postings", list(by_name), key="link_postings", placeholder="Choose postings")
    without = len(names) - len(by_name)
    if without:
        st.caption(f"{words.counted(without, 'open posting')} without a path or an apply address cannot be chosen.")
    other = st.text_input("Or another page of your sites", key="link_other", placeholder="https://")
    labels = {platform.label: platform.key for platform in _OFFERED}
    platforms = st.multiselect("Platforms", list(labels), key="link_platforms", placeholder="Where you share it")
    campaign = _campaign(campaigns)
    made = (len(chosen) + bool(other.strip())) * len(platforms)
    if st.button(
        f"Make {words.counted(made, 'link')}" if made else "Make links",
        key="make_links",
        type="primary",
        icon=":material/check:",
        disabled=not made,
    ):
        wanted: list[tuple[UUID | None, str]] = [by_name[name] for name in chosen]
        if other.strip():
            wanted.append((None, other.strip()))
        _make(view, wanted, [labels[label] for label in platforms], campaign)


def _campaign(known: list[str]) -> str:
    """A campaign in the spelling it is kept in, with a word where it looks like one that is there already."""
    told = st.selectbox(
        "Campaign",
        known,
        index=None,
        key="link_campaign",
        accept_new_options=True,
        placeholder="None, one of yours, or a new one",
        help="Kept in lower case with hyphens, so that one campaign does not become two.",
    )
    campaign = plain_campaign(told or "")
    near = near_campaign(campaign, known)
    if near:
        st.warning(
            f"There is a campaign **{words.plain(near)}** already. Is that the one you mean? Two spellings split its"
            " numbers.",
            icon=":material/call_split:",
        )
    elif campaign and campaign != told:
        st.caption(f"Kept as **{words.plain(campaign)}**.")
    return campaign


def _make(view: View, wanted: list[tuple[UUID | None, str]], platforms: Sequence[str], campaign: str) -> None:
    try:
        slugs = links.make_links(running_store(), view.viewer, wanted, platforms, campaign, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later(f"{words.counted(len(slugs), 'link')} ready to share.", icon=":material/link:")
    st.rerun()


def _switch(view: View, row: LinkRow) -> None:
    try:
        links.switch_link(running_store(), view.viewer, row.id, is_on=not row.is_on, now=datetime.now(UTC))
    except (NotAllowed, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    said = "The link is switched off. Its clicks stay counted." if row.is_on else "The link is switched on again."
    toasts.later(said, icon=":material/link_off:" if row.is_on else ":material/link:")
