"""Every table, by theme. Importing this package fills SQLModel.metadata."""

from store.tables.applicants import Application, ApplicationDirtyDay, ProjectedDay, Projection, Referral
from store.tables.events import TrackingLink, WebhookDelivery, WebhookInbox, WebsiteAnalytics
from store.tables.facts import (
    AggregatedFact,
    BreakdownRow,
    DataVersion,
    DirtyDay,
    PostingAggregate,
    RawFact,
    ReadCoverage,
)
from store.tables.imports import Import, ImportChange, ImportMapping
from store.tables.people import ApiKey, Company, SessionRow, SetupLink, SignInAttempt, SignInTicket, User
from store.tables.platforms import ExternalPosting, JobPosting, PlatformConfig, PlatformToken, PostingLinkRule
from store.tables.records import Annotation, AppMeta, AuditEntry, ErrorLog
from store.tables.work import ClockSlot, PlatformSyncJob, WorkerBeat

__all__ = [
    "AggregatedFact",
    "Annotation",
    "ApiKey",
    "AppMeta",
    "Application",
    "ApplicationDirtyDay",
    "AuditEntry",
    "BreakdownRow",
    "ClockSlot",
    "Company",
    "DataVersion",
    "DirtyDay",
    "ErrorLog",
    "ExternalPosting",
    "Import",
    "ImportChange",
    "ImportMapping",
    "JobPosting",
    "PlatformConfig",
    "PlatformSyncJob",
    "PlatformToken",
    "PostingAggregate",
    "PostingLinkRule",
    "ProjectedDay",
    "Projection",
    "RawFact",
    "ReadCoverage",
    "Referral",
    "SessionRow",
    "SetupLink",
    "SignInAttempt",
    "SignInTicket",
    "TrackingLink",
    "User",
    "WebhookDelivery",
    "WebhookInbox",
    "WebsiteAnalytics",
    "WorkerBeat",
]
