"""`python -m bench [NAME …] [--quick]`: runs benches, each in a process of its own, and keeps docs/benchmarks.md."""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import record
from bench.figures import Figure, Scale, table

#: By name: the module whose `run(scale) -> list[Figure]` measures, and how many seconds it may take at full size.
BENCHES = {
    "sync": ("bench.sync_bench", 600),
    "aggregate": ("bench.aggregate_bench", 3600),
    "dashboard": ("bench.dashboard_bench", 1500),
    "page": ("bench.page_bench", 300),
    "browser": ("bench.browser_bench", 420),
    "route": ("bench.route_bench", 420),
    "api": ("bench.api_bench", 1500),
    "export": ("bench.export_bench", 420),
    "memory": ("bench.memory_bench", 900),
    "import": ("bench.import_bench", 2400),
    "requests": ("bench.requests_bench", 1200),
    "events": ("bench.events_bench", 420),
    "track": ("bench.track_bench", 600),
    "apply": ("bench.apply_bench", 600),
}
QUICK_SECONDS = 120
FULL_FACTS, QUICK_FACTS = 10_000_000, 300_000
STOP_SECONDS = 60


def main() -> int:
    """0 when every bench ran and no figure misses its target by more than a quarter."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which benches; all without: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="small data, few runs, nothing written down")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(BENCHES))
    if unknown:
        parser.error(f"no bench called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if given.into:
        return _run_here(given.names[0], _scale(given.quick), given.into)
    failed = [name for name in given.names or BENCHES if not _run_apart(name, quick=given.quick)]
    if failed:
        sys.stderr.write(f"\nNot as it should be: {', '.join(failed)}\n")
    return 1 if failed else 0


def _scale(is_quick: bool) -> Scale:
    told = os.environ.get("BENCH_FACTS", "")
    return Scale(int(told) if told else QUICK_FACTS if is_quick else FULL_FACTS, is_quick)


def _run_here(name: str, scale: Scale, into: Path) -> int:
    """In the bench's own process: a polite end on SIGTERM, so that what it started is stopped too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found: list[Figure] = importlib.import_module(BENCHES[name][0]).run(scale)
    into.write_text(json.dumps([asdict(figure) for figure in found]), "utf-8")
    return 0


def _run_apart(name: str, *, quick: bool) -> bool:
    """Run one bench in a process of its own and tell its figures; whether it ran and missed nothing by far."""
    seconds = QUICK_SECONDS if quick else BENCHES[name][1]
    print(f"## {name} (at most {seconds} s)", flush=True)
    with tempfile.TemporaryDirectory(prefix="sourceboard-bench-") as folder:
        into = Path(folder) / "figures.json"
        arguments = [sys.executable, "-m", "bench", name, "--into", str(into), *(["--quick"] if quick else [])]
        # What the bench leaves in temporary folders goes with this one, however it ends.
        process = subprocess.Popen(arguments, env={**os.environ, "TMPDIR": folder}, stdin=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as reason:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if isinstance(reason, KeyboardInterrupt):
                raise
        if process.returncode != 0 or not into.exists():
            print(f"{name}: ended with {process.returncode} and no figures\n", flush=True)
            return False
        found = [Figure(**entry) for entry in json.loads(into.read_text("utf-8"))]
    print(table(found), flush=True)
    if not quick:
        record.keep(name, found)
    return all(figure.verdict != "no" for figure in found)


if __name__ == "__main__":
    sys.exit(main())
