"""A payout as a file for payroll: CSV or a workbook, with no cell that a spreadsheet would run as a formula."""

import csv
import io
from datetime import datetime
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.letters import clean_line
from domain.money import exponent
from domain.rewards import condition
from domain.spreadsheet import Cell, file_name, safe_text, spell
from store.engine import Urgency
from store.opening import Store
from store.reports.payouts import PayoutLine, list_payout_lines
from store.tables import Company
from store.writes.audit import append_audit

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
COLUMNS = (
    "Payout", "Person", "E-mail", "Amount", "Currency", "Minor units", "For", "Posting", "Referred on", "Due on",
    "Approved by", "Approved at (UTC)", "State", "Referral", "Reward",
)  # fmt: skip
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def export_payout(store: Store, viewer: Viewer, payout_ref: str, form: str, *, now: datetime) -> tuple[bytes, str]:
    """(File, its name) of a payout as `form`, csv or xlsx. The same payout gives the same rows each time.

    Each export is written into the audit log. Raises NotAllowed, and NotFound for a payout that there is not.
    """
    payout_ref = clean_line(payout_ref)
    require_admin(store, viewer, "payout.export", payout_ref, now=now)
    with store.writing(Urgency.EVENT) as session:
        lines = list_payout_lines(session, viewer.company_id, payout_ref)
        if not lines:
            raise NotFound("There is no such payout.")
        company = session.get_one(Company, viewer.company_id)
        append_audit(session, deed(viewer, "payout.export", payout_ref, rewards=len(lines), form=form), now=now)
    rows = [_row(payout_ref, line) for line in lines]
    name = file_name(f"rewards {payout_ref}", company.name, ending=form)
    return (_workbook(rows) if form == "xlsx" else _csv(rows)), name


def _row(payout_ref: str, line: PayoutLine) -> tuple[Cell, ...]:
    return (
        payout_ref,
        line.person,
        line.email,
        line.amount.amount.quantize(Decimal(1).scaleb(-exponent(line.amount.currency))),
        line.amount.currency,
        line.amount.minor,
        condition(line.milestone, line.days_after),
        line.posting,
        line.referred_on,
        line.due_on,
        line.approved_by,
        line.approved_at,
        line.state,
        str(line.referral_id),
        str(line.reward_id),
    )


def _csv(rows: list[tuple[Cell, ...]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([spell(cell) for cell in row] for row in rows)
    return _BYTE_ORDER_MARK + out.getvalue().encode("utf-8", errors="replace")


def _workbook(rows: list[tuple[Cell, ...]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rewards")
    sheet.freeze_panes = "A2"
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: object, value: Cell) -> object:
    """Numbers and days stay what they are; text is text, whatever it begins with. A workbook knows no time zones."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value=_printable(safe_text(value)))
    cell.data_type = "s"
    return cell


def _printable(text: str) -> str:
    """Text without the control characters that a workbook refuses."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
