"""A process killed in the middle of an import leaves nothing behind, once the next start has looked."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from actions.imports import NotUndoable, list_imports, recover_imports, undo_import
from store.tables import Application, RawFact, ReadCoverage
from tests.actions.import_scenes import METRICS, admin_of, bring_in, long_file, stored_rows, text_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.kill
@pytest.mark.parametrize("kind", ["metrics", "applications"])
def test_a_killed_import_shows_nothing_and_is_taken_back(store, company, database_url, kind):
    viewer = admin_of(store, company)
    bring_in(store, viewer, text_file(METRICS))
    before = stored_rows(store)
    arguments = [database_url, str(company.id), str(viewer.user_id), kind, "1"]
    script = ROOT / "tests" / "actions" / "import_killed.py"
    done = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=300, check=False
    )
    assert done.returncode == -9
    with store.reading() as session:
        table = RawFact if kind == "metrics" else Application
        assert len(session.exec(select(table)).all()) >= 1000
        # Not covered, so not counted.
        assert {row.metric for row in session.exec(select(ReadCoverage))} == {3, 5, 14}
    now = datetime.now(UTC)
    broken = next(past for past in list_imports(store, viewer, now=now) if past.state == "running")
    with pytest.raises(NotUndoable, match="still running"):
        undo_import(store, viewer, broken.id, now=now)
    assert recover_imports(store, now=now) == 0
    assert recover_imports(store, now=now + timedelta(minutes=3)) == 1
    assert stored_rows(store) == before
    again = bring_in(store, viewer, long_file(kind), now)
    assert again.inserted > 0
