"""Reward rules on the referral desk: what is promised, in plain words; made, replaced and ended."""

import uuid
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from actions import rewards
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.periods import local_day
from domain.rewards import Eligibility
from store.reports.reward_rules import RuleRow, list_offers, list_rules
from ui import data, figures, posting_picker, shell, toasts, words
from ui.referral_rewards import tried
from ui.shell import View

_EVERY = "Every posting without rules of its own"
_MILESTONES = {"A hire": "hired", "An interview": "interviewed", "An application": "applied"}
_WAYS = {"All referrals": "all", "Referrals that name somebody": "named", "Personal links": "link"}
_STATES = {
    "on": ("In force", "green", ":material/check_circle:"),
    "coming": ("To come", "blue", ":material/schedule:"),
    "ended": ("Ended", "gray", ":material/block:"),
}


def draw(view: View) -> None:
    """The rules, those in force first, with the button that makes another."""
    today = local_day(view.now, view.company.time_zone)
    with data.session() as session:
        rows = list_rules(session, view.company, today)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            "A rule promises a reward to who refers while it is in force. Ending or replacing it changes no promise"
            " already made.",
            width="content",
        )
        if st.button("New rule", key="new_rule", type="primary", icon=":material/add:"):
            st.dialog("New rule", icon=":material/redeem:")(_form)(view, None)
    if not rows:
        shell.nothing_here(
            "**Nothing is promised yet.** Make a rule, and everybody who refers reads what they can earn.",
            icon=":material/redeem:",
        )
    for row in [row for row in rows if row.state != "ended"]:
        _one(view, row)
    ended = [row for row in rows if row.state == "ended"]
    if ended:
        with st.expander(f"Ended rules ({len(ended)})", icon=":material/history:"):
            for row in ended:
                _one(view, row)


def offers(view: View, posting_id: uuid.UUID | None, *, is_named: bool) -> None:
    """What the viewer would be promised for a referral sent now; draws nothing where that is nothing."""
    with data.session() as session:
        found = list_offers(
            session, view.company, view.viewer.user_id, posting_id, is_named=is_named, now=datetime.now(UTC)
        )
    if found:
        st.caption(f":material/redeem: **You earn** {words.plain('; '.join(found))}.")


def _one(view: View, row: RuleRow) -> None:
    label, color, icon = _STATES[row.state]
    with st.container(border=True, key=f"rule_{row.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(row.words)}**", width="content")
            st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]
        st.text(" · ".join(part for part in (row.name, row.posting or _EVERY, *row.limits) if part))
        st.caption(_when(view, row))
        if row.state != "ended":
            with st.container(horizontal=True, gap="small"):
                if st.button("Replace", key=f"replace_{row.id}", icon=":material/edit:"):
                    st.dialog("Replace a rule", icon=":material/redeem:")(_form)(view, row)
                st.button("End", key=f"end_{row.id}", icon=":material/block:", on_click=_end, args=(view, row))


def _when(view: View, row: RuleRow) -> str:
    begins = figures.day(row.starts_on) if row.starts_on else view.moment(row.created_at)
    parts = [f"For referrals sent from {begins} on"]
    if row.ends_on:
        parts.append(f"until {figures.day(row.ends_on)}")
    if row.disabled_at:
        parts.append(f"ended {view.moment(row.disabled_at)}")
    return ", ".join(parts) + "."


