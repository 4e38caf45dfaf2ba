"""Apache Superset beside our dashboard's answer: the same cards, breakdown and trends over the same aggregated table.

Superset runs in an environment of its own, without caches, and is asked for six charts at a time as its pages do.
"""

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.api_bench import PATH, Asker, bench_key
from bench.bulk import fill_aggregates
from bench.company import Made, make_company
from bench.databases import KEY, folder, fresh_store
from bench.figures import Figure, p50
from domain.facts import day_number
from domain.metrics import BY_NAME
from tests.launch import free_port, running_app

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-superset"
REQUIREMENTS = ROOT / "bench" / "requirements-superset.txt"
LEAST_RATIO = 20
AT_ONCE = 6
FACTS, QUICK_FACTS = 1_000_000, 100_000
ROUNDS, QUICK_ROUNDS = 20, 3
START_SECONDS, SET_UP_SECONDS = 180, 600
#: One chart each: its metrics, and what it is split by.
CHARTS = (
    (("views",), ()),
    (("clicks",), ()),
    (("applications",), ()),
    (("applications", "clicks"), ()),
    (("hires",), ()),
    (("spend", "applications"), ()),
    (("applications",), ("platform",)),
    (("applications",), ("period_start", "platform")),
)
_CONFIG = """
SECRET_KEY = {secret!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
WTF_CSRF_ENABLED = TALISMAN_ENABLED = PREVENT_UNSAFE_DB_CONNECTIONS = False
RATELIMIT_ENABLED = False
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running Superset: where it listens, who asks, and which data set the charts are of."""

    address: str
    token: str
    dataset: int

    def chart(self, charted: tuple[tuple[str, ...], tuple[str, ...]], period: tuple[date, date]) -> float:
        """Milliseconds of one chart's data, computed anew. RuntimeError for an empty answer."""
        started = time.perf_counter()
        body = _question(self.dataset, charted, period)
        told = _send(self.address, "/api/v1/chart/data", body, self.token)
        if not told["result"][0]["data"]:
            raise RuntimeError("Superset answered a chart without data")
        return (time.perf_counter() - started) * 1000


def run(*, is_quick: bool) -> list[Figure]:
    """Both over one SQLite database, thirty days, a new question every time."""
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    with fresh_store("sqlite") as (store, settings), folder() as place:
        made = make_company(store, QUICK_FACTS if is_quick else FACTS)
        fill_aggregates(store, made)
        key = bench_key(store, made)
        database = settings.url
        more = {"ENCRYPTION_KEY": KEY, "API_REQUESTS_PER_MINUTE": "1000000"}
        with running_app(settings.database_url, settings.data_dir, **more) as app:
            asker = Asker(app.host, key)
            ours = [asker.ask(_ours(made, at)).ms for at in range(rounds * 3)][rounds:]
            asker.close()
        with _superset(place, database) as peer:
            _theirs(peer, made, rounds)
            sums, walls = zip(*[_theirs(peer, made, at) for at in range(rounds)], strict=True)
    note = (
        f"{p50(sums):.0f} ms for {len(CHARTS)} charts ({p50(walls):.0f} ms until the last) against {p50(ours):.1f} ms"
    )
    return [Figure("SQLite: dashboard, against Superset's charts", p50(sums) / p50(ours), "×", LEAST_RATIO, True, note)]


def _ours(made: Made, at: int) -> str:
    first, end = _period(made, at)
    return f"{PATH}?from={first}&to={end}&grain=day"


def _period(made: Made, at: int) -> tuple[date, date]:
    end = made.today - timedelta(days=at)
    return end - timedelta(days=30), end


def _theirs(peer: Peer, made: Made, at: int) -> tuple[float, float]:
    """The charts' milliseconds added up, and those until the last was there."""
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        times = list(pool.map(lambda charted: peer.chart(charted, _period(made, at)), CHARTS))
    return sum(times), (time.perf_counter() - started) * 1000


