"""One applicant: stages with who told them, what touched the application and which of it owns it, the referral."""

import uuid

import streamlit as st

from actions.running import running_store
from store.reports.applicant import Applicant, StageTold, TouchSeen, get_applicant
from store.reports.applicants import opener
from ui import applicant_stages, data, palette, referral_words, shell, tables, words
from ui.applicant_names import names_of, reveal_button
from ui.shell import View
from ui.tables import Column, Table

APPLICANT = "applicant"
TELLERS = {
    "file": "File",
    "webhook": "Webhook",
    "tracker": "Career site",
    "link": "Tracked link",
    "api": "API",
    "hand": "By hand",
}
_KINDS = {"declared": "Declared", "link": "Tracked link", "utm": "UTM parameters", "referral": "Referral code"}
RULE = (
    "Of all that says where an application came from, what somebody declared owns it; else a tracked link; else UTM"
    " parameters; else a referral's code. Of one kind the earliest, and a platform we know before any other."
)


def draw(view: View, asked: str) -> None:
    """The applicant that the address names."""
    if st.button("All applicants", key="all_applicants", icon=":material/arrow_back:"):
        del st.query_params[APPLICANT]
        st.rerun()
    found = _find(view, asked)
    if found is None:
        shell.nothing_here(
            "**There is no such applicant.** The application may have been taken back or become another."
        )
        return
    _head(view, found)
    if view.viewer.is_admin:
        applicant_stages.one(view, found.row.id, found.row.stage)
    st.subheader("Stages", anchor=False)
    tables.show(stages_table(found.history), key="stages", alt="Stages told", zone=view.company.time_zone)
    st.caption(
        "The day in numbers is the one that counts: what a person said goes first, else the earliest that was told."
    )
    _touches(view, found)


def _find(view: View, asked: str) -> Applicant | None:
    try:
        wanted = uuid.UUID(asked)
    except ValueError:
        return None
    with data.session() as session:
        masked = opener(running_store().vault, "applications", personal=False)
        return get_applicant(session, view.company, wanted, masked)


def _head(view: View, found: Applicant) -> None:
    row = found.row
    name, email = names_of([row.id]).get(row.id, (row.candidate_name, row.candidate_email))
    with st.container(border=True, key="applicant"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(words.plain(name) or "No name told", anchor=False, width="content")
            if view.viewer.is_admin:
                reveal_button(view, [row.id])
        st.badge(row.stage.capitalize(), color="green" if row.stage == "hired" else "blue")
        posting = row.posting_title or "No posting told"
        named = f" ({found.posting_ref})" if found.posting_ref and row.posting_id is None else ""
        unknown = ". We know no posting of this name yet: once there is one, it is linked." if named else ""
        st.text(f"{email or 'No e-mail told'} · {posting}{named}{unknown}")
        st.text(f"Applied {view.moment(row.applied_at)} · id {row.external_ref}")
        for referral in found.referrals:
            by = referral.referrer_name or "somebody"
            standing = referral_words.STANDINGS.get(referral.status)
            said = standing.label.lower() if standing else referral.status
            st.text(f"Referred by {by}, {view.moment(referral.sent_at)}: {said}.")


def stages_table(history: tuple[StageTold, ...]) -> Table:
    """What was told of the stages, as a table."""
    columns = (
        Column("Stage", width="medium"),
        Column("Reached", "instant", "Or, where it was taken back, when somebody did."),
        Column("Counts", help="Whether it dates the stage in numbers."),
        Column("Told by"),
        Column("Who", width="medium"),
        Column("Told", "instant"),
    )
    told_of = {told.stage for told in history if not told.is_taken_back}
    # Of stages that nobody told of there is nothing to take back that would be worth a line.
    shown = [told for told in history if not told.is_taken_back or told.stage in told_of]
    return Table(columns, tuple(_stage_cells(told) for told in shown))


def _stage_cells(told: StageTold) -> tuple[tables.Cell, ...]:
    stage = told.stage.capitalize()
    teller = palette.label(told.teller) if told.told_by == "webhook" and told.teller else told.teller
    return (
        f"{stage}: taken back" if told.is_taken_back else stage,
        told.at,
        "Yes" if told.counts else "No date" if told.at is None else None,
        TELLERS.get(told.told_by, told.told_by),
        teller or None,
        told.told_at,
    )


def _touches(view: View, found: Applicant) -> None:
    st.subheader("Where they came from", anchor=False)
    row = found.row
    label = palette.label(row.platform)
    source = f", told as “{words.plain(row.source)}”" if row.source and row.source != label else ""
    st.markdown(f"It counts for **{label}**{source}.")
    if found.touches:
        tables.show(touches_table(found.touches), key="touches", alt="Touches", zone=view.company.time_zone)
        st.caption(RULE)
    elif row.told_by in {"tracker", "link"}:
        st.caption("Nothing says where they came from before: then it is the company's own site, which told of it.")
    else:
        st.caption("Nobody told where they came from.")


def touches_table(touches: tuple[TouchSeen, ...]) -> Table:
    """What touched the application, oldest first, as a table."""
    columns = (
        Column("When", "instant"),
        Column("Kind"),
        Column("Platform"),
        Column("Owns it"),
        Column("Source"),
        Column("Medium"),
        Column("Campaign"),
        Column("Link or code"),
    )
    return Table(columns, tuple(_touch_cells(touch) for touch in touches))


def _touch_cells(touch: TouchSeen) -> tuple[tables.Cell, ...]:
    return (
        touch.at,
        _KINDS.get(touch.kind, touch.kind),
        palette.label(touch.platform) if touch.platform else None,
        "Yes" if touch.owns else None,
        touch.source or None,
        touch.medium or None,
        touch.campaign or None,
        touch.link or touch.referral or None,
    )
