"""The demo company: people, connections to the sandbox, and the applicant system's export, by the ordinary actions."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlmodel import Session, col, select

from actions.connections import test_and_save
from actions.demo_forms import demo_forms
from actions.imports import SourceFile, inspect_file, plan_import, run_import
from actions.passwords import verify_password
from actions.postings import add_rule, save_posting
from actions.syncs import sync_all
from actions.users import add_company, add_user, change_password
from actions.viewer import ADMIN, HIRING_MANAGER, Viewer
from domain.platforms import SILENT_CONNECTORS
from settings import Settings
from store.opening import Store
from store.reports.link_rules import list_link_rules
from store.reports.scope import find_company
from store.tables import Company, JobPosting, PlatformConfig, PlatformSyncJob, User

ADMIN_EMAIL = "admin@demo.example"
MANAGER_EMAIL = "manager@demo.example"
_PEOPLE = ((ADMIN_EMAIL, "Dana Admin", ADMIN), (MANAGER_EMAIL, "Max Manager", HIRING_MANAGER))
_BY = "demo"
#: How posts begin that are about the company and no opening of it.
_ABOUT_ITSELF = ("A day in our test hall",)
#: In DATA_DIR: what both sign in with where DEMO_PASSWORD is not set.
PASSWORD_FILE = "demo-password"  # noqa: S105 a file's name


class DemoRefused(Exception):
    """The demo cannot be set up here; the text says why."""


@dataclass(frozen=True, slots=True)
class DemoPeople:
    """The demo's admin, and the password of both sign-ins."""

    admin: Viewer
    password: str


def seed_people(store: Store, settings: Settings, told: Mapping[str, Any], *, now: datetime) -> DemoPeople:
    """Makes the demo company and its two users; both sign in with the same password at every start.

    `told` is what the sandbox says of its company. Raises DemoRefused in a database that belongs to somebody real.
    """
    with store.reading() as session:
        companies = session.exec(select(Company)).all()
        known = {user.email: user for user in session.exec(select(User)).all()}
    if any(not company.is_demo for company in companies):
        raise DemoRefused("This database belongs to a real company. Set DATA_DIR to another folder for the demo.")
    password = demo_password(settings)
    if companies:
        company = companies[0]
    else:
        company = Company(number=1, name=told["name"], time_zone=told["time_zone"], currency="USD", is_demo=True)
        add_company(store, company, by=_BY, now=now)
    for email, name, role in _PEOPLE:
        if email in known:
            # Set anew only where it is another one: that would end the sessions of who is still signed in.
            if not verify_password(password, known[email].password_hash):
                change_password(store, known[email].id, password, by=_BY, now=now)
        else:
            user = User(company_id=company.id, email=email, name=name, role=role)
            add_user(store, company, user, password=password, by=_BY, now=now)
    with store.reading() as session:
        admin = session.exec(select(User).where(col(User.email) == ADMIN_EMAIL)).one()
    return DemoPeople(Viewer(admin.id, company.id, ADMIN, admin.name, admin.email), password)


def demo_password(settings: Settings) -> str:
    """DEMO_PASSWORD; else the one that was made at the first start, kept for this program's user alone."""
    if settings.demo_password:
        return settings.demo_password
    kept = settings.data_dir / PASSWORD_FILE
    try:
        if known := kept.read_text("utf-8").strip():
            return known
    except FileNotFoundError:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    made = secrets.token_urlsafe(12)
    handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{made}\n")
    return made


def seed_postings(store: Store, admin: Viewer, told: Sequence[Mapping[str, Any]]) -> int:
    """Makes the company's postings, as the sandbox lists them; returns how many are new."""
    with store.reading() as session:
        known = set(session.exec(select(JobPosting.requisition_ref).where(JobPosting.company_id == admin.company_id)))
    new = [posting for posting in told if posting["requisition"] not in known]
    for posting in new:
        save_posting(store, admin, _posting_values(posting), now=datetime.now(UTC))
    return len(new)


def seed_link_rules(store: Store, admin: Viewer) -> None:
    """What the company writes about itself is about no posting: a rule puts it aside, as an admin's would."""
    with store.reading() as session:
        company = find_company(session, admin.company_id)
        known = {rule.pattern for rule in list_link_rules(session, company)} if company else set()
    for pattern in _ABOUT_ITSELF:
        if pattern not in known:
            add_rule(store, admin, None, "title", "starts_with", pattern, now=datetime.now(UTC))


def _posting_values(told: Mapping[str, Any]) -> dict[str, Any]:
    same = ("title", "department", "location", "slug", "path", "recruiter", "hiring_manager")
    days = {name: date.fromisoformat(told[name]) if told[name] else None for name in ("opened_on", "closed_on")}
    is_closed = days["closed_on"] is not None
    return {
        **{name: told[name] for name in same},
        **days,
        "requisition_ref": told["requisition"],
        "status": "closed" if is_closed else "open",
    }


def seed_connections(store: Store, settings: Settings, admin: Viewer, told: Mapping[str, Any]) -> None:
    """Connects all that the sandbox imitates, through the same test an admin's form goes through; asks for full syncs.

    Connections that are there get the sandbox's credentials again. Raises DemoRefused with the platform's words.
    """
    forms = demo_forms(told)
    with store.reading() as session:
        known = {config.connector: config.id for config in _connections(session, admin)}
    for connector, form in forms.items():
        saved = test_and_save(
            store, settings, admin, connector, form, now=datetime.now(UTC), config_id=known.get(connector)
        )
        if saved.refusal is not None:
            raise DemoRefused(f"{connector}: {saved.refusal.words} {saved.refusal.detail}")
    sync_all(store, admin, now=datetime.now(UTC), sync_type="incremental" if known else "full")


def seed_applications(store: Store, admin: Viewer, told: Mapping[str, Any], export: bytes) -> int:
    """Imports the applicant system's export, its words for sources as the sandbox explains them; returns the new rows.

    Raises DemoRefused when the file leaves a question open.
    """
    source = SourceFile("applicants.csv", export)
    found = inspect_file(store, admin, source, kind="applications", now=datetime.now(UTC))
    mapping = found.mapping.model_copy(update={"sources": told["ats"]["sources"]})
    plan = plan_import(store, admin, source, mapping, now=datetime.now(UTC))
    if plan.questions:
        raise DemoRefused(f"The applicant export leaves open: {', '.join(plan.questions)}")
    return run_import(store, admin, source, plan).inserted if plan.can_import else 0


def sync_states(store: Store, company: Viewer) -> dict[str, str]:
    """The newest sync job's state of each connection that has any, by its name; "pending" before the first."""
    with store.reading() as session:
        found = {}
        for config in _connections(session, company):
            if config.connector in SILENT_CONNECTORS:
                continue
            job = session.exec(
                select(PlatformSyncJob)
                .where(col(PlatformSyncJob.config_id) == config.id)
                .order_by(col(PlatformSyncJob.number).desc())
                .limit(1)
            ).first()
            found[config.name or config.platform] = job.state if job else "pending"
        return found


def _connections(session: Session, viewer: Viewer) -> list[PlatformConfig]:
    return list(
        session.exec(
            select(PlatformConfig).where(
                col(PlatformConfig.company_id) == viewer.company_id,
                col(PlatformConfig.connector) != "",
                col(PlatformConfig.deleted_at).is_(None),
            )
        ).all()
    )
