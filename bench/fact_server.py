"""A platform that serves pages of 1 000 facts, in a process of its own: `python -m bench.fact_server PAGES`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE_FACTS = 1_000
FIRST = date(2024, 1, 1)
METRICS = ("impressions", "clicks", "apply_starts", "applications")
#: Postings with facts on one day; a page is one day of one metric after the other.
POSTINGS = PAGE_FACTS // len(METRICS)


def page(number: int) -> bytes:
    """One page as JSON: a day of all postings and metrics."""
    day = (FIRST + timedelta(days=number)).isoformat()
    facts = [
        {"posting": f"p{posting}", "metric": metric, "day": day, "value": (number * 31 + posting * 7) % 997}
        for metric in METRICS
        for posting in range(POSTINGS)
    ]
    return json.dumps({"facts": facts}).encode()


@contextmanager
def serving(pages: int) -> Iterator[int]:
    """The port of a server with so many pages, in its own process; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.fact_server", str(pages)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parent.parent,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    """Serve on a free port of this machine, told on standard output, until terminated."""
    pages = [page(number) for number in range(int(sys.argv[1]))]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            body = pages[int(self.path.rpartition("=")[2])]
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