def _question(
    dataset: int, charted: tuple[tuple[str, ...], tuple[str, ...]], period: tuple[date, date]
) -> dict[str, Any]:
    metrics, split = charted
    filters = [("grain", "==", 1), ("company_no", "==", 1)]
    filters += [("period_start", ">=", day_number(period[0])), ("period_start", "<", day_number(period[1]))]
    sums = [
        {
            "expressionType": "SQL",
            "label": name,
            "sqlExpression": f"SUM(CASE WHEN metric = {BY_NAME[name].number} THEN value END)",
        }
        for name in metrics
    ]
    wanted = [BY_NAME[name].number for name in metrics]
    query = {
        "columns": list(split),
        "metrics": sums,
        "filters": [
            *({"col": name, "op": sign, "val": value} for name, sign, value in filters),
            {"col": "metric", "op": "IN", "val": wanted},
        ],
        "row_limit": 10_000,
        "orderby": [],
    }
    source = {"id": dataset, "type": "table"}
    return {"datasource": source, "force": True, "queries": [query], "result_format": "json", "result_type": "full"}


@contextmanager
def _superset(place: Path, database: str) -> Iterator[Peer]:
    """A set up and running Superset that knows the aggregated table of a database."""
    _install()
    config = place / "superset_config.py"
    config.write_text(_CONFIG.format(secret=secrets.token_hex(24), folder=place), "utf-8")
    environment = {**os.environ, "SUPERSET_CONFIG_PATH": str(config), "SUPERSET_HOME": str(place)}
    environment["FLASK_APP"] = "superset"
    password = secrets.token_hex(12)
    named = ["--username", "bench", "--firstname", "b", "--lastname", "b", "--email", "b@bench.example"]
    for command in (["db", "upgrade"], ["fab", "create-admin", *named, "--password", password], ["init"]):
        told = [str(ENVIRONMENT / "bin" / "superset"), *command]
        subprocess.run(told, env=environment, cwd=place, check=True, capture_output=True, timeout=SET_UP_SECONDS)
    address = f"127.0.0.1:{free_port()}"
    serve = ["-w", "2", "-k", "gthread", "--threads", "4", "-b", address, "superset.app:create_app()"]
    with (place / "superset.log").open("wb") as log:
        server = subprocess.Popen(
            [str(ENVIRONMENT / "bin" / "gunicorn"), *serve], env=environment, cwd=place, stdout=log, stderr=log
        )
        try:
            _await(address, server)
            yield _peer(address, password, database)
        finally:
            server.terminate()
            server.wait(60)


def _peer(address: str, password: str, database: str) -> Peer:
    told = {"username": "bench", "password": password, "provider": "db"}
    token = _send(address, "/api/v1/security/login", told)["access_token"]
    source = {"database_name": "bench", "sqlalchemy_uri": database}
    number = _send(address, "/api/v1/database/", source, token)["id"]
    table = {"database": number, "table_name": "platform_analytics_aggregated"}
    return Peer(address, token, _send(address, "/api/v1/dataset/", table, token)["id"])


def _send(address: str, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    """POST; RuntimeError with its words where it is refused."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    if answer.status not in {200, 201}:
        raise RuntimeError(f"Superset refused {path}: {answer.status} {told[:500]!r}")
    found: dict[str, Any] = json.loads(told)
    return found


def _await(address: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.5)
        finally:
            connection.close()
    raise RuntimeError("Superset did not start")


def _install() -> None:
    """Its environment, made anew when its requirements change."""
    stamp = ENVIRONMENT / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes():
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True, timeout=SET_UP_SECONDS)
    install = ["-m", "pip", "install", "-q", "--require-hashes", "-r", str(REQUIREMENTS)]
    subprocess.run([str(ENVIRONMENT / "bin" / "python"), *install], check=True, timeout=2 * SET_UP_SECONDS)
    shutil.copyfile(REQUIREMENTS, stamp)
