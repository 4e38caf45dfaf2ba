"""Drives a route over connections kept open, for a while: with wrk where it is installed, else with our own driver."""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.databases import folder
from bench.pouring import pour

CONNECTIONS = 50
#: wrk sends for a time, and how many that will be nobody knows: so many a second are made for it, and never enough is
#: an error. Our own driver sends all it is given, and is slower itself.
MOST_A_SECOND, OWN_A_SECOND = 12_000, 1_500
_SCRIPT = Path(__file__).with_name("pour.lua")
_PATIENCE = 60


@dataclass(slots=True)
class Driven:
    """What came of driving: answers, those of them above 399, and the answers by the microseconds they took."""

    answers: int = 0
    refused: int = 0
    seconds: float = 0.0
    times: Counter[int] = field(default_factory=Counter)

    def __iadd__(self, other: "Driven") -> "Driven":
        self.answers += other.answers
        self.refused += other.refused
        self.seconds += other.seconds
        self.times += other.times
        return self

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def slowest(self, share: float) -> float:
        """The milliseconds that this share of the answers did not exceed."""
        left = share * self.times.total()
        for time, count in sorted(self.times.items()):
            left -= count
            if left <= 0:
                return time / 1000
        raise ValueError("nothing was answered")


def driver() -> str:
    """What drives here, in words for the table."""
    return "wrk" if shutil.which("wrk") else "our own driver: wrk is not installed"


def needed(seconds: float) -> int:
    """How many requests are to be made for so many seconds."""
    return int(seconds * (MOST_A_SECOND if shutil.which("wrk") else OWN_A_SECOND))


def drive(port: int, requests: Sequence[bytes], seconds: float, *, again: bool = False) -> Driven:
    """Send requests to a port of this machine over 50 connections, each once; with `again`, over and over.

    Raises RuntimeError where a connection breaks or the requests do not last.
    """
    if shutil.which("wrk"):
        return _by_wrk(port, requests, seconds, again=again)
    poured = asyncio.run(pour("127.0.0.1", port, requests, connections=CONNECTIONS))
    if 0 in poured.counts:
        raise RuntimeError(f"connections broke: {dict(poured.counts)}")
    refused = sum(count for status, count in poured.counts.items() if status > 399)
    times = Counter(int(time * 1000) for time in poured.times)
    return Driven(len(poured.times), refused, poured.seconds, times)


def _by_wrk(port: int, requests: Sequence[bytes], seconds: float, *, again: bool) -> Driven:
    with folder() as place:
        told = place / "requests"
        with told.open("wb") as file:
            for one in requests:
                file.write(b"%d\n" % len(one) + one)
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(_SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}/", "--", str(told)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _PATIENCE, check=False)
    line = next((line for line in ended.stdout.splitlines() if line.startswith("TOLD ")), "")
    if ended.returncode != 0 or not line:
        raise RuntimeError(f"wrk ended with {ended.returncode}: {ended.stdout[-500:]} {ended.stderr[-500:]}")
    found = json.loads(line.removeprefix("TOLD "))
    if found["broken"]:
        raise RuntimeError(f"wrk: {found['broken']} requests had no answer")
    if found["sent"] > len(requests) and not again:
        raise RuntimeError(f"wrk: {found['sent']} were sent of {len(requests)} made, so some came twice")
    return Driven(found["answers"], found["refused"], found["microseconds"] / 1e6, Counter(dict(found["times"])))
