"""docs/benchmarks.md: each bench's table stands between two marks and is replaced by its last full run."""

import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure, table

FILE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def keep(name: str, figures: Sequence[Figure]) -> None:
    """Replace the bench's table, or add it at the end."""
    text = FILE.read_text("utf-8") if FILE.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    part = f"{begin}\n{table(figures)}\nMeasured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: part, text)
    else:
        text += f"\n## {name.capitalize()}\n\n{part}\n"
    FILE.write_text(text, "utf-8")


def machine() -> str:
    """The machine in one line, and how busy it was."""
    cores, memory = os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = f"{os.getloadavg()[0]:.1f}"
    return (
        f"{cores} cores ({_processor()}), {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, load {load}"
    )


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()
