"""The bare limit for events: one Starlette route that reads the body and answers 204, as uvicorn alone serves it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.launch import ROOT, free_port, stop

_SECONDS = 30


async def _take(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)


app = Starlette(routes=[Route("/take", _take, methods=["POST"])])


@contextmanager
def serving(parser: str = "h11") -> Iterator[tuple[int, int]]:
    """(port, process id) of the bare route in a process of its own; h11 is the parser that uvicorn brings."""
    port = free_port()
    arguments = ["bench.bare:app", "--port", str(port), "--host", "127.0.0.1", "--log-level", "warning"]
    # As the product has it served.
    alike = ["--no-access-log", "--no-proxy-headers", "--no-server-header", "--loop", "asyncio", "--http", parser]
    process = subprocess.Popen([sys.executable, "-m", "uvicorn", *arguments, *alike], cwd=ROOT)
    try:
        _wait(port)
        yield port, process.pid
    finally:
        stop(process)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
