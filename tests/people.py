"""A company with an admin and a hiring manager, made by the product's own actions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from actions import passwords
from actions.users import add_company
from settings import load
from store.opening import Store, open_store
from store.tables import Company, User

ADMIN = "ada@acme.example"
MANAGER = "mo@acme.example"
OUTSIDER = "otto@other.example"
PASSWORD = "a walk along the quay 7"


def _zone(now: datetime) -> str:
    """A zone where no day ends within the next two hours: what was seeded up to today stays so while tests run."""
    usual = "Europe/Amsterdam"
    return usual if now.astimezone(ZoneInfo(usual)).hour < 22 else "America/Chicago"


#: Our company's.
ZONE = _zone(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class People:
    """Two companies: ours with two users, and another one with an admin of its own."""

    company: Company
    other: Company


def seed_people(store: Store, *, now: datetime | None = None) -> People:
    """Adds both companies and their users; everybody has the same password."""
    now = now or datetime.now(UTC)
    company = Company(number=1, name="Acme", time_zone=ZONE, currency="EUR")
    other = Company(number=1, name="Other", time_zone="UTC", currency="USD")
    for made, members in (
        (company, ((ADMIN, "Ada", "admin"), (MANAGER, "Mo", "hiring_manager"))),
        (other, ((OUTSIDER, "Otto", "admin"),)),
    ):
        add_company(store, made, by="test", now=now)
        for email, name, role in members:
            hashed = _hash(passwords.COST)
            with store.writing() as session:
                session.add(User(company_id=made.id, email=email, name=name, role=role, password_hash=hashed))
    return People(company, other)


@lru_cache
def _hash(_cost: int) -> str:
    """One hash for everybody: making each costs a quarter of a second."""
    return passwords.hash_password(PASSWORD)


def seed_data_dir(data_dir: Path) -> People:
    """The same in a fresh SQLite database in `data_dir`, closed again for the app to open."""
    data_dir.mkdir(parents=True, exist_ok=True)
    store = open_store(load({"DATA_DIR": str(data_dir)}))
    try:
        return seed_people(store)
    finally:
        store.close()
