"""Which column means what: the spellings of column names, and the mapping guessed from them."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from connectors.files.numbers import is_currency
from domain.metrics import BY_NAME, FROM_APPLICATIONS

#: What a metrics file may bring. Hires, offers and interviews come only from applications.
FILE_METRICS = tuple(name for name in BY_NAME if name not in FROM_APPLICATIONS)
#: Fields of a metrics file besides the metrics: for each, the column names known for it, the likeliest first.
METRICS_FIELDS: dict[str, tuple[str, ...]] = {
    "day": ("day", "date", "report date", "stats date", "date utc", "activity date", "datum", "tag", "fecha", "jour",
            "start date", "from", "time", "timestamp", "week", "month"),
    "last_day": ("end date", "to", "until", "date to", "enddatum"),
    "posting_ref": ("job reference number", "job reference", "reference number", "posting id", "job id", "jobid",
                    "requisition", "requisition id", "req id", "vacancy id", "ad id", "tweet id", "post id", "id"),
    "posting_title": ("posting title", "job title", "title", "posting", "job", "job name", "post title", "vacancy",
                      "position", "tweet text", "post text", "stellentitel", "stelle", "page title", "page path"),
    "campaign": ("campaign", "campaign name", "kampagne", "campana", "campagne"),
    "currency": ("currency", "currency code", "wahrung"),
    "metric": ("metric", "metric name", "measure", "event name", "kennzahl"),
    "value": ("value", "metric value", "event count", "amount", "wert"),
}  # fmt: skip
METRIC_SPELLINGS: dict[str, tuple[str, ...]] = {
    "impressions": ("impressions", "impr", "imps", "search appearances", "appearances", "post impressions",
                    "times shown", "impressionen", "impresiones"),
    "views": ("views", "job views", "page views", "pageviews", "page view", "posting views", "job post views",
              "total views", "screen page views", "aufrufe", "ansichten", "vistas", "vues"),
    "clicks": ("clicks", "job clicks", "total clicks", "link clicks", "url clicks", "apply clicks", "website clicks",
               "apply click", "klicks", "clics"),
    "apply_starts": ("apply starts", "applications started", "application starts", "started applications",
                     "apply start", "applystarts"),
    "applications": ("applies", "applications", "applicants", "total applicants", "total applications",
                     "completed applications", "applications received", "apply complete", "apply completes",
                     "bewerbungen", "candidatures", "candidaturas"),
    "sessions": ("sessions", "session start", "sitzungen"),
    "engaged_sessions": ("engaged sessions",),
    "engagement_seconds": ("engagement seconds", "user engagement duration"),
    "reach": ("reach", "unique impressions", "members reached", "reichweite"),
    "referrals_sent": ("referrals sent", "referrals"),
    "spend": ("spend", "cost", "amount spent", "total spend", "total cost", "spent", "kosten", "ausgaben"),
}  # fmt: skip
STAGE_FIELDS = (
    "applied_at", "reviewed_at", "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip
APPLICATION_FIELDS: dict[str, tuple[str, ...]] = {
    "application_ref": ("application id", "application", "app id", "opportunity id", "applicationid"),
    "name": ("candidate", "candidate name", "applicant", "applicant name", "full name", "name"),
    "first_name": ("first name", "candidate first name", "vorname"),
    "last_name": ("last name", "candidate last name", "surname", "nachname"),
    "email": ("e mail", "email", "candidate email", "email address", "candidate e mail", "primary email address",
              "e mail address", "applicant email"),
    "posting_ref": ("requisition", "requisition id", "req id", "requisition number", "job requisition id", "job id",
                    "posting id", "shortcode", "job shortcode"),
    "posting_title": ("posting title", "job title", "job name", "job", "position", "posting", "opening", "title",
                      "stelle"),
    "source": ("source", "application source", "source name", "candidate source", "origin", "quelle", "fuente"),
    "stage": ("stage", "current stage", "current interview stage", "application stage", "status",
              "application status", "state"),
    "applied_at": ("applied at", "applied on", "applied", "application date", "date applied", "applied date",
                   "application created at", "submitted at", "created at", "created", "bewerbungsdatum"),
    "reviewed_at": ("reviewed at", "reviewed on", "review date", "screened at", "phone screen date",
                    "application reviewed at"),
    "interviewed_at": ("interviewed at", "interviewed on", "interview date", "first interview", "first interview at",
                       "interview scheduled at", "face to face date"),
    "offered_at": ("offered at", "offered on", "offer date", "offer sent at", "offer extended at", "offer created at",
                   "offer made at"),
    "hired_at": ("hired at", "hired on", "hired date", "hire date", "date hired", "offer accepted at"),
    "rejected_at": ("rejected at", "rejected on", "rejection date", "date rejected", "disqualified at",
                    "disqualified on", "rejected date"),
    "withdrawn_at": ("withdrawn at", "withdrawn on", "withdrawal date"),
    # Who ended it says more than why: that stands first.
    "end_reason": ("rejection reason type", "archive reason type", "rejection reason", "reject reason",
                   "archive reason", "archived reason", "disqualification reason", "disqualified reason",
                   "disqualify reason", "withdrawal reason"),
    "stage_at": ("last activity", "last activity at", "stage changed at", "last stage change at", "archived at",
                 "last moved at", "updated at", "last interaction at", "stage entered at"),
}  # fmt: skip

POSTING_DATES = ("opened_on", "closed_on")
POSTING_FIELDS: dict[str, tuple[str, ...]] = {
    "requisition_ref": ("requisition", "requisition id", "requisition ref", "requisition number", "req id", "req",
                        "job requisition id", "job requisition", "job reference", "reference number", "job id",
                        "job code", "shortcode", "job shortcode", "posting id", "vacancy id", "referenznummer"),
    "title": ("posting title", "job title", "title", "posting", "job name", "job", "position", "opening", "vacancy",
              "stelle", "stellentitel"),
    "department": ("department", "team", "division", "business unit", "abteilung", "departamento", "departement"),
    "location": ("location", "office", "city", "job location", "site", "standort", "ort", "ubicacion", "lieu"),
    "recruiter": ("recruiter", "recruiter name", "primary recruiter", "owner", "posting owner"),
    "hiring_manager": ("hiring manager", "hiring manager name", "manager"),
    "status": ("status", "job status", "posting status", "state"),
    "opened_on": ("opened", "opened on", "open date", "opened at", "opening day", "date opened", "published on",
                  "published at", "posted on", "publish date", "start date", "created at", "created on", "created"),
    "closed_on": ("closed", "closed on", "close date", "closing date", "closed at", "closing day", "date closed",
                  "closes", "closes on", "end date", "expires on", "expiry date", "archived at"),
    "target_hires": ("hires wanted", "target hires", "openings", "number of openings", "positions", "headcount",
                     "vacancies", "openings count"),
    "slug": ("slug", "url slug"),
    "path": ("path", "page path", "career page", "careers page", "posting url", "job url", "url", "hosted url",
             "absolute url", "public url"),
    "path_pattern": ("path pattern",),
    "apply_url": ("apply url", "apply address", "application url", "apply link", "application link"),
}  # fmt: skip


def spelling(header: str) -> str:
    """A column name reduced to what tells: no case, accents, punctuation, nor what stands in brackets.

    >>> spelling("Apply starts (AS)"), spelling("E-mail"), spelling("Währung"), spelling("impr.")
    ('apply starts', 'e mail', 'wahrung', 'impr')
    """
    plain = re.sub(r"[(\[].*?[)\]]", " ", header)
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", plain.casefold()) if not unicodedata.combining(letter)
    )
    plain = re.sub(r"(?<=[a-z])_(?=[a-z])", " ", plain)
    return " ".join(re.sub(r"[^\w%/$#]+", " ", plain.replace("_", " ")).split())


def header_currency(header: str) -> str:
    """The currency a column name mentions, "" for none.

    >>> header_currency("Spend (USD)"), header_currency("Cost, EUR"), header_currency("Cost per click (CPC)")
    ('USD', 'EUR', '')
    """
    codes = [word for word in re.findall(r"\b[A-Z]{3}\b", header) if is_currency(word)]
    return codes[0] if len(codes) == 1 else ""


def metric_of(name: str) -> str:
    """The metric a column name or a metric's name in a cell stands for; "" for none.

    >>> metric_of("Applies"), metric_of("Cost, EUR"), metric_of("Cost per click (CPC)")
    ('applications', 'spend', '')
    """
    wanted = spelling(name)
    found = _METRIC_BY_SPELLING.get(wanted, "")
    currency = header_currency(name)
    if not found and currency:
        found = _METRIC_BY_SPELLING.get(wanted.replace(currency.casefold(), "").strip(), "")
    return found


def is_known(header: str) -> bool:
    """Whether a column name means something to us in any kind of file."""
    return bool(metric_of(header)) or spelling(header) in _KNOWN


def guess_fields(headers: Iterable[str], fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Field → column name: for each field the column whose spelling comes first in its list; none used twice.

    >>> guess_fields(["Title", "Job ID", "Date"], METRICS_FIELDS)
    {'day': 'Date', 'posting_ref': 'Job ID', 'posting_title': 'Title'}
    """
    by_spelling: dict[str, str] = {}
    for header in headers:
        by_spelling.setdefault(spelling(header), header)
    guessed: dict[str, str] = {}
    for field, spellings in fields.items():
        for wanted in spellings:
            header = by_spelling.get(wanted, "")
            if header and header not in guessed.values():
                guessed[field] = header
                break
    return guessed


