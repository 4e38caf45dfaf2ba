"""`python -m sandbox --port 8601`: start the sandbox."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import date
from pathlib import Path

from sandbox.server import Options, serve


def main() -> int:
    """Read the options, listen, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8601, help="0 picks a free one")
    parser.add_argument("--seed", type=int, default=7, help="which company story is told")
    parser.add_argument("--state-dir", type=Path, help="keeps the key and the story over a restart")
    parser.add_argument("--latency-ms", type=int, default=0, help="added to every answer")
    parser.add_argument("--today", type=date.fromisoformat, help="YYYY-MM-DD; the real day without it")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent is gone")
    given = parser.parse_args()
    if given.until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, daemon=True).start()
    options = Options(
        given.host, given.port, given.seed, given.state_dir, latency_ms=given.latency_ms, today=given.today
    )
    try:
        serve(options)
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot listen on {given.host}:{given.port}: {error.strerror}\n")
        return 1
    return 0


def _stop_with_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
