"""The product as its users start it, over a company with numbers, and what its processes use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from actions.users import add_user
from bench.bulk import fill_aggregates
from bench.company import make_company
from bench.databases import folder
from settings import load
from store.opening import open_store
from store.tables import Company, User
from tests.launch import RunningApp, running_app
from tests.web.streams import session_cookie

EMAIL = "ada@bench.example"
PASSWORD = "a walk along the quay 7"
FACTS = 100_000
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Live:
    """A running product and the Cookie header of somebody signed in."""

    app: RunningApp
    cookie: str

    @property
    def process(self) -> psutil.Process:
        """The process that serves pages."""
        return psutil.Process(self.app.process.pid)

    def cpu(self) -> float:
        """Seconds of CPU that the serving process has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def living(**environment: str) -> Iterator[Live]:
    """The product over the made company; `environment` holds settings, such as WORKERS="2" (none run without)."""
    with folder() as data_dir:
        fill(data_dir)
        with running_app(data_dir=data_dir, **environment) as app:
            yield Live(app, session_cookie(app, EMAIL))


def fill(data_dir: Path) -> None:
    """A company with a year of numbers and an admin, in a fresh SQLite database."""
    store = open_store(load({"DATA_DIR": str(data_dir)}))
    try:
        made = make_company(store, FACTS)
        fill_aggregates(store, made)
        with store.reading() as session:
            company = session.get_one(Company, made.company_id)
        user = User(company_id=company.id, email=EMAIL, name="Ada", role="admin")
        add_user(store, company, user, password=PASSWORD, by="bench", now=datetime.now(UTC))
    finally:
        store.close()


def resident(processes: Sequence[psutil.Process]) -> float:
    """Megabytes resident in each of the processes, added up."""
    return sum(float(process.memory_info().rss) for process in processes) / MEGABYTE


def proportional(processes: Sequence[psutil.Process]) -> float:
    """Megabytes of the processes together, pages that they share counted once."""
    return sum(float(process.memory_full_info().pss) for process in processes) / MEGABYTE
