"""The company as one deterministic story: equal seed, anchor and day give equal numbers on every platform."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from sandbox.applications import Application, build_applications
from sandbox.campaigns import AdRow, Advertising, Conversion, Demand
from sandbox.clock import Clock
from sandbox.company import INDEED_ZONE, PROPERTY_ZONE, SOURCE_PLATFORMS, ZONE
from sandbox.postings import build_postings
from sandbox.season import Season
from sandbox.visits import Session, VisitDay, build_sessions

# The ATS export is made at this hour of the company's night, so today has only what arrived before it.
EXPORT_HOUR = 1


class Company:
    """Postings, campaigns, visits and applications, grown day by day as far as the clock has come."""

    def __init__(self, seed: int, anchor: date, clock: Clock) -> None:
        self.seed = seed
        self.clock = clock
        self.season = Season(anchor)
        self.postings = build_postings(seed, anchor)
        self.by_requisition = {posting.requisition: posting for posting in self.postings}
        self.advertising = Advertising(seed, self.season, self.postings)
        self._sessions: dict[date, list[Session]] = defaultdict(list)
        self._applications: list[Application] = []
        self._ads: dict[date, tuple[AdRow, ...]] = {}
        self._next = self.season.first_day
        self._lock = threading.Lock()
        self.grow()

    def grow(self) -> None:
        """Tell the story up to the clock's today; a day is never told twice."""
        with self._lock:
            last = self.clock.today(ZONE) + timedelta(days=1)
            first = self._next
            while self._next <= last:
                self._tell(self._next)
                self._next += timedelta(days=1)
            if first < self._next:
                self._advertise(first - timedelta(days=1), last)

    def _tell(self, day: date) -> None:
        context = VisitDay(self.seed, day, self.season, self.postings, self.advertising)
        sessions = build_sessions(context)
        for session in sessions:
            self._sessions[session.property_day].append(session)
        self._applications += build_applications(context, sessions)

    def _advertise(self, first: date, last: date) -> None:
        """Book what came through Indeed under its own days; the last one is only complete a day later."""
        day = max(first, self.season.first_day)
        demand = self._demand(day)
        while day < last:
            self._ads[day] = self.advertising.rows(day, demand.get(day, {}))
            day += timedelta(days=1)

    def _demand(self, first: date) -> dict[date, dict[tuple[str, str], Demand]]:
        arrived: dict[tuple[date, str, str], list[list[Conversion]]] = defaultdict(lambda: [[], []])
        visits: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0])
        for application in self._applications:
            if application.platform == "indeed" and application.indeed_day >= first:
                key = (application.indeed_day, application.requisition, application.device)
                conversion = Conversion(application.mark, application.is_hosted)
                arrived[key][0 if application.is_sponsored else 1].append(conversion)
        for session, requisition in self._indeed_visits(first):
            key = (session.started_at.astimezone(INDEED_ZONE).date(), requisition, session.device)
            visits[key][0 if session.medium == "cpc" else 1] += 1
        demand: dict[date, dict[tuple[str, str], Demand]] = defaultdict(dict)
        for key in sorted({*arrived, *visits}):
            paid, organic = (tuple(sorted(c)) for c in arrived[key])
            demand[key[0]][key[1:]] = Demand(paid, organic, *visits[key])
        return demand

    def _indeed_visits(self, first: date) -> Iterator[tuple[Session, str]]:
        for day, sessions in self._sessions.items():
            if day < first - timedelta(days=1):
                continue
            for session in sessions:
                if SOURCE_PLATFORMS.get(session.source.lower()) == "indeed":
                    landed = next((p.requisition for p in session.pages if p.requisition), None)
                    if landed is not None:
                        yield session, landed

    def property_today(self) -> date:
        """Today in the analytics property's zone."""
        return self.clock.today(PROPERTY_ZONE)

    def indeed_today(self) -> date:
        """Today at Indeed (US Central)."""
        return self.clock.today(INDEED_ZONE)

    def company_today(self) -> date:
        """Today where the company is."""
        return self.clock.today(ZONE)

    def sessions_on(self, day: date) -> list[Session]:
        """The sessions the analytics property shows for one of its days, as of now."""
        self.grow()
        age = (self.property_today() - day).days
        return [session for session in self._sessions.get(day, ()) if session.is_counted(age)]

    def visits_on(self, day: date) -> list[Session]:
        """Every visit of one of the property's days, whether or not the property has seen it."""
        self.grow()
        return list(self._sessions.get(day, ()))

    def ads_on(self, day: date) -> tuple[AdRow, ...]:
        """The rows of an Indeed day; nothing for days to come. Ask each row what it shows at the day's age."""
        self.grow()
        return self._ads.get(day, ()) if day <= self.indeed_today() else ()

    def ats_cutoff(self) -> datetime:
        """The instant the ATS export was made: tonight, company time."""
        made = datetime.combine(self.company_today(), time_of_day(EXPORT_HOUR), ZONE)
        return made.astimezone(UTC)

    def arrived(self, platform: str) -> list[Application]:
        """Who applied through a platform on the days told so far, whether or not the ATS has exported them."""
        self.grow()
        return [application for application in self._applications if application.platform == platform]

    def applications(self) -> list[Application]:
        """All applications the ATS knew when the export was made, oldest first."""
        self.grow()
        cutoff = self.ats_cutoff()
        return [application for application in self._applications if application.applied_at < cutoff]
