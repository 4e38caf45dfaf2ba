"""A connection to write to."""

import pytest

from domain.facts import Origin
from store.opening import Store
from store.tables import Company, PlatformConfig
from store.writes.facts import FactWriter, Place, place_of


@pytest.fixture
def config(store: Store, company: Company) -> PlatformConfig:
    """A connection of the first company."""
    config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed")
    with store.writing() as session:
        session.add(config)
    return config


@pytest.fixture
def place(store: Store, config: PlatformConfig) -> Place:
    """Where its facts go."""
    with store.reading() as session:
        return place_of(session, config)


@pytest.fixture
def writer(place: Place) -> FactWriter:
    """The writer of its first read, all days final."""
    return FactWriter(place, Origin.POLL, 1)


@pytest.fixture
def sqlite_place(sqlite_store: Store, sqlite_company: Company) -> Place:
    """A connection on SQLite only."""
    config = PlatformConfig(number=1, company_id=sqlite_company.id, platform="indeed", connector="indeed")
    with sqlite_store.writing() as session:
        session.add(config)
    with sqlite_store.reading() as session:
        return place_of(session, config)
