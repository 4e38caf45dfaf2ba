"""`python -m bench.importing KIND FILE ROWS`: a file through preview, import, preview again and undo, in this process.

Prints JSON: seconds and seconds of CPU of each step (with PostgreSQL's), and megabytes before and at most (Linux).
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from actions.imports import SourceFile, inspect_file, plan_import, run_import, undo_import
from actions.users import add_company
from actions.viewer import ADMIN, Viewer
from bench.ats_file import POSTINGS, UNKNOWN_POSTINGS, posting_of, write_export
from bench.bare_import import bare_import
from bench.databases import fresh_store
from bench.memory_sync import highest_anew, status
from store.opening import Store
from store.tables import Company, JobPosting, Referral, User

WARM_ROWS = 1_000
ZONE = "Europe/Berlin"
REFERRALS = 200


@dataclass
class Steps:
    """Seconds and seconds of CPU by step; PostgreSQL's processes count as ours."""

    store: Store
    told: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, name: str, work: Callable[[], Any]) -> Any:
        """What `work` returns; its times are kept."""
        cpu, started = self._cpu(), time.perf_counter()
        result = work()
        self.told[name] = (time.perf_counter() - started, self._cpu() - cpu)
        return result

    def _cpu(self) -> float:
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in (psutil.Process().pid, *self._servers()))

    def _servers(self) -> list[int]:
        if self.store.engine.dialect.name == "sqlite":
            return []
        with self.store.reading() as session:
            return list(session.connection().execute(text("SELECT pid FROM pg_stat_activity")).scalars())


def main() -> None:
    """A thousand rows first, so that imports and caches are there; then the file."""
    kind, path, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    now = datetime.now(UTC)
    with fresh_store(kind) as (store, settings):
        viewer = company_with_postings(store, now)
        warm = settings.data_dir / "warm.csv"
        write_export(warm, WARM_ROWS, first=10**9)
        _bring_in(store, viewer, SourceFile(warm.name, warm.read_bytes()), Steps(store))
        steps, before = Steps(store), status("VmRSS")
        highest_anew()
        # As the screen has it: all of the file's bytes in memory.
        source = SourceFile(path.name, path.read_bytes())
        counts = _bring_in(store, viewer, source, steps)
        memory = {"before": before, "peak": status("VmHWM"), "file": source.size / 2**20}
        again = steps.take("again", lambda: _plan(store, viewer, source))
        undone = steps.take("undo", lambda: undo_import(store, viewer, counts.import_id, now=datetime.now(UTC)))
    if (
        counts.inserted + counts.rejected != rows
        or again.unchanged != undone.removed
        or undone.removed != counts.inserted
    ):
        raise RuntimeError(
            f"{counts} of {rows} rows came in; {again.unchanged} were known, {undone.removed} went again"
        )
    with fresh_store(kind) as (store, _):
        viewer = company_with_postings(store, now)
        bare = Steps(store)
        bare.take("bare", lambda: bare_import(store, viewer.company_id, path))
    print(json.dumps({**memory, "inserted": counts.inserted, "steps": steps.told | bare.told}))


def company_with_postings(store: Store, now: datetime) -> Viewer:
    """An admin of a new company that has made most of its postings known, and has referrals to look for."""
    company = Company(number=1, name="Bench", time_zone=ZONE, currency="EUR")
    add_company(store, company, by="bench", now=now)
    user = User(company_id=company.id, email="ada@bench.example", name="Ada", role=ADMIN)
    with store.writing() as session:
        session.add(user)
        for number in range(POSTINGS - UNKNOWN_POSTINGS):
            ref, title = posting_of(number)
            session.add(JobPosting(company_id=company.id, number=number + 1, title=title, requisition_ref=ref))
        for number in range(REFERRALS):
            person = store.vault.digest("email-bidx", f"nobody.{number}@mail.example")
            session.add(
                Referral(
                    company_id=company.id, code=f"R-{number}", email_index=person, person_index=person, sent_at=now
                )
            )
    return Viewer(user.id, company.id, ADMIN, "Ada", user.email)


def _plan(store: Store, viewer: Viewer, source: SourceFile) -> Any:
    now = datetime.now(UTC)
    return plan_import(store, viewer, source, inspect_file(store, viewer, source, now=now).mapping, now=now)


def _bring_in(store: Store, viewer: Viewer, source: SourceFile, steps: Steps) -> Any:
    plan = steps.take("preview", lambda: _plan(store, viewer, source))
    if plan.mapping.preset != "greenhouse" or plan.questions:
        raise RuntimeError(f"the file was not recognised: {plan.mapping}")
    return steps.take("import", lambda: run_import(store, viewer, source, plan))


if __name__ == "__main__":
    main()
