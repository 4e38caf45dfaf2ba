"""Two processes on one SQLite file: neither may pull the log away from under the other."""

import subprocess
import sys
from pathlib import Path

from sqlmodel import col, select

from settings import load
from store.opening import open_store
from store.tables import AppMeta

_OTHER = """
import sys
from settings import load
from store.opening import attach_store
from store.tables import AppMeta
store = attach_store(load({"DATA_DIR": sys.argv[1]}))
with store.writing() as session:
    session.add(AppMeta(key=sys.argv[2], value="written elsewhere"))
store.close()
"""


def _write_elsewhere(data_dir: Path, key: str) -> None:
    subprocess.run([sys.executable, "-c", _OTHER, str(data_dir), key], check=True, timeout=300)


def test_what_another_process_writes_and_closes_is_seen_by_a_store_opened_before(tmp_path: Path) -> None:
    open_store(load({"DATA_DIR": str(tmp_path)})).close()
    store = open_store(load({"DATA_DIR": str(tmp_path)}))
    try:
        with store.writing() as session:
            session.add(AppMeta(key="ours", value="1"))
        for key in ("first", "second"):
            _write_elsewhere(tmp_path, key)
            with store.reading() as session:
                found = session.exec(select(AppMeta).where(col(AppMeta.key) == key)).first()
            assert found is not None, f"{key} was lost"
        with store.reading() as session:
            assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    finally:
        store.close()
