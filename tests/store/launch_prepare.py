"""A process of its own that prepares a database: prepare <url> <data_dir> [die before this many statements]."""

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from store.engine import open_engine
from store.migrate import prepare


def main() -> None:
    """Prepare, and print so; or die on the way."""
    engine = open_engine(sys.argv[1])
    left = int(sys.argv[3]) if len(sys.argv) > 3 else None

    def die_in_time(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal left
        if left is not None and statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT", "UPDATE")):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", die_in_time)
    prepare(engine, Path(sys.argv[2]))
    engine.dispose()
    print("prepared")  # noqa: T201


if __name__ == "__main__":
    main()
