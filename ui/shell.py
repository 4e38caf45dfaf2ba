"""What every screen begins with: who may see it, the menu, the title, the period and the filters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from actions.viewer import ADMIN, Viewer
from domain.filters import Filters
from domain.periods import Period, local_day, named_period
from domain.platforms import SILENT_CONNECTORS
from store.reports.scope import CompanyScope, find_company
from store.reports.shapes import Freshness
from ui import data, figures, filters, guard, toasts, words
from ui.filters import Chosen
from ui.palette import label

NAME = "Sourceboard"
_ROOT = Path(__file__).resolve().parent.parent
_MARK = _ROOT / "ui" / "mark.svg"
_ICON = _ROOT / "ui" / "icon.svg"
_RUNS = "page_runs"
_MENU_WIDTH = 230


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    path: str
    label: str
    icon: str
    role: str | None = None


MENU = (
    Entry("Home.py", "Dashboard", ":material/monitoring:"),
    Entry("pages/Sources.py", "Sources", ":material/account_tree:"),
    Entry("pages/Postings.py", "Postings", ":material/work:"),
    Entry("pages/Applicants.py", "Applicants", ":material/groups:"),
    Entry("pages/Links.py", "Links", ":material/link:"),
    Entry("pages/Refer_someone.py", "Refer someone", ":material/person_add:"),
    Entry("pages/My_referrals.py", "My referrals", ":material/handshake:"),
    Entry("pages/Leaderboard.py", "Leaderboard", ":material/leaderboard:"),
    Entry("pages/Referral_desk.py", "Referral desk", ":material/redeem:", ADMIN),
    Entry("pages/Platforms.py", "Platforms", ":material/hub:", ADMIN),
    Entry("pages/Sync_jobs.py", "Sync jobs", ":material/history:", ADMIN),
    Entry("pages/Platform_health.py", "Platform health", ":material/monitor_heart:", ADMIN),
    Entry("pages/Tracker.py", "Tracker", ":material/sensors:", ADMIN),
    Entry("pages/Webhooks.py", "Webhooks", ":material/webhook:", ADMIN),
    Entry("pages/API_keys.py", "API keys", ":material/key:", ADMIN),
    Entry("pages/Import.py", "Import", ":material/upload_file:", ADMIN),
)


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at whose numbers, when, and narrowed to what. `actions` is the place for buttons beside the title."""

    viewer: Viewer
    company: CompanyScope
    now: datetime
    states: list[tuple[Freshness, str]]
    chosen: Chosen
    actions: DeltaGenerator
    runs: int

    @property
    def period(self) -> Period:
        """The days on screen."""
        return self.chosen.at(local_day(self.now, self.company.time_zone))

    @property
    def filters(self) -> Filters:
        """The platforms on screen."""
        return self.chosen.filters

    @property
    def is_connected(self) -> bool:
        """Whether the company has any connection or files at all."""
        return bool(self.states)

    def moment(self, at: datetime | None) -> str:
        """An instant in the company's words and zone."""
        return figures.moment(at, self.now, self.company.time_zone)


def begin(title: str, role: str | None = None, *, narrowing: bool = True) -> View:
    """Guard the page, draw menu and title and, where `narrowing`, the filter bar. Stops the run for outsiders."""
    st.set_page_config(
        page_title=f"{title} · {NAME}", page_icon=str(_ICON), layout="wide", initial_sidebar_state=_MENU_WIDTH
    )
    viewer = guard.require(role)
    now = datetime.now(UTC)
    company, states = _company(viewer, now)
    _menu(viewer, company)
    actions = _title(title, company)
    today = local_day(now, company.time_zone)
    offered = sorted({entry.platform for entry, _ in states}, key=label)
    chosen = filters.bar(today, offered) if narrowing else _unnarrowed(company, now)
    runs = st.session_state.get(_RUNS, 0) + 1
    st.session_state[_RUNS] = runs
    toasts.show()
    return View(viewer, company, now, states, chosen, actions, runs)


