"""Files as programs write them: encodings, delimiters, headers, workbooks, and what is refused."""

import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from connectors.files.dates import EPOCH_1904
from connectors.files.errors import NOT_CALCULATED, FileRefused
from connectors.files.reading import open_table
from connectors.files.table import SourceFile

TEXT = 'Tag,Kampagne,Klicks\n2026-02-01,"Größe, M",5\n2026-02-02,Zürich – Süd,7\n'
ROWS = [["2026-02-01", "Größe, M", "5"], ["2026-02-02", "Zürich – Süd", "7"]]


def cells(table):
    return [record.cells for record in table.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_it_finds_the_encoding(csv_file, encoding):
    table = open_table(csv_file(TEXT, encoding))
    assert table.headers == ("Tag", "Kampagne", "Klicks")
    assert cells(table) == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_it_finds_the_delimiter(csv_file, delimiter):
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in [["Tag", "Kampagne", "Klicks"], *ROWS])
    assert cells(open_table(csv_file(text))) == ROWS


def test_it_obeys_excels_own_hint(csv_file):
    assert open_table(csv_file("sep=;\nDate;Clicks\n2026-02-01;5\n")).headers == ("Date", "Clicks")


def test_lines_above_the_header_and_comments_are_no_rows(csv_file):
    text = "# -----\n# Property: careers\n\nCampaign report\n\nDate,Clicks\n2026-02-01,5\n\n# end\n"
    table = open_table(csv_file(text))
    assert (table.headers, table.header_row) == (("Date", "Clicks"), 6)
    assert [record.number for record in table.rows()] == [7]
    assert table.preamble == ("-----", "Property: careers", "Campaign report")


def test_a_line_break_in_quotes_stays_in_its_cell(csv_file):
    table = open_table(csv_file('Date,Title,Clicks\n2026-02-01,"two\nlines ""quoted""",5\n2026-02-02,b,6\n'))
    assert [(r.number, r.cells[1]) for r in table.rows()] == [(2, 'two\nlines "quoted"'), (3, "b")]


def test_equal_and_missing_names_of_columns_are_told_apart(csv_file):
    assert open_table(csv_file("Date,Clicks,Clicks,,x\n2026-02-01,1,2,3,4\n")).headers == (
        "Date",
        "Clicks",
        "Clicks (2)",
        "Column 4",
        "x",
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b" \n \n", "empty"),
        (b"2026-02-01,5,6\n2026-02-02,7,8\n", "no_header"),
        (b"just some words\nand more\n", "one_column"),
        (b'{"data": []}', "json"),
        (b"<!DOCTYPE html><table>", "web_page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old_excel"),
        (b"PK\x03\x04 broken", "broken"),
        (b"%PDF-1.7", "not_table"),
        (b"Date,Clicks\n" + b'2026-02-01,"' + b"x" * 200_000, "broken"),
    ],
)
def test_it_refuses_by_name_what_is_no_table(content, code):
    with pytest.raises(FileRefused) as refusal:
        list(open_table(SourceFile("x.csv", content)).rows())
    assert refusal.value.code == code


def test_a_workbook_gives_real_dates_and_its_fullest_sheet(xlsx_file):
    source = xlsx_file(
        Notes=[["Made by", "somebody"]],
        Data=[["Date", "Clicks"], [date(2026, 2, 1), 5], [datetime(2026, 2, 2, 10), "1,234"]],
    )
    table = open_table(source)
    assert table.sheets == ("Data", "Notes")
    assert cells(table) == [[date(2026, 2, 1), 5.0], [datetime(2026, 2, 2, 10), "1,234"]]
    assert open_table(source, "Notes").headers == ("Made by", "somebody")
    with pytest.raises(FileRefused, match="no sheet"):
        open_table(source, "Elsewhere")


def test_a_workbook_of_the_1904_system_says_so(xlsx_file):
    assert open_table(xlsx_file(epoch=EPOCH_1904, Data=[["Date", "Clicks"], [44384, 5]])).epoch == EPOCH_1904


def test_a_formula_that_was_never_calculated_is_marked(xlsx_file):
    table = open_table(xlsx_file(Data=[["Date", "Clicks"], [date(2026, 2, 1), "=2+3"], [date(2026, 2, 2), 6]]))
    assert cells(table)[0][1] is NOT_CALCULATED
    assert cells(table)[1][1] == 6.0


@pytest.mark.parametrize("place", ["XFD1048576", "ZZZZZZZZZ99999999999999", "b00000000000004000000000"])
def test_a_cell_far_away_is_refused_before_room_is_made_for_all_between(xlsx_file, place):
    plain = xlsx_file(Data=[["Date", "Clicks"], [date(2026, 2, 1), 6]])
    stray = f'<row r="9"><c r="{place}"><v>1</v></c></row></sheetData>'
    with pytest.raises(FileRefused, match="far from the table"):
        open_table(SourceFile("far.xlsx", _rewritten(plain, (b"</sheetData>", stray.encode()))))


def test_a_bomb_is_refused_before_it_is_unpacked():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(220):
                part.write(b"0" * 2**20)
    assert len(buffer.getvalue()) < 2**20
    with pytest.raises(FileRefused) as refusal:
        open_table(SourceFile("bomb.xlsx", buffer.getvalue()))
    assert refusal.value.code == "too_large"


def test_a_damaged_part_of_a_workbook_is_named():
    buffer = io.BytesIO()
    book = Workbook()
    for n in range(200):
        book.active.append([f"name {n}", n])
    book.save(buffer)
    content = bytearray(buffer.getvalue())
    at = content.find(b"xl/worksheets/sheet1.xml") + 60
    content[at : at + 20] = b"\x00" * 20
    with pytest.raises(FileRefused) as refusal:
        open_table(SourceFile("x.xlsx", bytes(content)))
    assert refusal.value.code == "broken"


def _rewritten(source, *changes):
    buffer = io.BytesIO()
    with zipfile.ZipFile(source.open()) as before, zipfile.ZipFile(buffer, "w") as after:
        for part in before.infolist():
            data = before.read(part)
            for old, new in changes:
                data = data.replace(old, new)
            after.writestr(part, data)
    return buffer.getvalue()


def test_broken_markup_behind_a_formula_is_named(xlsx_file):
    plain = xlsx_file(Data=[["Date", "Clicks"], [date(2026, 2, 1), "=2+3"]])
    with pytest.raises(FileRefused, match="damaged"):
        list(open_table(SourceFile("x.xlsx", _rewritten(plain, (b"</sheetData>", b"<\x01></sheetData>")))).rows())


def test_an_archive_whose_parts_lie_before_its_beginning_is_named(xlsx_file):
    content = xlsx_file(Data=[["Date", "Clicks"], [date(2026, 2, 1), 6]]).content
    # A piece cut out of the middle: the directory at the end points past what is there.
    with pytest.raises(FileRefused) as refusal:
        open_table(SourceFile("x.xlsx", content[:40] + content[140:]))
    assert refusal.value.code == "broken"
