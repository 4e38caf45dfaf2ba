"""Importing a million applications: preview, import, preview of the same file again and undo, against a bare loop."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.ats_file import write_export
from bench.databases import KINDS, LABELS, folder
from bench.figures import Figure, Scale

ROWS, QUICK_ROWS = 1_000_000, 5_000
MOST_SECONDS, MOST_MEGABYTES, LEAST_SHARE = 60, 200, 0.5
SECONDS = 1_200


def run(scale: Scale) -> list[Figure]:
    """Both databases, the same file."""
    rows = scale.runs(ROWS, QUICK_ROWS)
    with folder() as place:
        file = place / "greenhouse_export.csv"
        write_export(file, rows)
        return [figure for kind in KINDS for figure in _measure(kind, file, rows)]


def _measure(kind: str, file: Path, rows: int) -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.importing", kind, str(file), str(rows)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    label, steps = LABELS[kind], told["steps"]
    seconds, cpu = steps["import"]
    size = f"{rows:,} rows".replace(",", " ")
    yield Figure(f"{label}: import of {size}", seconds, "s", MOST_SECONDS, note=f"{cpu:.1f} s of CPU")
    # By CPU: what else the machine does meanwhile hits both alike.
    note = f"{steps['bare'][1]:.1f} s of CPU for csv.reader, the same seals and the driver's bulk insert"
    yield Figure(f"{label}: import against the bare loop", steps["bare"][1] / cpu, "×", LEAST_SHARE, True, note)
    note = f"{told['before']:.0f} MB before, peak {told['peak']:.0f} MB, {told['file']:.0f} MB of it the file itself"
    yield Figure(f"{label}: memory more", told["peak"] - told["before"], "MB", MOST_MEGABYTES, note=note)
    for name, what in (("preview", "preview"), ("again", "preview of the same file again"), ("undo", "undo")):
        yield Figure(f"{label}: {what}", steps[name][0], "s", note=f"{steps[name][1]:.1f} s of CPU")