def again(view: View, role: str | None = None) -> View:
    """The view for a fragment's own run: the guard asked again, the company's version and states read again."""
    viewer = guard.require(role)
    toasts.show()
    now = datetime.now(UTC)
    company, states = _company(viewer, now)
    return replace(view, viewer=viewer, company=company, now=now, states=states)


def freshness(view: View) -> None:
    """The page's last line: how fresh each connection's numbers are, and which days may still change.

    The container's key carries the number of full runs of the page, so that tests can tell a fragment's run from one.
    """
    with st.container(key=f"page_run_{view.runs}"):
        zone = words.plain(view.company.time_zone)
        told = freshness_words([entry for entry, _ in view.states])
        st.caption("  \n".join([*told, f"Days are those of {zone}, or of a platform that reports in its own zone."]))


def freshness_words(entries: Sequence[Freshness]) -> list[str]:
    """Until when connections were read, those of one day together; which days may still change. As Markdown."""
    shown = [entry for entry in entries if entry.connector not in SILENT_CONNECTORS]
    days = sorted({entry.covered_until for entry in shown if entry.covered_until}, reverse=True)
    groups = {f"Read until {figures.day(day)}": [one for one in shown if one.covered_until == day] for day in days}
    unread = [entry for entry in shown if entry.covered_until is None]
    groups["Numbers begin the day after the first sync"] = [one for one in unread if words.begins_later(one)]
    groups["Nothing read yet"] = [one for one in unread if not words.begins_later(one)]
    told = {title: [words.plain(entry.label) for entry in held] for title, held in groups.items()}
    open_days = sorted({entry.provisional_from for entry in shown if entry.provisional_from})
    open_since = {day: [words.plain(one.label) for one in shown if one.provisional_from == day] for day in open_days}
    told["May still change"] = [f"{', '.join(names)} from {figures.day(day)} on" for day, names in open_since.items()]
    return [f"**{title}:** {' · '.join(names)}." for title, names in told.items() if names]


def has_page(path: str) -> bool:
    """Whether a screen is part of this installation."""
    return (_ROOT / path).exists()


def nothing_here(reason: str, *, path: str = "", action: str = "", icon: str = ":material/inbox:") -> None:
    """An empty state: why there is nothing, and the next thing to do."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.markdown(f"### {icon}", width="content")
        st.markdown(reason, width="content", text_alignment="center")
        if path:
            st.page_link(path, label=action, icon=":material/arrow_forward:", width="content")


def _company(viewer: Viewer, now: datetime) -> tuple[CompanyScope, list[tuple[Freshness, str]]]:
    with data.session() as session:
        company = find_company(session, viewer.company_id)
    if company is None:
        st.error("This company is no longer here. Sign in again.", icon=":material/error:")
        st.stop()
    return company, data.connections(company, now)


def _unnarrowed(company: CompanyScope, now: datetime) -> Chosen:
    today = local_day(now, company.time_zone)
    return Chosen(filters.DEFAULT, named_period(filters.PERIODS[filters.DEFAULT], today), Filters())


def _title(title: str, company: CompanyScope) -> DeltaGenerator:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.title(title, anchor=False, width="content")
            if company.is_demo:
                st.badge("Demo data", icon=":material/science:", color="violet", help=_DEMO)
        return st.container(horizontal=True, vertical_alignment="center", width="content", gap="small")


_DEMO = "A made-up company. Its numbers come from the sandbox through the ordinary connectors."


def _menu(viewer: Viewer, company: CompanyScope) -> None:
    st.logo(str(_MARK), size="large", icon_image=str(_ICON))
    with st.sidebar:
        st.text(company.name)
        for entry in MENU:
            if entry.role in {None, viewer.role} and has_page(entry.path):
                st.page_link(entry.path, label=entry.label, icon=entry.icon)
        st.space("small")
        st.caption(f"{words.plain(viewer.name or viewer.email)} · {'Admin' if viewer.is_admin else 'Hiring manager'}")
        guard.sign_out_button()
