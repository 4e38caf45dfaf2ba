"""A large export of an applicant system, as Greenhouse writes one: names of many scripts, some rows that are wrong."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEADERS = (
    "Application ID", "Candidate Name", "Email", "Requisition ID", "Job Name", "Source Name", "Application Date",
    "Offer Date", "Hired Date", "Rejected On", "Current Stage", "Recruiter",
)  # fmt: skip
POSTINGS = 400
#: The company has made all but the last of them known to us.
UNKNOWN_POSTINGS = 20
FIRST_DAY = datetime(2023, 1, 2, 6, tzinfo=UTC)
DAYS = 1000
#: One row in so many has no date, lies in the future, or stands twice in the file.
WRONG = 500
_FIRST = ("Ines", "Bo", "Zoë", "Łukasz", "Mary Ann", "José", "Anna", "Владимир", "Thomas", "小春", "Fatima", "O'Neil")
_LAST = ("Albrecht", "Lund", "Ünal", "Kowalski", "Smith", "García Márquez", "Schmidt", "Иванов", "Brown", "田中", "Ali")
_SOURCES = ("Indeed", "LinkedIn", "Employee referral", "Company website", "Monster", "Job fair", "ZipRecruiter", "X")
_STAGES = ("Application Review", "Phone Screen", "Onsite interview", "Take-home task")


def write_export(path: Path, rows: int, *, first: int = 0) -> None:
    """Write `rows` applications, numbered from `first`, in the order in which people applied."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADERS)
        out.writerows(_row(number, rows) for number in range(first, first + rows))


def posting_of(number: int) -> tuple[str, str]:
    """(requisition, title) of a posting."""
    return f"REQ-{1000 + number}", f"Welder, hall {number}" if number % 7 else f"Örtliche Leitung {number}"


def _row(number: int, rows: int) -> tuple[str, ...]:
    # A large odd factor strews what is chosen, the same in every run.
    dice = number * 2_654_435_761 % 2**32
    requisition, title = posting_of(dice % POSTINGS)
    first, last = _FIRST[dice // 7 % len(_FIRST)], _LAST[dice // 89 % len(_LAST)]
    applied = FIRST_DAY + timedelta(seconds=number % rows * DAYS * 86_400 // rows + dice % 50_000)
    offered, hired, rejected, stage = _ends(dice, applied)
    told, ref = f"{applied:%Y-%m-%d %H:%M:%S}", f"{40_000_000 + number}"
    if number % WRONG == 13:
        told = ("", "2099-01-01", told)[number // WRONG % 3]
        ref = ref if told in ("", "2099-01-01") else f"{40_000_000 + number - 1}"
    return (
        ref, f"{first} {last}", f"person.{number}@mail-{dice % 40}.example", requisition, title,
        _SOURCES[dice // 13 % len(_SOURCES)], told, offered, hired, rejected, stage, "Ada Recruiter",
    )  # fmt: skip


def _ends(dice: int, applied: datetime) -> tuple[str, str, str, str]:
    """Offered, hired and rejected as the file says them, and the words of the stage."""
    later = [f"{applied + timedelta(days=days, seconds=dice % 9_999):%Y-%m-%d %H:%M:%S}" for days in (9, 14, 20)]
    match dice // 31 % 20:
        case 0:
            return later[1], later[2], "", "Hired"
        case 1:
            return later[1], "", "", "Offer"
        case chosen if chosen < 13:
            return "", "", later[0], "Rejected"
        case chosen:
            return "", "", "", _STAGES[chosen % len(_STAGES)]
