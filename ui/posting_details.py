"""What is known of one posting besides its numbers: what platforms call it, and what was changed about it."""

from datetime import UTC, datetime

import streamlit as st

from actions import postings
from actions.running import running_store
from domain.postings import LABELS
from store.reports.posting_page import Change, KnownAs, list_changes, list_known_as
from store.reports.postings import MOST_ROWS, PostingRow, WaitingPosting, list_waiting
from ui import data, filters, palette, shell, toasts
from ui.posting_forms import tried
from ui.shell import View
from ui.tables import Column, Table, choose, show

_STANDING = "standing:"
_STANDS = {
    "live": "shown",
    "pending": "being reviewed",
    "closed": "taken off",
    "rejected": "refused",
    "": "not published",
}
#: Where applications and referrals of a posting are listed, with the filter that narrows them to it.
_LISTS = (
    ("pages/Applicants.py", "Applicants of this posting", ":material/groups:", False),
    ("pages/Referral_desk.py", "Referrals for this posting", ":material/redeem:", True),
)


def links(view: View, row: PostingRow) -> None:
    """Leads to what else there is of the posting, as far as the viewer may see it."""
    with st.container(horizontal=True, gap="small"):
        for path, label, icon, is_for_admins in _LISTS:
            if shell.has_page(path) and (view.viewer.is_admin or not is_for_admins):
                st.page_link(path, label=label, icon=icon, width="content", query_params={filters.POSTING: str(row.id)})


def draw(view: View, row: PostingRow) -> None:
    """Names at platforms, and the history."""
    with data.session() as session:
        known = list_known_as(session, view.company, row.id)
        changes = list_changes(session, view.company, row.id)
        waiting = list_waiting(session, view.company) if view.viewer.is_admin else []
    with st.expander(f"Known to platforms as ({len(known)})", icon=":material/badge:"):
        _known(view, row, known)
        if view.viewer.is_admin:
            _add(view, row, waiting)
    with st.expander(f"History ({len(changes)})", icon=":material/history:"):
        if changes:
            show(history_table(changes), key="posting_history", alt="What was changed", zone=view.company.time_zone)
        else:
            st.caption("Nothing was changed since histories are kept.")


def _known(view: View, row: PostingRow, known: list[KnownAs]) -> None:
    if not known:
        st.caption("No platform has told of it yet. What a platform tells under its requisition is linked by itself.")
        return
    table = known_table(known)
    zone = view.company.time_zone
    if not view.viewer.is_admin:
        show(table, key=f"known_{row.number}_table", alt="What platforms call it", zone=zone)
        return
    chosen = choose(table, key=f"known_{row.number}_table", alt="What platforms call it", zone=zone)
    if chosen is None:
        st.caption("Choose a row to unlink it.")
        return
    number = known[chosen].number
    st.button("Unlink", key=f"unlink_{number}", icon=":material/link_off:", on_click=_link, args=(view, number, None))


def known_table(known: list[KnownAs]) -> Table:
    """What platforms call a posting."""
    columns = (
        Column("Platform"),
        Column("Platform's id"),
        Column("Title there", width="medium"),
        Column("Linked by"),
        Column("Stands"),
        Column("First seen", "instant"),
    )
    return Table(
        columns,
        tuple(
            (
                palette.label(each.platform),
                each.external_ref,
                each.title or None,
                "Hand" if each.linked_by == "hand" else "Rule",
                _STANDS[each.status].capitalize() if each.status in _STANDS and each.status else each.status or None,
                each.first_seen_at,
            )
            for each in known
        ),
    )


def _add(view: View, row: PostingRow, waiting: list[WaitingPosting]) -> None:
    """Link something that waits."""
    if not waiting:
        return
    names = {f"{palette.label(each.platform)}: {each.external_ref} {each.title}".strip(): each for each in waiting}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "Also known as",
            list(names),
            index=None,
            key=f"known_{row.number}",
            placeholder="Choose what waits to be linked",
            help=f"The newest {MOST_ROWS} are listed. Of more, link one under Waiting to be linked, or by a rule."
            if len(waiting) >= MOST_ROWS
            else None,
        )
        st.button(
            "Link",
            key=f"know_{row.number}",
            icon=":material/link:",
            disabled=name is None,
            on_click=_link,
            args=(view, names[name].number if name else 0, row),
        )


def _link(view: View, number: int, row: PostingRow | None) -> None:
    target = row.id if row else None
    if tried(lambda: postings.link(running_store(), view.viewer, number, target, now=datetime.now(UTC))):
        said = "Linked. Its numbers are being counted for the posting." if row else "It waits again, to be linked."
        toasts.later(said, icon=":material/link:" if row else ":material/link_off:")


def history_table(changes: list[Change]) -> Table:
    """Changes as a table, the newest first."""
    columns = (Column("When", "instant"), Column("What"), Column("Before"), Column("Now"), Column("By"))
    return Table(
        columns,
        tuple((each.at, field_words(each.field), *_sides(each), words_of(each.actor)) for each in changes),
    )


def field_words(field: str) -> str:
    """What a field of the history is called.

    >>> field_words("closed_on"), field_words("standing:monster"), field_words("advert")
    ('Closing day', 'At Monster', 'Advert')
    """
    if field.startswith(_STANDING):
        return f"At {palette.label(field.removeprefix(_STANDING))}"
    return LABELS.get(field, field.replace("_", " ").capitalize())


def words_of(actor: str) -> str | None:
    """Who changed it; nobody's name is missing rather than empty."""
    return actor or None


def _sides(change: Change) -> tuple[str | None, str | None]:
    if change.field.startswith(_STANDING):
        return _STANDS.get(change.before, change.before), _STANDS.get(change.after, change.after)
    if change.field == "status":
        return change.before.capitalize() or None, change.after.capitalize() or None
    return change.before or None, change.after or None
