"""A process that prepares a database, for test_migrate.py, or dies on the way."""

import os
import signal
from pathlib import Path

from sqlalchemy import event

from store.engine import open_engine
from store.migrate import prepare


def prepare_here(url: str, data_dir: Path, statements: int | None = None) -> None:
    """Prepare the database; with `statements`, die before the one that comes after so many that change anything."""
    engine = open_engine(url)
    left = statements

    def die_in_time(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal left
        if left is not None and statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT", "UPDATE")):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", die_in_time)
    prepare(engine, data_dir)
    engine.dispose()
