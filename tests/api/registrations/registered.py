"""An endpoint of a connection to the sandbox, and what an admin does with it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import select

from actions import registrations
from actions.viewer import Viewer
from domain.registrations import Registration
from jobs.registrations import settle_registrations
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.reports.scope import find_company
from store.reports.webhooks import EndpointRow, list_endpoints
from store.tables import ErrorLog

CONNECTORS = {"x": "x", "facebook": "facebook", "linkedin": "linkedin_page"}


@dataclass
class Registered:
    """An endpoint of a connection to the sandbox, and what an admin does with it."""

    store: Store
    settings: Settings
    sandbox: Sandbox
    viewer: Viewer
    platform: str
    config_id: Any
    endpoint_id: Any
    answers: dict[str, str]
    secret: str

    def ask(self, **more: Any) -> None:
        registrations.register(
            self.store, self.settings, self.viewer, self.endpoint_id, self.answers, now=datetime.now(UTC), **more
        )

    def settle(self, later: timedelta = timedelta(0), settings: Settings | None = None) -> int:
        return settle_registrations(self.store, settings or self.settings, now=lambda: datetime.now(UTC) + later)

    def row(self) -> EndpointRow:
        with self.store.reading() as session:
            company = find_company(session, self.viewer.company_id)
            rows = list_endpoints(session, company, datetime.now(UTC))
        return next(row for row in rows if row.id == self.endpoint_id)

    def held(self) -> Registration:
        held = self.row().registration
        assert held is not None
        return held

    def troubles(self) -> list[tuple[str, bool]]:
        """What the error log has of it, and whether it is mended."""
        with self.store.reading() as session:
            found = session.exec(select(ErrorLog).where(ErrorLog.config_id == self.config_id)).all()
        return [(row.cause_code, row.resolved_at is not None) for row in found]

    def there(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("hooks")[self.platform]
        return found

    def happen(self) -> dict[str, int]:
        told: dict[str, int] = self.sandbox.control("happen", {"platform": self.platform})["statuses"]
        return told

    def url(self) -> str:
        return f"{self.settings.own_url}/api/webhooks/{self.platform}/{self.row().hook_id}"


def until(condition) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=90)
    while not condition():
        assert datetime.now(UTC) < deadline, "it never came true"