def _form(view: View, row: RuleRow | None) -> None:
    if row is not None:
        st.caption("The rule in force ends now, and keeps what it promised. This one takes its place.")
    key = f"rule_form_{row.id if row else 'new'}"
    postings = posting_picker.offered(
        view, f"{key}_posting", statuses=("open", "closed"), also=[row.posting_id if row else None], in_full=True
    )
    with st.form(key, border=False):
        amount, currency, milestone, days = _terms(view, key, row)
        names: dict[str, uuid.UUID | None] = {_EVERY: None, **postings}
        if row is not None and row.posting_id not in names.values():
            # Archived since: a rule for it must not become one for every posting.
            names[f"{row.posting} (archived)"] = row.posting_id
        chosen = st.selectbox(
            "Posting", list(names), _at(list(names.values()), row and row.posting_id), key=f"{key}_posting"
        )
        starts_on, ends_on = _days(view, key, row)
        who = _who(key, row.who if row else Eligibility())
        name = st.text_input("Name (optional)", row.name if row else "", key=f"{key}_name", max_chars=100)
        sent = st.form_submit_button("Save", type="primary", icon=":material/check:")

    def save() -> None:
        terms = rewards.RuleTerms(
            amount=rewards.read_money(amount, currency),
            milestone=milestone,
            days_after=days,
            posting_id=names[chosen],
            name=name,
            starts_on=starts_on,
            ends_on=ends_on,
            who=who,
        )
        instead_of = row.id if row else None
        rewards.make_rule(running_store(), view.viewer, terms, instead_of=instead_of, now=datetime.now(UTC))

    if sent and tried(save):
        toasts.later("The rule is saved.", icon=":material/check_circle:")
        st.rerun()


def _terms(view: View, key: str, row: RuleRow | None) -> tuple[str, str, str, int]:
    """(Amount as typed, currency, milestone, days)."""
    left, right = st.columns([2, 1])
    amount = left.text_input(
        "Amount", f"{row.amount.amount:f}" if row else "", key=f"{key}_amount", placeholder="1000.00"
    )
    currency = right.text_input(
        "Currency", row.amount.currency if row else view.company.currency, key=f"{key}_currency"
    )
    # Columns of their own: on a phone, what belongs together stays together.
    left, right = st.columns([2, 1])
    milestone = left.selectbox(
        "For", list(_MILESTONES), _at(list(_MILESTONES.values()), row and row.milestone), key=f"{key}_for"
    )
    days = right.number_input(
        "Days after", 0, rewards.MOST_DAYS_AFTER, row.days_after if row else 90, key=f"{key}_days",
        help="So many days it must last until the reward is due. 0 for at once.",
    )  # fmt: skip
    return amount, currency, _MILESTONES[milestone], int(days)


def _days(view: View, key: str, row: RuleRow | None) -> tuple[date | None, date | None]:
    today = local_day(view.now, view.company.time_zone)
    left, right = st.columns(2)
    starts_on = left.date_input(
        "From (optional)",
        row.starts_on if row and row.starts_on and row.starts_on > today else None,
        today - timedelta(days=366),
        key=f"{key}_from",
        help="Referrals sent from this day on. Empty: from now. For days past it promises only to who had been promised"
        " nothing.",
    )
    return starts_on, right.date_input("Until (optional)", row.ends_on if row else None, key=f"{key}_until")


def _who(key: str, held: Eligibility) -> Eligibility:
    ways = st.selectbox("By", list(_WAYS), _at(list(_WAYS.values()), held.ways), key=f"{key}_ways")
    admins = st.toggle("Admins earn it too", held.admins, key=f"{key}_admins")
    team = st.toggle("A posting's own recruiter and hiring manager earn it too", held.posting_team, key=f"{key}_team")
    most = st.number_input(
        "Most a person and year (optional)", 1, 1000, held.most_a_year, key=f"{key}_most", placeholder="No limit"
    )
    return Eligibility(admins=admins, posting_team=team, ways=_WAYS[ways], most_a_year=int(most) if most else None)


def _at(values: list[str] | list[uuid.UUID | None], wanted: object) -> int:
    """Where a value stands among others; the first place for one that is not there."""
    return values.index(wanted) if wanted in values else 0  # type: ignore[arg-type]


def _end(view: View, row: RuleRow) -> None:
    try:
        rewards.end_rule(running_store(), view.viewer, row.id, now=datetime.now(UTC))
    except (NotAllowed, NotFound) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    toasts.later("The rule has ended. What it promised stays promised.", icon=":material/block:")
