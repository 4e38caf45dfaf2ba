"""What the viewer narrowed the screen to. The address holds it; every widget key of it is owned here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import streamlit as st

from domain.filters import Filters
from domain.periods import Grain, Period, default_grain, named_period, span
from ui import words
from ui.palette import label

PERIOD, START, END, PLATFORM, GRAIN, LIVE = "period", "from", "to", "platform", "grain", "live"
NOTES, POSTING = "notes", "posting"
CUSTOM = "Custom"
DEFAULT = "30 days"
#: Screen words, which also stand in the address, and the period each of them names.
PERIODS = {"7 days": "7d", "30 days": "30d", "90 days": "90d", "1 year": "1y"}
GRAINS: dict[str, Grain] = {"Day": "day", "Week": "week", "Month": "month"}
AUTO = "Auto"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the filter bar holds. `remarks` say what in the address was not understood and what is shown instead."""

    name: str
    period: Period
    filters: Filters
    remarks: tuple[str, ...] = ()

    def at(self, today: date) -> Period:
        """The period as it stands on `today`: named periods move on at midnight, custom ones stay."""
        return named_period(PERIODS[self.name], today) if self.name in PERIODS else self.period


def bar(today: date, offered: Sequence[str]) -> Chosen:
    """Draw period and platform filters and read them. `offered` are the platform keys the company has."""
    names = {label(key): key for key in offered}
    remarks = _strangers(PERIOD, [*PERIODS, CUSTOM], DEFAULT) + _strangers(PLATFORM, list(names), "all platforms")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = st.segmented_control(
            "Period",
            [*PERIODS, CUSTOM],
            default=DEFAULT,
            key=PERIOD,
            required=True,
            bind="query-params",
            label_visibility="collapsed",
        )
        chosen = st.multiselect(
            "Platforms",
            list(names),
            key=PLATFORM,
            bind="query-params",
            placeholder="All platforms",
            label_visibility="collapsed",
            width=320,
        )
    period = named_period(PERIODS[DEFAULT], today)
    if name == CUSTOM:
        period, said = _custom(today)
        remarks += said
    elif name in PERIODS:
        period = named_period(PERIODS[name], today)
    for remark in remarks:
        st.warning(remark, icon=":material/info:")
    return Chosen(name or DEFAULT, period, Filters(tuple(names[shown] for shown in chosen)), tuple(remarks))


def _custom(today: date) -> tuple[Period, list[str]]:
    """The days between two pickers; the last 30 days while they do not make a period."""
    earliest = today - timedelta(days=words.LONGEST_DAYS)
    remarks = _bad_day(START, earliest, today) + _bad_day(END, earliest, today)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        start = st.date_input("From", None, earliest, today, key=START, bind="query-params", width=160)
        end = st.date_input("To", None, earliest, today, key=END, bind="query-params", width=160)
    fallback = named_period(PERIODS[DEFAULT], today)
    last = end or today
    first = start or last - timedelta(days=fallback.days - 1)
    if first > last:
        return fallback, [*remarks, f"The first day is after the last one. Showing {span(fallback)}."]
    return Period(first, last + timedelta(days=1)), remarks


def grain(period: Period) -> Grain:
    """Draw the choice between day, week and month; "Auto" keeps the line readable for the period."""
    name = st.segmented_control(
        "By",
        [AUTO, *GRAINS],
        default=AUTO,
        key=GRAIN,
        required=True,
        bind="query-params",
        label_visibility="collapsed",
    )
    return GRAINS.get(name or AUTO) or default_grain(period)


def live() -> bool:
    """Draw the Live switch."""
    return st.toggle("Live", key=LIVE, bind="query-params", help="Refreshes the numbers every 3 seconds.")


def notes() -> bool:
    """Draw the switch of the marks on the trend."""
    return st.toggle(
        "Marks",
        value=True,
        key=NOTES,
        bind="query-params",
        help="Marks where postings were opened, closed, reopened, archived or retitled, and notes by hand.",
    )


def asked_posting_id() -> UUID | None:
    """The id of the posting that the address names; None for none."""
    try:
        return UUID(st.query_params.get(POSTING, ""))
    except ValueError:
        return None


def asked_posting(names: Mapping[str, object]) -> str | None:
    """The name of the posting whose id the address has, of those with their ids; None for none of them."""
    told = st.query_params.get(POSTING, "")
    return next((name for name, posting_id in names.items() if str(posting_id) == told), None)


def _strangers(key: str, known: Sequence[str], instead: str) -> list[str]:
    """A remark for each value of the address that nothing on screen stands for. Read before the widget drops it."""
    strange = [value for value in st.query_params.get_all(key) if value and value not in known]
    return [
        f"“{words.plain(value[:60])}” in the address is not a {key} we know. Showing {instead}." for value in strange
    ]


def _bad_day(key: str, earliest: date, latest: date) -> list[str]:
    given = st.query_params.get(key, "")
    try:
        good = not given or earliest <= date.fromisoformat(given) <= latest
    except ValueError:
        good = False
    return [] if good else [f"“{words.plain(given[:60])}” in the address is not a day from {earliest} to {latest}."]


def describe(period: Period, filters: Filters) -> str:
    """Period and platforms in words."""
    shown = ", ".join(label(key) for key in filters.platforms) or "all platforms"
    return f"{span(period)}, {shown}"
