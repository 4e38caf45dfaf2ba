"""The file that the import is measured with is one that the product recognises, with as many wrong rows as it says."""

from datetime import UTC, datetime

from actions.imports import SourceFile
from bench.ats_file import POSTINGS, WRONG, write_export
from bench.importing import _plan, company_with_postings


def test_the_export_is_recognised_and_every_so_many_rows_are_wrong(store, tmp_path):
    path = tmp_path / "greenhouse_export.csv"
    write_export(path, 4 * WRONG)
    plan = _plan(store, company_with_postings(store, datetime.now(UTC)), SourceFile(path.name, path.read_bytes()))
    assert (plan.mapping.preset, plan.questions) == ("greenhouse", ())
    assert (plan.new, plan.rejected) == (4 * WRONG - 4, 4)
    assert len(plan.rejections) == 3
    assert 0 < len(plan.unknown_postings) < POSTINGS