def guess_metrics(headers: Iterable[str]) -> dict[str, str]:
    """Metric → column name, the likeliest spelling of each metric."""
    found: dict[str, tuple[int, str]] = {}
    for header in headers:
        metric = metric_of(header)
        if metric:
            spellings = METRIC_SPELLINGS[metric]
            rank = spellings.index(spelling(header)) if spelling(header) in spellings else len(spellings)
            if metric not in found or rank < found[metric][0]:
                found[metric] = (rank, header)
    return {metric: header for metric, (_, header) in found.items()}


def header_hash(headers: Iterable[str]) -> str:
    """What a remembered mapping is found by: the column names in their order."""
    return hashlib.sha256("\x1f".join(spelling(header) for header in headers).encode()).hexdigest()


def unique_headers(cells: Iterable[str]) -> tuple[str, ...]:
    """Column names made unique; a nameless column is called by its place.

    >>> unique_headers(["Clicks", "", "Clicks"])
    ('Clicks', 'Column 2', 'Clicks (2)')
    """
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"Column {place}"
        copies, wanted = 1, name
        while name in names:
            copies += 1
            name = f"{wanted} ({copies})"
        names.append(name)
    return tuple(names)


_METRIC_BY_SPELLING = {name: metric for metric, names in METRIC_SPELLINGS.items() for name in names}
_KNOWN = frozenset(
    name
    for fields in (METRICS_FIELDS, APPLICATION_FIELDS, POSTING_FIELDS)
    for names in fields.values()
    for name in names
)
