"""A process that carries out one of the operator's commands, as `python manage.py` does, for test_commands.py."""

import os
import sys
from pathlib import Path

import manage


def command(arguments: list[str], environment: dict[str, str], root: str, folder: str) -> None:
    """Ends with the command's exit code. `folder` has its input in the file `in`; `out` and `err` are made there."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    sys.stdin = (Path(folder) / "in").open(encoding="utf-8")
    sys.stdout, sys.stderr = ((Path(folder) / name).open("w", encoding="utf-8") for name in ("out", "err"))
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(stream.fileno(), number)
    try:
        sys.exit(manage.main(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
