"""The dashboard's answer over HTTP, as another program gets it: asked anew, asked again, and asked with a good tag."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from actions.tokens import make_key
from actions.users import add_user
from actions.viewer import ADMIN, Viewer
from bench.bulk import fill_aggregates
from bench.company import Made, analyze, make_company
from bench.databases import KEY, KINDS, LABELS, fresh_store
from bench.figures import Figure, Scale, p50
from store.opening import Store
from store.tables import Company, User
from tests.launch import running_app

EMAIL = "ada@bench.example"
MOST_ANEW_MS, MOST_KNOWN_MS = 15, 3
PATH = "/api/analytics/dashboard"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and in how many milliseconds."""

    status: int
    tag: str
    body: bytes
    ms: float


class Asker:
    """One connection that is kept open, with a key; as little of its own as possible."""

    def __init__(self, address: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, path: str, **headers: str) -> Answer:
        """GET."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        body = answer.read()
        ms = (time.perf_counter() - started) * 1000
        return Answer(answer.status, answer.getheader("ETag", ""), body, ms)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def run(scale: Scale) -> list[Figure]:
    """Both databases."""
    return [figure for kind in KINDS for figure in _measure(kind, scale)]


def _measure(kind: str, scale: Scale) -> Iterator[Figure]:
    runs = scale.runs(300, 30)
    with serving_company(kind, scale.facts) as (asker, made):
        anew = [_must(asker.ask(question)).ms for question in _questions(made, runs + 20)][20:]
        first = _must(asker.ask(PATH))
        again = [_must(asker.ask(PATH)).ms for _ in range(runs)]
        known = [asker.ask(PATH, **{"If-None-Match": first.tag}) for _ in range(runs)]
    if {answer.status for answer in known} != {304}:
        raise RuntimeError("a tag that is good was not recognised")
    label = LABELS[kind]
    facts = f"{made.facts:,} facts".replace(",", " ")
    yield Figure(f"{label}: dashboard asked anew, p50, {facts}", p50(anew), "ms", MOST_ANEW_MS)
    yield Figure(f"{label}: dashboard asked again, p50", p50(again), "ms")
    yield Figure(f"{label}: 304 by tag, p50", p50([answer.ms for answer in known]), "ms", MOST_KNOWN_MS)


@contextmanager
def serving_company(kind: str, facts: int) -> Iterator[tuple[Asker, Made]]:
    """The product as its users start it over a company with so many facts, and somebody with a key for it."""
    with fresh_store(kind) as (store, settings):
        made = make_company(store, facts)
        fill_aggregates(store, made)
        analyze(store)
        key = bench_key(store, made)
        more = {"ENCRYPTION_KEY": KEY, "API_REQUESTS_PER_MINUTE": "1000000"}
        with running_app(settings.database_url, settings.data_dir, **more) as app:
            asker = Asker(app.host, key)
            try:
                yield asker, made
            finally:
                asker.close()


def bench_key(store: Store, made: Made) -> str:
    """A key of an admin of the made company, for numbers."""
    now = datetime.now(UTC)
    with store.reading() as session:
        company = session.get_one(Company, made.company_id)
    user = User(company_id=company.id, email=EMAIL, name="Ada", role=ADMIN)
    add_user(store, company, user, password="a walk along the quay 7", by="bench", now=now)
    viewer = Viewer(user.id, company.id, ADMIN, "Ada", EMAIL)
    return make_key(store, viewer, "bench", ["metrics:read"], now=now).key


def _questions(made: Made, number: int) -> Iterator[str]:
    """Periods of thirty days that nobody has asked for yet, each at most two years back."""
    for at in range(number):
        last = made.today - timedelta(days=at % 700)
        first = last - timedelta(days=29 - at // 700)
        yield f"{PATH}?from={first}&to={last + timedelta(days=1)}"


def _must(answer: Answer) -> Answer:
    """An empty answer would be a fast one."""
    if answer.status != 200 or len(answer.body) < 5_000:
        raise RuntimeError(f"the dashboard was not answered: {answer.status}, {answer.body[:300]!r}")
    return answer
