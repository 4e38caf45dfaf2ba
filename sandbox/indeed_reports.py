"""Indeed's asynchronous report: one day, one line per posting and device, as CSV in several versions."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sandbox.campaigns import AdCounts, AdRow, Campaign
from sandbox.model import Company
from sandbox.postings import Posting

Line = tuple[Campaign, Posting, AdRow, AdCounts]
COLUMNS: dict[str, Callable[[Line], str]] = {
    "Campaign ID": lambda line: line[0].id,
    "Ad ID": lambda line: line[0].id[::-1],
    "Advertisement": lambda line: line[0].name,
    "Job": lambda line: line[1].title,
    "Job Reference Number": lambda line: line[1].requisition,
    "Platform": lambda line: line[2].device,
    "Clicks": lambda line: f"{line[3].clicks:.1f}",
    "Impressions": lambda line: str(line[3].impressions),
    "Conversions": lambda line: f"{line[3].conversions:.1f}",
    "Indeed Apply Conversions": lambda line: f"{line[3].apply_conversions:.1f}",
    "Spend (currency)": lambda line: f"{line[3].spend_minor // 100}.{line[3].spend_minor % 100:02d} (USD)",
    "Organic Clicks": lambda line: f"{line[3].organic_clicks:.1f}",
    "Organic Impressions": lambda line: str(line[3].organic_impressions),
    "Apply Starts": lambda line: str(line[3].apply_starts),
    "Organic Apply Starts": lambda line: str(line[3].organic_apply_starts),
    "Organic Conversions": lambda line: f"{line[3].organic_conversions:.1f}",
    "Employer Job ID (IRI)": lambda line: f"iri://apis.indeed.com/EmployerJob/{line[1].employer_job_id}",
    "Employer Job ID (UUID)": lambda line: line[1].employer_job_id,
}
_NAMED = ("Advertisement", "Job", "Job Reference Number", "Platform", "Clicks", "Impressions", "Conversions")
_V5 = ("Campaign ID", *_NAMED, "Indeed Apply Conversions", "Spend (currency)")
_V6 = (*_V5, "Organic Clicks", "Organic Impressions", "Apply Starts", "Organic Apply Starts")
VERSIONS: dict[str, tuple[str, ...]] = {
    "1": (*_NAMED, "Spend (currency)"),
    "2": ("Ad ID", *_NAMED, "Spend (currency)"),
    "3": ("Campaign ID", "Ad ID", *_NAMED, "Spend (currency)"),
    "4": ("Campaign ID", *_NAMED, "Spend (currency)"),
    "5": _V5,
    "6": _V6,
    "7": (*_V6, "Organic Conversions"),
    "8": (*_V6, "Organic Conversions", "Employer Job ID (IRI)", "Employer Job ID (UUID)"),
}


@dataclass
class Report:
    """A report that was asked for; `polls_left` times it answers "not ready"."""

    day: date
    version: str
    polls_left: int


@dataclass
class ReportDesk:
    """The reports in the making."""

    polls: int = 1
    reports: dict[str, Report] = field(default_factory=dict)

    def order(self, day: date, version: str) -> str:
        """Start a report and return its id."""
        report_id = secrets.token_hex(15)
        self.reports[report_id] = Report(day, version, self.polls)
        return report_id

    def is_ready(self, report: Report) -> bool:
        """Whether the report can be had; asking brings it closer."""
        if report.polls_left > 0:
            report.polls_left -= 1
            return False
        return True

    def reset(self) -> None:
        """Forget all reports; one "not ready" each again."""
        self.polls = 1
        self.reports.clear()


def csv_of(company: Company, day: date, version: str) -> str:
    """The CSV of a day; postings without any activity have no line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = VERSIONS[version]
    writer.writerow(columns)
    campaigns = {campaign.id: campaign for campaign in company.advertising.campaigns}
    age = (company.indeed_today() - day).days
    for row in company.ads_on(day):
        counts = row.counted(age)
        if counts != AdCounts():
            line = (campaigns[row.campaign_id], company.by_requisition[row.requisition], row, counts)
            writer.writerow([COLUMNS[name](line) for name in columns])
    return out.getvalue()
