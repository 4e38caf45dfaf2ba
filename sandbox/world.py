"""What every part of the running sandbox shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sandbox.boards import Boards
from sandbox.clock import Clock
from sandbox.consent import Desk
from sandbox.credentials import Account, Authority
from sandbox.faults import Plan
from sandbox.ga4_quota import PropertyQuota
from sandbox.hooks import Hooks
from sandbox.indeed_reports import ReportDesk
from sandbox.journal import Journal
from sandbox.linkedin_account import LinkedInAccount
from sandbox.linkedin_story import LinkedInStory
from sandbox.model import Company
from sandbox.social import Social
from sandbox.x_limits import XLimits


@dataclass
class World:
    """One company, its accounts, and the knobs of the control API."""

    clock: Clock
    company: Company
    account: Account
    authority: Authority = field(default_factory=Authority)
    plan: Plan = field(default_factory=Plan)
    journal: Journal = field(default_factory=Journal)
    quota: PropertyQuota = field(default_factory=PropertyQuota)
    reports: ReportDesk = field(default_factory=ReportDesk)
    consent: Desk = field(default_factory=Desk)
    boards: Boards = field(default_factory=Boards)
    x_limits: XLimits = field(default_factory=XLimits)
    hooks: Hooks = field(default_factory=Hooks)
    #: Until when the company's tracker and links were told of visits and clicks; None before the first.
    heard_until: datetime | None = None
    #: Metrics of Facebook's that have been switched off.
    dead_metrics: set[str] = field(default_factory=set)
    #: Which of X's refresh tokens is good now, None until one was used.
    x_number: int | None = None
    base_url: str = ""

    @cached_property
    def linkedin(self) -> LinkedInStory:
        """What happens on LinkedIn."""
        return LinkedInStory(self.company)

    @cached_property
    def linkedin_account(self) -> LinkedInAccount:
        """Who may ask LinkedIn, and those who read its pages."""
        return LinkedInAccount(self.company.seed)

    @cached_property
    def social(self) -> Social:
        """The accounts on Facebook and X."""
        return Social(self.company)

    def reset(self) -> None:
        """Back to a fresh start: no faults, no log, no tokens, full quotas, clock not shifted."""
        self.plan.clear()
        self.journal.clear()
        self.authority.reset()
        self.quota.reset()
        self.reports.reset()
        self.consent.reset()
        self.boards.reset()
        self.x_limits.reset()
        self.hooks.reset()
        self.dead_metrics.clear()
        self.x_number = self.heard_until = None
        self.clock.offset = self.clock.offset * 0
