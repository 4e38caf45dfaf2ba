"""A dlt pipeline over the bench's pages; runs in dlt's own environment and imports nothing of ours.

`python bench/peers_dlt.py KIND URL PORT PAGES VARIANT FOLDER` prints the seconds of both loads.
"""

import json
import os
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv[6])
# Before dlt is imported: no telemetry, nothing of this machine's own configuration, state in the given folder.
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "DLT_DATA_DIR": str(FOLDER / "dlt"),
    "DLT_PROJECT_DIR": str(FOLDER),
}

import dlt  # noqa: E402
import pyarrow  # noqa: E402
from dlt.sources.helpers import requests  # noqa: E402

KEY = ("company_no", "config_no", "day", "metric", "posting")
#: Spelled out, so that dlt need not infer them from each page.
COLUMNS = {
    "company_no": {"data_type": "bigint", "nullable": False},
    "config_no": {"data_type": "bigint", "nullable": False},
    "day": {"data_type": "date", "nullable": False},
    "metric": {"data_type": "text", "nullable": False},
    "posting": {"data_type": "text", "nullable": False},
    "value": {"data_type": "bigint", "nullable": False},
}
#: What its documentation offers for speed: whole pages yielded, known columns, other file formats, other strategies.
VARIANTS = {
    "rows": {},
    "rows, upsert": {"strategy": "upsert"},
    "rows, csv": {"format": "csv"},
    "rows, csv, upsert": {"format": "csv", "strategy": "upsert"},
    "arrow, parquet": {"format": "parquet", "arrow": True},
    "arrow, csv, upsert": {"format": "csv", "strategy": "upsert", "arrow": True},
}


def main() -> None:
    """Load twice, count, print."""
    kind, url, port, pages, variant = *sys.argv[1:4], int(sys.argv[4]), VARIANTS[sys.argv[5]]
    if kind == "sqlite":
        # With a key its merge finds rows by index; without one each merge reads the table once for every row.
        destination = dlt.destinations.sqlalchemy(credentials=url, create_primary_keys=True)
    else:
        destination = dlt.destinations.postgres(credentials=url)
    pipeline = dlt.pipeline("peer", destination=destination, dataset_name="peer", pipelines_dir=str(FOLDER / "state"))
    seconds = [_load(pipeline, port, pages, variant) for _ in range(2)]
    with pipeline.sql_client() as client:
        (count,) = client.execute_sql("SELECT COUNT(*) FROM facts")[0]
    print(json.dumps({"seconds": seconds, "rows": count}))


def _load(pipeline: dlt.Pipeline, port: str, pages: int, variant: dict[str, object]) -> float:
    disposition: object = "merge"
    if "strategy" in variant:
        disposition = {"disposition": "merge", "strategy": variant["strategy"]}

    @dlt.resource(name="facts", write_disposition=disposition, primary_key=KEY, columns=COLUMNS)
    def facts():  # noqa: ANN202 what dlt expects
        for number in range(pages):
            told = requests.get(f"http://127.0.0.1:{port}/read?page={number}").json()["facts"]
            rows = [{"company_no": 1, "config_no": 1} | row for row in told]
            yield _table(rows) if variant.get("arrow") else rows

    started = time.perf_counter()
    pipeline.run(facts, loader_file_format=variant.get("format")).raise_on_failed_jobs()
    return time.perf_counter() - started


def _table(rows: list[dict[str, object]]) -> pyarrow.Table:
    table = pyarrow.Table.from_pylist(rows)
    day = table.schema.get_field_index("day")
    return table.set_column(day, "day", table["day"].cast(pyarrow.date32()))


if __name__ == "__main__":
    main()
