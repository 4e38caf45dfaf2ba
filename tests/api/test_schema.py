"""Schemathesis over the whole document: a hundred examples an operation, no server error, nothing undocumented.

The seed is fixed, so that every run asks the same; SCHEMATHESIS_SEED asks something else, and both print it.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from actions.sign_in import TRIES_PER_ADDRESS
from api.app import ENDPOINTS
from api.openapi import document
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import SignInAttempt
from tests.api.inside import key_of, serving
from tests.api.seeded import seed_numbers, seed_records
from tests.conftest import copy_of, unlocked
from tests.launch import free_port
from tests.people import seed_people

SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20261122"))
#: Examples come in short batches, each from a seed of its own and beginning with the plainest: after ten, Hypothesis
#: tries mutations of each, which costs more than all the asking and brings nothing that is asked here.
BATCH, BATCHES = 10, 6
DOCUMENT = document(ENDPOINTS)
for _operation in (operation for methods in DOCUMENT["paths"].values() for operation in methods.values()):
    # Every request carries the key; what happens without one is told by test_access.
    _operation["security"] = []
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {found.ok().definition.raw["operationId"]: found.ok() for found in SCHEMA.get_all_operations()}
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def served(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, requests.Session]]:
    """The API on a company with data, no platform in reach, and a session that carries a key for everything."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("schema")))
    store = unlocked(engine, keyring)
    people, now = seed_people(store), datetime.now(UTC)
    seed_numbers(store, people, today=now.date())
    seed_records(store, people, now=now)
    _throttle_sign_in(store, now)
    with serving(store, SANDBOX="1", SANDBOX_PORT=str(free_port())) as url, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {key_of(store)}"
        yield url, session
    engine.dispose()


def _throttle_sign_in(store: Store, now: datetime) -> None:
    """All but a few tries from this address are spent: checking passwords is slow by design."""
    address = store.vault.digest("session-hmac", "address:127.0.0.1")
    with store.writing() as session:
        session.add_all(
            SignInAttempt(email_hash="", address_hash=address, at=now) for _ in range(TRIES_PER_ADDRESS - 8)
        )


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_stands_whatever_it_is_asked(name: str, served: tuple[str, requests.Session]) -> None:
    print(f"SCHEMATHESIS_SEED={SEED}")  # noqa: T201 - with a failure
    url, session = served
    operation = OPERATIONS[name]
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    has_inputs = bool(operation.path_parameters or operation.query or operation.body)

    def ask(batch: int, strategy: st.SearchStrategy[schemathesis.Case], *more: schemathesis.CheckFunction) -> int:
        asked = 0

        @seed(SEED + batch)
        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def one(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(base_url=url, session=session)
            case.validate_response(answer, checks=[*CHECKS, *more])

        one()
        return asked

    asked = sum(ask(batch, good) for batch in range(BATCHES))
    asked += sum(ask(batch, bad, negative_data_rejection) for batch in range(BATCHES)) if has_inputs else 0
    assert asked >= 100 or not has_inputs
