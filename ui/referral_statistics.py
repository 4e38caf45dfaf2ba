"""What referrals bring: how far they come, how fast, from where, and what a hire costs beside the other sources."""

from collections.abc import Sequence

import streamlit as st

from domain.money import Money
from domain.periods import Period, local_day, named_period, span
from store.reports.referrals import Counts, Group, ReferralStatistics, SourceCost, get_statistics
from ui import data, export, figures, palette, shell, tables
from ui.shell import View
from ui.tables import Cell, Column, Table

_COLUMNS, _NARROWEST = 3, 180
_NOBODY = "Not known"
_PERIODS = {"30 days": "30d", "90 days": "90d", "1 year": "1y"}
_DEFAULT = "90 days"
_RATE = "Applied of referred"


def draw(view: View) -> None:
    """Figures, departments, postings and costs of the view's period."""
    period = choose_period(view, key="statistics_period")
    with data.session() as session:
        found = get_statistics(session, view.company, period)
    if not found.counts.sent:
        shell.nothing_here(
            f"**{span(period)}: nobody was referred.** Choose a longer period.", icon=":material/handshake:"
        )
    else:
        _referred(view, found)
    if found.costs:
        # Whoever was hired or paid in the period may have been referred before it.
        _section((view, period), "Cost per hire by source", costs_table(found.costs), key="costs", words=_COSTS)


def _referred(view: View, found: ReferralStatistics) -> None:
    """How far those came who were referred in the period."""
    period = found.period
    cards(found)
    by_department = groups_table(found.departments, "Department")
    words = f"Everybody who was referred in {span(period)}, by the posting's department, and how far they have come."
    _section((view, period), "Departments", by_department, key="departments", words=words)
    by_posting = groups_table(found.postings, "Posting")
    _section((view, period), "Postings", by_posting, key="postings", words="The same people by posting.")


def choose_period(view: View, *, key: str) -> Period:
    """Draw the choice of a period: few are referred in a week, so that it begins at a quarter."""
    name = st.segmented_control(
        "Period", list(_PERIODS), default=_DEFAULT, key=key, required=True, label_visibility="collapsed"
    )
    today = local_day(view.now, view.company.time_zone)
    return named_period(_PERIODS[name or _DEFAULT], today)


_COSTS = (
    "Spend by hires of the period, each on its own day and by the source that it counts for, which a referral does not"
    " change. Whoever was referred earlier and hired now is among them: so hires here need not be those above. Of"
    " referrals, spend is what was paid as rewards. Where money was spent in several currencies, there is no cost per"
    " hire: they are never added up."
)


def cards(found: ReferralStatistics) -> None:
    """Six figures, with what each is made of."""
    counts, time = found.counts, found.time_to_apply
    waited = f"Of {figures.count(time.measured)} people who were named and applied. Half of them took no longer than"
    told = (
        ("Referred", figures.count(counts.sent), "Candidates recommended in the period; merged ones count once."),
        ("Applied", figures.count(counts.applied), f"{_of(counts.conversion.ratio, counts.sent)} referred."),
        ("Interviewed", figures.count(counts.interviewed), "They came to an interview, or further."),
        ("Hired", figures.count(counts.hired), f"{_of(counts.hire_rate.ratio, counts.sent)} referred."),
        (_RATE, figures.percent(counts.conversion.ratio), "Who applied, of those referred in the period."),
        ("Time to apply", figures.days(time.mean_days), f"The mean. {waited} {figures.days(time.median_days)}."),
    )
    with st.grid(_COLUMNS, min_column_width=_NARROWEST, gap="small"):
        for label, value, meaning in told:
            st.metric(label, value, help=meaning, border=True, height="stretch")


def groups_table(groups: Sequence[Group], name: str) -> Table:
    """Postings or departments, the busiest first."""
    columns = (
        Column(name, width="medium"),
        Column("Referred", "count"),
        Column("Applied", "count"),
        Column("Interviewed", "count"),
        Column("Hired", "count"),
        Column(_RATE, "percent", "Who applied, of those referred."),
    )
    return Table(columns, tuple((one.label or _NOBODY, *_cells(one.counts)) for one in groups))


def costs_table(costs: Sequence[SourceCost]) -> Table:
    """Sources with what they cost: a column for each currency of spend."""
    currencies = sorted({money.currency for one in costs for money in one.spend})
    columns = (
        Column("Source"),
        Column("Hires", "count"),
        *(Column(f"Spend ({code})", "amount") for code in currencies),
        *(Column(f"Cost per hire ({code})", "amount") for code in currencies),
    )
    return Table(columns, tuple(_cost(one, currencies) for one in costs))


def _cost(one: SourceCost, currencies: Sequence[str]) -> tuple[Cell, ...]:
    spend = {money.currency: money.amount for money in one.spend}
    each = one.per_hire or Money(0, "")
    per_hire = (each.amount if each.currency == code else None for code in currencies)
    return (palette.label(one.platform), one.hires, *(spend.get(code) for code in currencies), *per_hire)


def _cells(counts: Counts) -> tuple[Cell, ...]:
    ratio = counts.conversion.ratio
    rate = None if ratio is None else round(100 * ratio, 2)
    return (counts.sent, counts.applied, counts.interviewed, counts.hired, rate)


def _of(ratio: float | None, sent: int) -> str:
    return f"{figures.percent(ratio)} of {figures.count(sent)}"


def _section(of: tuple[View, Period], title: str, table: Table, *, key: str, words: str) -> None:
    view, period = of
    with st.container(border=True, key=f"referral_{key}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(title, anchor=False, width="content")
            name = export.file_name(f"referrals {title}", view.company.name, period)
            export.download(table, name=name, key=f"download_referral_{key}")
        # On a phone the table's own buttons stand above it: they must not cover the download.
        st.caption(words)
        tables.show(table, key=f"table_referral_{key}", alt=f"Referrals: {title.lower()}")
