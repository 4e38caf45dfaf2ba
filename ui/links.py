"""Tracking links: the list with clicks, one link with its QR code, and for admins making and switching off."""

import streamlit as st

from store.reports.links import LinkRow, list_links
from store.reports.tracker import find_tracker
from ui import data, export, link_forms, own_address, palette, qr, shell, tables, words
from ui.shell import View
from ui.tables import Column, Table

_SHOWN = "link_shown"


def draw(view: View) -> None:
    """The list, or why there is none."""
    with data.session() as session:
        rows = list_links(session, view.company)
        tracker = find_tracker(session, view.company)
    has_sites = tracker is not None and bool(tracker.origins)
    if view.viewer.is_admin and has_sites:
        with view.actions:
            if st.button("New links", icon=":material/add_link:", key="new_links", type="primary"):
                link_forms.new(view)
    if rows:
        _list(view, rows)
    else:
        _nothing(view, has_sites=has_sites)


def _nothing(view: View, *, has_sites: bool) -> None:
    said = (
        "**No link is shared yet.** A link counts its clicks, and tells the career site where its visitors come from."
    )
    if not view.viewer.is_admin:
        shell.nothing_here(f"{said} Ask an admin to make one.", icon=":material/link:")
    elif has_sites:
        shell.nothing_here(f"{said} Make one for a posting and a platform under “New links”.", icon=":material/link:")
    else:
        shell.nothing_here(
            f"{said} Links lead only to your own sites: name those first.",
            path="pages/Tracker.py",
            action="Name your sites",
            icon=":material/link:",
        )


def _list(view: View, rows: list[LinkRow]) -> None:
    base = own_address.base()
    table = links_table(rows, base)
    clicks = sum(row.clicks for row in rows)
    # Above the table and short: on a phone the table's own buttons stand there, at the right.
    st.caption(f"{words.counted(len(rows), 'link')}, {words.counted(clicks, 'click')} since they were made.")
    chosen = tables.choose(table, key="links", alt="Tracking links with their clicks", zone=view.company.time_zone)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption("Choose a row for its address and QR code.")
        export.download(table, name=export.file_name("links", view.company.name), key="download_links")
    if chosen is not None:
        _one(view, rows[chosen], base)


def links_table(rows: list[LinkRow], base: str) -> Table:
    """Links as table and file."""
    columns = (
        Column("Posting", width="medium"),
        Column("Platform"),
        Column("Campaign"),
        Column("Clicks", "count", "Visits by people. Previews, crawlers and pages loaded ahead are counted apart."),
        Column("Filtered", "count", "Visits by programs: they are sent on, and not counted."),
        Column("Last click", "instant"),
        Column("Link"),
        Column("State"),
        Column("Leads to"),
        Column("Made", "instant"),
    )
    return Table(
        columns,
        tuple(
            (
                row.posting or None,
                palette.label(row.platform),
                row.campaign or None,
                row.clicks,
                row.filtered,
                row.last_click_at,
                address(base, row),
                "On" if row.is_on else "Off",
                row.target_url,
                row.created_at,
            )
            for row in rows
        ),
    )


def address(base: str, row: LinkRow) -> str:
    """A link's short address."""
    return f"{base}/l/{row.slug}"


def _one(view: View, row: LinkRow, base: str) -> None:
    """One link: its address to copy, its QR code as picture and files, and for admins the switch."""
    short = address(base, row)
    with st.container(border=True, key="link"):
        title = f"{row.posting or 'A page of your own'} · {palette.label(row.platform)}"
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(words.plain(title), anchor=False, width="content")
            if view.viewer.is_admin:
                link_forms.switch_button(view, row)
        if not row.is_on:
            st.warning("Switched off: who follows it reads that the link has ended.", icon=":material/link_off:")
        st.code(short, language=None)
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            st.image(qr.svg(short), width=180)
            with st.container(width="content", gap="small"):
                name = f"qr-{row.platform}-{row.slug}"
                st.download_button(
                    "QR code as SVG",
                    qr.svg(short),
                    f"{name}.svg",
                    "image/svg+xml",
                    key="qr_svg",
                    icon=":material/download:",
                    on_click="ignore",
                )
                st.download_button(
                    "QR code as PNG",
                    qr.png(short),
                    f"{name}.png",
                    "image/png",
                    key="qr_png",
                    icon=":material/download:",
                    on_click="ignore",
                )
        st.caption("Leads to")
        st.text(row.target_url)
