"""External postings that wait: link them by hand or by rule, or put them aside."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from actions import postings
from actions.running import running_store
from domain.matching import Suggestion
from store.reports.inbox import list_decisions, list_suggestions, preview_rule
from store.reports.link_rules import LinkRule, list_link_rules
from store.reports.postings import MOST_ROWS, WaitingPosting
from ui import data, palette, posting_picker, shell, tables, toasts, words
from ui.posting_forms import tried
from ui.shell import View
from ui.tables import Column, Table

_FIELDS = {
    "requisition_ref": "Requisition",
    "title": "Title or text",
    "path": "Path",
    "external_ref": "Platform's id",
    "link": "Any link in it",
    "campaign": "UTM campaign",
}
_DEEDS = {
    "posting.link": "linked",
    "posting.ignore": "put aside or back",
    "posting.rule": "made a rule for",
    "posting.rule_delete": "deleted the rule",
}
#: Rows of a preview; the number above them counts all.
MOST_PREVIEWED = 50
#: Of what was put aside, those that are listed with their button.
MOST_ASIDE = 50
_NONE = "No posting: put it aside"
#: What something that waits may be linked to.
_TARGETS = ("open", "closed")
_MATCHES = {"equals": "is", "starts_with": "starts with", "contains": "contains"}


def waiting(view: View, rows: list[WaitingPosting], ignored: list[WaitingPosting]) -> None:
    """The waiting list, and what was put aside."""
    if rows:
        st.caption(
            "Platforms know these under names of their own. They count for their platform already; linked, they count"
            " for a posting of yours too."
            + (f" The newest {MOST_ROWS} are listed; rules link many at once." if len(rows) >= MOST_ROWS else "")
        )
        chosen = tables.choose(
            waiting_table(rows), key="waiting", alt="External postings waiting", zone=view.company.time_zone
        )
        if chosen is None:
            st.caption("Choose a row to link it or to put it aside.")
        else:
            _link(view, rows[chosen])
    else:
        shell.nothing_here(
            "**Nothing waits.** Every posting the platforms told is linked or put aside.", icon=":material/task_alt:"
        )
    if ignored:
        _aside(view, ignored)


def waiting_table(rows: list[WaitingPosting]) -> Table:
    """External postings as a table."""
    columns = (
        Column("Platform"),
        Column("Kind"),
        Column("Title", width="medium"),
        Column("Requisition"),
        Column("Path or link"),
        Column("Platform's id"),
        Column("First seen", "instant"),
    )
    return Table(
        columns,
        tuple(
            (
                palette.label(row.platform),
                row.kind.capitalize(),
                row.title or None,
                row.requisition_ref or None,
                row.path or next(iter(row.links), None),
                row.external_ref,
                row.first_seen_at,
            )
            for row in rows
        ),
    )


def _link(view: View, row: WaitingPosting) -> None:
    with data.session() as session:
        suggested = list_suggestions(session, view.company, row)
    with st.container(border=True, key="link_one"):
        st.text(f"{palette.label(row.platform)}: {row.title or row.external_ref}")
        for link in row.links:
            st.caption(words.plain(link))
        targets = posting_picker.offered(
            view,
            f"target_{row.number}",
            statuses=_TARGETS,
            also=[each.key for each in suggested],
            in_full=True,
            width=360,
        )
        _suggested(view, row, suggested, targets)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            name = st.selectbox(
                "Belongs to",
                list(targets),
                index=None,
                key=f"target_{row.number}",
                placeholder="Choose a posting",
                width=360,
            )
            st.button(
                "Link",
                key=f"link_{row.number}",
                type="primary",
                icon=":material/link:",
                disabled=name is None,
                on_click=_link_to,
                args=(view, row, targets.get(name or "")),
            )
            if st.button("Put aside", key=f"aside_{row.number}", icon=":material/visibility_off:"):
                _put(view, row, is_ignored=True)


def _suggested(
    view: View, row: WaitingPosting, suggested: list[Suggestion[uuid.UUID]], targets: dict[str, uuid.UUID]
) -> None:
    """Postings that may be meant, one press away."""
    names = {posting_id: name for name, posting_id in targets.items()}
    for each in suggested:
        if each.key in names:
            st.button(
                f"{words.plain(names[each.key])}?",
                key=f"suggest_{row.number}_{each.key}",
                icon=":material/lightbulb:",
                help=f"Because of {each.reason}.",
                on_click=_link_to,
                args=(view, row, each.key),
            )


def _link_to(view: View, row: WaitingPosting, posting_id: uuid.UUID | None) -> None:
    if posting_id and tried(
        lambda: postings.link(running_store(), view.viewer, row.number, posting_id, now=datetime.now(UTC))
    ):
        toasts.later("Linked. Its numbers are being counted for the posting.", icon=":material/link:")


def _put(view: View, row: WaitingPosting, *, is_ignored: bool) -> None:
    if tried(
        lambda: postings.ignore(running_store(), view.viewer, row.number, is_ignored=is_ignored, now=datetime.now(UTC))
    ):
        toasts.later("Put aside." if is_ignored else "It waits again.", icon=":material/visibility_off:")
        st.rerun()


def _aside(view: View, rows: list[WaitingPosting]) -> None:
    with st.expander(f"Put aside ({len(rows)})", icon=":material/visibility_off:"):
        if len(rows) > MOST_ASIDE:
            st.caption(f"The newest {MOST_ASIDE} are shown.")
        for row in rows[:MOST_ASIDE]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(f"{palette.label(row.platform)}: {row.title or row.external_ref}", width="stretch")
                if st.button("Put back", key=f"back_{row.number}"):
                    _put(view, row, is_ignored=False)


def rules(view: View) -> None:
    """The rules in their order, and a form for another."""
    with data.session() as session:
        held = list_link_rules(session, view.company)
    st.caption("The same requisition, the same path, and a title that only one posting has are linked without a rule.")
    for rule in held:
        _rule(view, rule)
    found = posting_picker.offered(view, "rule_target", statuses=_TARGETS, in_full=True)
    targets: dict[str, uuid.UUID | None] = {**found, _NONE: None}
    with st.form("new_rule", clear_on_submit=False):
        st.markdown("**New rule**")
        left, middle, right = st.columns(3)
        field = left.selectbox("Field", list(_FIELDS), format_func=_FIELDS.__getitem__, key="rule_field")
        match = middle.selectbox("Compared", list(_MATCHES), format_func=_MATCHES.__getitem__, key="rule_match")
        pattern = right.text_input("Text", key="rule_pattern", max_chars=postings.LONGEST_PATTERN)
        name = st.selectbox("Belongs to", list(targets), key="rule_target")
        with st.container(horizontal=True, gap="small"):
            adds = st.form_submit_button("Add the rule", icon=":material/add:", type="primary")
            previews = st.form_submit_button("Preview", icon=":material/visibility:")
    if adds and tried(
        lambda: postings.add_rule(
            running_store(), view.viewer, targets[name], field, match, pattern, now=datetime.now(UTC)
        )
    ):
        toasts.later("The rule is added and was tried on what waits.", icon=":material/rule:")
        st.rerun()
    if previews:
        _preview(view, field, match, pattern)
    _history(view)


def _preview(view: View, field: str, match: str, pattern: str) -> None:
    """What the rule would link or put aside, before it is added."""
    if not pattern.strip():
        st.warning("Write the text that the rule looks for.")
        return
    with data.session() as session:
        found = preview_rule(session, view.company, field, match, pattern)
    others = f" {words.counted(found.others, 'other')} it fits are linked or put aside already." if found.others else ""
    st.info(f"The rule fits {words.counted(len(found.fits), 'waiting posting')}.{others}")
    if found.fits:
        table = waiting_table(list(found.fits[:MOST_PREVIEWED]))
        tables.show(table, key="rule_preview", alt="What the rule fits", zone=view.company.time_zone)


def _history(view: View) -> None:
    """What was decided about external postings, and by whom."""
    with data.session() as session:
        decisions = list_decisions(session, view.company)
    if not decisions:
        return
    with st.expander(f"History ({len(decisions)})", icon=":material/history:"):
        for each in decisions:
            what = each.facts.get("pattern") or each.target
            st.text(f"{view.moment(each.at)}: {each.actor} {_DEEDS[each.action]} {what}")


def _rule(view: View, rule: LinkRule) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        said = f"{_FIELDS.get(rule.field, rule.field)} {_MATCHES.get(rule.match, rule.match)} “{rule.pattern}”"
        st.text(f"{said} belongs to {rule.title}" if rule.posting_id else f"{said} is put aside", width="stretch")
        if st.button("Delete", key=f"rule_{rule.id}", icon=":material/delete:") and tried(
            lambda: postings.delete_rule(running_store(), view.viewer, rule.id, now=datetime.now(UTC))
        ):
            about = f"The rule for {words.plain(rule.title)}" if rule.posting_id else "The rule"
            toasts.later(f"{about} is deleted. What it did stays.", icon=":material/delete:")
            st.rerun()
