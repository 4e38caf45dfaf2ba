"""What screens load: reports, remembered by the version of the company's data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

import streamlit as st
from sqlmodel import Session

from actions.running import running_store
from domain.filters import Filters
from domain.periods import Grain, Period, local_day
from store.reports.dashboard import get_dashboard
from store.reports.explain import Explanation, explain
from store.reports.freshness import list_freshness
from store.reports.postings import PostingRow, list_postings
from store.reports.scope import CompanyScope
from store.reports.shapes import Dashboard, Freshness
from store.reports.sources import SourceBreakdown, list_breakdowns

#: A change of numbers raises the version, so entries never go stale; the time only lets old ones go.
_LIFE = "15m"


@contextmanager
def session() -> Iterator[Session]:
    """A reading session of the running store."""
    with running_store().reading() as opened:
        yield opened


def connections(company: CompanyScope, now: datetime) -> list[tuple[Freshness, str]]:
    """State of every connection now, with the cause code of its newest sync job. Never remembered."""
    with session() as opened:
        return list_freshness(opened, company, now)


def dashboard(
    company: CompanyScope,
    period: Period,
    filters: Filters,
    grain: Grain,
    now: datetime,
    states: list[tuple[Freshness, str]],
) -> Dashboard:
    """The dashboard's numbers. `states` are part of the key, because its rows carry them."""
    stamp = tuple((entry.config_id, entry.state, cause, entry.synced_at) for entry, cause in states)
    return _dashboard(company, period, filters, grain, stamp, local_day(now, company.time_zone), _now=now)


@st.cache_data(ttl=_LIFE, max_entries=256, show_spinner=False)
def _dashboard(
    company: CompanyScope,
    period: Period,
    filters: Filters,
    grain: Grain,
    stamp: tuple[object, ...],  # noqa: ARG001 part of the key
    today: date,  # noqa: ARG001 part of the key
    _now: datetime,
) -> Dashboard:
    with session() as opened:
        return get_dashboard(opened, company, period, filters, grain=grain, now=_now)


@st.cache_data(ttl=_LIFE, max_entries=256, show_spinner=False)
def explanation(company: CompanyScope, period: Period, metric: str) -> Explanation:
    """Why a metric is what it is."""
    with session() as opened:
        return explain(opened, company, period, metric)


def postings(
    company: CompanyScope,
    period: Period,
    filters: Filters,
    status: str,
    search: str,
    narrowed: Mapping[str, Sequence[str]] | None = None,
) -> list[PostingRow]:
    """Postings with their numbers. Never remembered: editing a posting does not change the data's version."""
    with session() as opened:
        return list_postings(opened, company, period, filters, status=status, search=search, narrowed=narrowed)


@st.cache_data(ttl=_LIFE, max_entries=128, show_spinner=False)
def breakdowns(company: CompanyScope, period: Period, platform: str, kind: str) -> list[SourceBreakdown]:
    """What lies below a platform."""
    with session() as opened:
        return list_breakdowns(opened, company, period, platform, kind)
