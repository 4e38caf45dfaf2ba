"""A burst of deliveries and a kill in the middle of it: what was acknowledged is there, once."""

import json
import os
import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from bench.pouring import pour, request_bytes
from sandbox.senders import SENDERS
from tests.api.deliveries import SECRET, address, person, store_of
from tests.launch import running_app
from tests.loops import run
from tests.people import seed_data_dir

NAME = "indeed_apply"


def prepared(where, host, refs):
    """Signed requests, one for each ref."""
    requests = []
    for ref in refs:
        sent = SENDERS[NAME][1](SECRET, person(ref), datetime.now(UTC))
        requests.append(request_bytes(host, where.path, sent.body, dict(sent.headers)))
    return requests


def killer(app, after):
    """Kills the app once so many deliveries were answered."""

    def look(poured):
        if len(poured.times) >= after and app.process.poll() is None:
            os.kill(app.process.pid, signal.SIGKILL)
            app.process.wait(120)

    return look


def rows(store, table):
    with store.reading() as session:
        found = session.connection().execute(text(f"SELECT delivery_ref FROM {table}"))
        return sorted(found.scalars())


def deliver(app, requests, **more):
    host, port = app.host.split(":")
    return run(pour(host, int(port), requests, **more))


def burst(tmp_path, count):
    """Pour, kill halfway, look, start again, and send what was not acknowledged until it is."""
    seed_data_dir(tmp_path)
    with running_app(data_dir=tmp_path, way="uvicorn") as app:
        with store_of(app) as store:
            where = address(store, "indeed")
        refs = [f"burst-{number}" for number in range(count)]
        requests = prepared(where, app.host, refs)
        poured = deliver(app, requests, on_answer=killer(app, count // 2))
    assert app.process.returncode == -signal.SIGKILL
    acknowledged = {place for place, status in poured.statuses.items() if 200 <= status < 300}
    assert count // 2 <= len(acknowledged) < count
    assert set(poured.counts) <= {200, 503, 0}
    assert poured.waits == poured.counts[503]
    with store_of(app) as store:
        deliveries, inbox = rows(store, "webhook_deliveries"), rows(store, "webhook_inbox")
    assert deliveries == inbox
    assert len(set(inbox)) == len(inbox)
    # Answers on their way when the program died are stored, unacknowledged.
    assert len(acknowledged) <= len(inbox) <= len(acknowledged) + poured.counts[0]
    names = {name_of(refs[place]) for place in acknowledged}
    assert names <= set(inbox)
    return where, refs, set(inbox)


def name_of(ref):
    """What Indeed calls the delivery."""
    return json.loads(SENDERS[NAME][1](SECRET, person(ref), datetime.now(UTC)).body)["id"]


def test_what_was_acknowledged_before_a_kill_is_there_once(tmp_path):
    burst(tmp_path, 600)


@pytest.mark.faults
def test_ten_thousand_at_once_and_a_kill_end_with_ten_thousand(tmp_path):
    where, refs, _ = burst(tmp_path, 10_000)
    with running_app(data_dir=tmp_path, way="uvicorn") as app:
        left = prepared(where, app.host, refs)
        for _ in range(20):
            poured = deliver(app, left)
            left = [left[place] for place, status in poured.statuses.items() if status != 200]
            if not left:
                break
    assert not left
    with store_of(app) as store:
        assert len(rows(store, "webhook_inbox")) == len(rows(store, "webhook_deliveries")) == 10_000
