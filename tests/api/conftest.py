"""A started app with two companies' people, and clients that speak for them."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from tests.conftest import copy_of, one_database, unlocked
from tests.launch import RunningApp, running_app
from tests.people import PASSWORD, seed_data_dir


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product as `uvicorn Home:app` starts it."""
    data_dir = tmp_path_factory.mktemp("api")
    seed_data_dir(data_dir)
    with running_app(data_dir=data_dir, way="uvicorn", TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept_store(
    request: pytest.FixtureRequest, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """An open store on a database of the file's own, for tests that leave its numbers as they are; on both kinds."""
    if request.param == "sqlite":
        engine = open_engine(copy_of(request.getfixturevalue("sqlite_template"), tmp_path_factory.mktemp("kept")))
        yield unlocked(engine, keyring)
        engine.dispose()
        return
    template = request.getfixturevalue("postgres_template")
    for url in one_database(request.getfixturevalue("postgres"), template):
        engine = open_engine(url)
        yield unlocked(engine, keyring)
        engine.dispose()


@pytest.fixture
def nobody(app: RunningApp) -> Iterator[httpx.Client]:
    """A client without any credentials."""
    with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client:
        yield client


@pytest.fixture
def speaking_for(app: RunningApp) -> Iterator[Callable[[str], httpx.Client]]:
    """Call it with an e-mail for a client that carries that user's fresh bearer token."""
    opened: list[httpx.Client] = []

    def speak(email: str) -> httpx.Client:
        client = httpx.Client(base_url=app.url, trust_env=False, timeout=120)
        opened.append(client)
        answer = client.post("/api/auth/token", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        return client

    yield speak
    for client in opened:
        client.close()
