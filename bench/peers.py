"""`python -m bench.peers [--quick]`: dlt beside our sync, and Superset's charts beside our dashboard's answer."""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import peers_superset, record
from bench.databases import KINDS, LABELS, folder, fresh_store, postgres
from bench.fact_server import PAGE_FACTS, serving
from bench.figures import Figure, table
from bench.sync_bench import Bulk, bare, connect, sync, toward
from connectors.registry import CONNECTORS
from jobs.garbage import collect_seldom

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-peers"
REQUIREMENTS = ROOT / "bench" / "requirements-peers.txt"
PAGES, QUICK_PAGES = 100, 10
ROUNDS, QUICK_ROUNDS = 3, 1
LEAST_RATIO = 3.5
LOAD_SECONDS, INSTALL_SECONDS = 180, 900
#: What dlt offers on each database. Judged is the fastest that takes rows as they come, as our sync does; whoever
#: makes Arrow tables of them beforehand spares it the checking of rows, and is told beside.
VARIANTS = {
    "sqlite": ("rows", "arrow, parquet"),
    "postgresql": ("rows", "rows, upsert", "rows, csv", "rows, csv, upsert", "arrow, csv, upsert"),
}
#: Seconds of the first and the second load.
Loads = tuple[float, float]


def main() -> int:
    """0 when no ratio misses its target by more than a quarter."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pages, nothing written down")
    is_quick = parser.parse_args().quick
    _install()
    pages, rounds = (QUICK_PAGES, QUICK_ROUNDS) if is_quick else (PAGES, ROUNDS)
    CONNECTORS[Bulk.key] = Bulk
    collect_seldom()  # as a worker process does when it starts
    with serving(pages) as port:
        found = [figure for kind in KINDS for figure in _compare(kind, port, pages, rounds)]
    charts = peers_superset.run(is_quick=is_quick)
    print(table([*found, *charts]), flush=True)
    if not is_quick:
        record.keep("peers", found)
        record.keep("superset", charts)
    return int(any(figure.verdict == "no" for figure in [*found, *charts]))


def _install() -> None:
    """dlt's environment, made anew when its requirements or our Python change."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    stamp = ENVIRONMENT / "requirements.sha256"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True, timeout=INSTALL_SECONDS)
    install = ["-m", "pip", "install", "-q", "--require-hashes", "-r", str(REQUIREMENTS)]
    subprocess.run([_python(), *install], check=True, timeout=INSTALL_SECONDS)
    stamp.write_text(wanted, "utf-8")


def _python() -> str:
    return str(ENVIRONMENT / "bin" / "python")


def _compare(kind: str, port: int, pages: int, rounds: int) -> Iterator[Figure]:
    """Ours, the bare loop and dlt in turns: once every variant of it, then the fastest with rows and with Arrow."""
    ours: list[Loads] = []
    loops: list[float] = []
    theirs: dict[str, list[Loads]] = {}
    variants = VARIANTS[kind]
    for _ in range(rounds):
        ours.append(_ours(kind, port, pages))
        loops.append(_loop(kind, port, pages))
        for variant in variants:
            if told := _theirs(kind, port, pages, variant):
                theirs.setdefault(variant, []).append(told)
        variants = _fastest(theirs)
    if not any(variant.startswith("rows") for variant in theirs):
        raise RuntimeError(f"{LABELS[kind]}: no variant of dlt loaded the rows")
    mine, facts = _first(ours), pages * PAGE_FACTS
    for variant in variants:
        them, is_judged = _first(theirs[variant]), variant.startswith("rows")
        note = f"{_rate(facts, mine)} against {_rate(facts, them)} facts/s; dlt {_version()}, its fastest: {variant}"
        limit = LEAST_RATIO if is_judged else None
        handed = "" if is_judged else " handed Arrow tables"
        yield Figure(f"{LABELS[kind]}: first load, against dlt{handed}", them / mine, "×", limit, True, note)
        again = _again(theirs[variant]) / _again(ours)
        yield Figure(f"{LABELS[kind]}: again, against dlt{handed}", again, "×")
        if not is_judged:
            note = f"{_rate(facts, min(loops))} facts/s: GET, decode, upsert and nothing else"
            yield Figure(f"{LABELS[kind]}: the bare loop against the same", them / min(loops), "×", note=note)
    for variant, loads in theirs.items():
        yield Figure(f"{LABELS[kind]}: dlt, {variant}", facts / _first(loads), "facts/s")


def _fastest(theirs: dict[str, list[Loads]]) -> tuple[str, ...]:
    """The variant with the fastest first load among those with rows, and among those with Arrow tables."""
    ordered = sorted(theirs, key=lambda variant: _first(theirs[variant]))
    kinds = {variant.partition(",")[0]: variant for variant in reversed(ordered)}
    return tuple(kinds[name] for name in ("rows", "arrow") if name in kinds)


def _first(loads: list[Loads]) -> float:
    """The fastest: a busy machine only ever adds."""
    return min(one[0] for one in loads)


def _again(loads: list[Loads]) -> float:
    return min(one[1] for one in loads)


def _version() -> str:
    found = re.search(r"^dlt(?:\[.*?\])?==(\S+)", REQUIREMENTS.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else "of unknown version"


def _rate(facts: int, seconds: float) -> str:
    return f"{facts / seconds:,.0f}".replace(",", " ")


def _loop(kind: str, port: int, pages: int) -> float:
    with fresh_store(kind) as (store, _):
        return bare(store, port, pages)


def _ours(kind: str, port: int, pages: int) -> Loads:
    with fresh_store(kind) as (store, settings):
        config = connect(store)
        place = toward(settings, port)
        return sync(store, place, config, pages), sync(store, place, config, pages)


def _theirs(kind: str, port: int, pages: int, variant: str) -> Loads | None:
    """Seconds of both loads; None where it fails, takes too long, or stores other rows."""
    with folder() as place, _peer_database(kind, place) as url:
        told = [kind, url, str(port), str(pages), variant, str(place)]
        try:
            done = subprocess.run(
                [_python(), str(ROOT / "bench" / "peers_dlt.py"), *told],
                capture_output=True,
                text=True,
                timeout=LOAD_SECONDS,
                check=True,
                cwd=place,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            print(f"dlt, {variant}, {LABELS[kind]}: {str(error.stderr)[-400:]}", file=sys.stderr)
            return None
    found = json.loads(done.stdout.splitlines()[-1])
    first, second = found["seconds"]
    return (first, second) if found["rows"] == pages * PAGE_FACTS else None


@contextmanager
def _peer_database(kind: str, place: Path) -> Iterator[str]:
    """The URL of an empty database, spelled as dlt wants it: with a host and a password, though neither is used."""
    if kind == "sqlite":
        yield f"sqlite:///{place / 'peer.db'}"
        return
    with postgres() as uri:
        yield uri.replace("postgres:@/", "postgres:unused@localhost:5432/")


if __name__ == "__main__":
    sys.exit(main())
