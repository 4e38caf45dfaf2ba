"""A process that imports a file and is killed after so many batches: URL, company, user, kind, batches."""

import os
import signal
import sys
import uuid
from datetime import UTC, datetime

from actions.imports import run_import
from actions.viewer import Viewer
from store.engine import open_engine, reading
from store.keyring import Keyring
from store.opening import Store
from store.vault import Vault
from tests.actions.import_scenes import long_file, plan_of
from tests.conftest import TEST_KEYS


def main(url: str, company: str, user: str, kind: str, batches: str) -> None:
    """Import until the given batch is committed, then die without a word."""
    engine = open_engine(url)
    vault = Vault(Keyring.parse(TEST_KEYS))
    with reading(engine) as session:
        vault.check_canary(session)
    store = Store(engine, vault)
    viewer = Viewer(uuid.UUID(user), uuid.UUID(company), "admin", "Ada", "ada@x.example")
    left = int(batches)

    def die(_share: float) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    source = long_file(kind)
    now = datetime.now(UTC)
    run_import(store, viewer, source, plan_of(store, viewer, source, now), progress=die)


if __name__ == "__main__":
    main(*sys.argv[1:])
