"""What every part of the running sandbox shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from sandbox.boards import Boards
from sandbox.clock import Clock
from sandbox.consent import Desk
from sandbox.credentials import Account, Authority
from sandbox.faults import Plan
from sandbox.ga4_quota import PropertyQuota
from sandbox.indeed_reports import ReportDesk
from sandbox.journal import Journal
from sandbox.linkedin_account import LinkedInAccount
from sandbox.linkedin_story import LinkedInStory
from sandbox.model import Company


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
    base_url: str = ""

    @cached_property
    def linkedin(self) -> LinkedInStory:
        """What happens on LinkedIn."""
        return LinkedInStory(self.company)

    @cached_property
    def linkedin_account(self) -> LinkedInAccount:
        """Who may ask LinkedIn, and those who read its pages."""
        return LinkedInAccount(self.company.seed)

    def reset(self) -> None:
        """Back to a fresh start: no faults, no log, no tokens, full quotas, clock not shifted."""
        self.plan.clear()
        self.journal.clear()
        self.authority.reset()
        self.quota.reset()
        self.reports.reset()
        self.consent.reset()
        self.boards.reset()
        self.clock.offset = self.clock.offset * 0
