"""Referrals: their codes, whose mailbox an address is, and what becomes of each, given all applications.

What a referral's state is follows from the referral and from the applications that belong to it, and from nothing
else: neither the order in which things are told nor how often matters.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from uuid import UUID

from pydantic import validate_email

from domain.text import clean_text

#: Neither vowels, so that no code is a word, nor letters and digits that look like others in any case or font.
CODE_LETTERS = "bcdfghjkmnprstvwxyz347"
#: 22 ** 15 is a 66-bit number: nobody finds a code by trying.
CODE_GROUPS = (5, 5, 5)
#: Days after sending within which an application belongs to its referral.
WINDOW_DAYS = 180
LONGEST_WINDOW = 1_095
MOST_AN_HOUR = 20
LONGEST_NAME = 120
LONGEST_NOTE = 1_000
LONGEST_EMAIL = 254
#: Before the @ (RFC 5321, 4.5.3.1.1).
LONGEST_LOCAL = 64
_CODE = re.compile("-".join(f"[{CODE_LETTERS}]{{{size}}}" for size in CODE_GROUPS))
#: Characters that turn, hide or break up what follows them: nobody's name needs one.
_HIDDEN = dict.fromkeys(
    map(ord, "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
)
_ENDS = ("rejected", "withdrawn")


def plain_code(text: str) -> str:
    """A code as it is kept: small letters in groups. What is no code of ours stays as it is.

    >>> plain_code(" KMWPX 3HNKR-7TZVD "), plain_code("kmwpx3hnkr7tzvd")
    ('kmwpx-3hnkr-7tzvd', 'kmwpx-3hnkr-7tzvd')
    >>> plain_code("REF-1"), plain_code("")
    ('REF-1', '')
    """
    letters = re.sub(r"[\s\-]+", "", text).casefold()
    grouped, start = [], 0
    for size in CODE_GROUPS:
        grouped.append(letters[start : start + size])
        start += size
    code = "-".join(grouped)
    return code if start == len(letters) and _CODE.fullmatch(code) else text


def is_code(text: str) -> bool:
    """Whether this is a code of ours, in the spelling in which it is kept.

    >>> is_code("kmwpx-3hnkr-7tzvd"), is_code("kmwpx-3hnkr-7tzvO"), is_code("kmwpx3hnkr7tzvd")
    (True, False, False)
    """
    return _CODE.fullmatch(text) is not None


def plain_name(text: str) -> str:
    """A person's name as it is kept: one line, without what hides or turns text. Raises ValueError with words.

    >>> plain_name(" Ana\\r\\nBcc: x\\u202e ")
    'Ana Bcc: x'
    >>> plain_name("\\u200b")
    Traceback (most recent call last):
    ValueError: Please write the person's name.
    """
    name = " ".join(clean_text(text.translate(_HIDDEN), LONGEST_NAME + 1).split())
    if not name:
        raise ValueError("Please write the person's name.")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"A name has at most {LONGEST_NAME} letters.")
    return name


def plain_note(text: str) -> str:
    """A note to a candidate: its lines, each as `plain_name` keeps text. Raises ValueError where it is too long.

    >>> plain_note("Hello,\\r\\n\\r\\nyou would\\x00 like it.\\n")
    'Hello,\\n\\nyou would like it.'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    note = "\n".join(clean_text(line.translate(_HIDDEN), LONGEST_NOTE + 1) for line in lines).strip()
    if len(note) > LONGEST_NOTE:
        raise ValueError(f"A note has at most {LONGEST_NOTE:,} letters.")
    return re.sub(r"\n{3,}", "\n\n", note)


def plain_address(text: str) -> str:
    """An e-mail address in small letters, its host as mail servers spell it. Raises ValueError with words.

    >>> plain_address(" Ann.Lee+Jobs@Example.COM ")
    'ann.lee+jobs@example.com'
    >>> for bad in ("ann", "ann@", "Ann <ann@x.example>", "ann@x.example\\r\\nBcc: b@y.example", "a b@x.example"):
    ...     try:
    ...         plain_address(bad)
    ...     except ValueError:
    ...         print("refused")
    refused
    refused
    refused
    refused
    refused
    """
    words = "This is not an e-mail address. It looks like ann@example.com."
    given = text.strip()
    if not given or len(given) > LONGEST_EMAIL or not given.isprintable() or set(given) & set(' <>",;:()[]\\'):
        raise ValueError(words)
    try:
        _, checked = validate_email(given)
        person, _, host = checked.rpartition("@")
        address = f"{person}@{host.encode('idna').decode()}".casefold()
    except ValueError:
        raise ValueError(words) from None
    if len(person) > LONGEST_LOCAL:
        raise ValueError(words)
    if not address.isascii():
        raise ValueError("Mail cannot be sent to letters like these before the @. Is there another address?")
    return address


def mailbox(address: str) -> str:
    """The address whose mailbox this one's mail ends in: in small letters, without its plus part.

    Dots stay: only one provider takes them for nothing, and elsewhere they tell two people apart.

    >>> mailbox("Ann.Lee+jobs@Example.com"), mailbox("ann.lee@example.com"), mailbox("+x@example.com")
    ('ann.lee@example.com', 'ann.lee@example.com', '+x@example.com')
    """
    person, at, host = address.strip().casefold().rpartition("@")
    return f"{person.partition('+')[0] or person}{at}{host}"


@dataclass(frozen=True, slots=True)
class Came:
    """The applicant came by a referral's code (`referral_id`) or by somebody's personal link (`link_id`)."""

    at: datetime
    referral_id: UUID | None = None
    link_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """An application as referrals see it. `persons` are digests of the address and of its mailbox."""

    id: UUID
    ref: str
    persons: frozenset[str]
    posting_id: UUID | None
    stage: str
    applied_at: datetime
    interviewed_at: datetime | None = None
    offered_at: datetime | None = None
    hired_at: datetime | None = None
    rejected_at: datetime | None = None
    withdrawn_at: datetime | None = None
    came: tuple[Came, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A referral that counts. `names` are its id and those merged into it; `claims` applications it has by a merge.

    `persons` are digests of the candidate's addresses, `referrer` of the referrer's mailbox, "" where nobody knows it.
    """

    id: UUID
    sent_at: datetime
    expires_at: datetime | None
    posting_id: UUID | None
    persons: frozenset[str]
    names: frozenset[UUID]
    referrer: str = ""
    claims: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a referral has come to, and since when."""

    status: str = "pending"
    status_at: datetime | None = None
    application_id: UUID | None = None
    converted_at: datetime | None = None


def owner_of(applied: Applied, sent: Iterable[Sent], links: Mapping[UUID, str], zone: tzinfo) -> UUID | None:
    """The id of the one referral or personal link that an application belongs to; None where nobody referred it.

    By whose code or link the applicant came first; else the referral of this person for this posting that was sent
    first. `links` are personal links by id, with the digest of their owner's mailbox. Nobody refers themselves.

    >>> at = lambda day: datetime(2026, 3, day, 9, tzinfo=UTC)
    >>> ann, bob, cy = (UUID(int=number) for number in (1, 2, 3))
    >>> first = Sent(ann, at(1), at(20), None, frozenset({"x"}), frozenset({ann}))
    >>> second = Sent(bob, at(2), at(20), None, frozenset({"x"}), frozenset({bob}))
    >>> told = Applied(cy, "A", frozenset({"x"}), None, "applied", at(5))
    >>> owner_of(told, [second, first], {}, UTC) == ann
    True
    >>> by_code = Applied(cy, "A", frozenset({"x"}), None, "applied", at(5), came=(Came(at(4), bob),))
    >>> owner_of(by_code, [first, second], {}, UTC) == bob
    True
    >>> owner_of(Applied(cy, "A", frozenset({"x"}), None, "applied", at(21)), [first], {}, UTC) is None
    True
    """
    known = list(sent)
    theirs = {key for key, owner in links.items() if owner not in applied.persons}
    brought = [(came.at, str(came.link_id), came.link_id) for came in applied.came if came.link_id in theirs]
    for one in known:
        if one.referrer in applied.persons or _is_late(applied, one):
            continue
        times = [came.at for came in applied.came if came.referral_id in one.names]
        times += [applied.applied_at] if applied.id in one.claims else []
        brought += [(at, str(one.id), one.id) for at in times]
    if brought:
        return min(brought)[2]
    matching = [one for one in known if _is_of(applied, one, zone)]
    return min(matching, key=lambda one: (one.sent_at, str(one.id))).id if matching else None


def _is_late(applied: Applied, sent: Sent) -> bool:
    return sent.expires_at is not None and applied.applied_at >= sent.expires_at


def _is_of(applied: Applied, sent: Sent, zone: tzinfo) -> bool:
    """Whether this is the person and the posting of a referral, and they applied after it and in time."""
    if not applied.persons & sent.persons or sent.referrer in applied.persons or _is_late(applied, sent):
        return False
    if None not in {applied.posting_id, sent.posting_id} and applied.posting_id != sent.posting_id:
        return False
    return applied.applied_at >= sent.sent_at or _is_only_dated(applied.applied_at, sent.sent_at, zone)


def _is_only_dated(applied_at: datetime, sent_at: datetime, zone: tzinfo) -> bool:
    """Whether only the day of applying is known, and it is that of sending: files often tell no time of day."""
    for place in (zone, UTC):
        local = applied_at.astimezone(place)
        if local.time() == datetime.min.time() and local.date() == sent_at.astimezone(place).date():
            return True
    return False


def standing_of(applied: Applied) -> Standing:
    """What a referral has come to by its application.

    >>> at = lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> told = Applied(UUID(int=1), "A", frozenset(), None, "offered", at(1), offered_at=at(5))
    >>> standing_of(told).status, standing_of(told).status_at.day, standing_of(told).converted_at.day
    ('interviewed', 5, 1)
    >>> gone = Applied(UUID(int=1), "A", frozenset(), None, "withdrawn", at(1), at(3), withdrawn_at=at(6))
    >>> standing_of(gone).status, standing_of(gone).status_at.day
    ('rejected', 6)
    """
    met = [at for at in (applied.interviewed_at, applied.offered_at) if at is not None]
    ended = [at for at in (applied.rejected_at, applied.withdrawn_at) if at is not None]
    if applied.hired_at is not None or applied.stage == "hired":
        status, at = "hired", applied.hired_at
    elif applied.stage in _ENDS:
        status, at = "rejected", max(ended, default=None)
    elif met or applied.stage in ("interviewed", "offered"):
        status, at = "interviewed", min(met, default=None)
    else:
        status, at = "applied", applied.applied_at
    return Standing(status, at or applied.applied_at, applied.id, applied.applied_at)


def best_of(applications: Iterable[Applied], persons: frozenset[str]) -> Applied | None:
    """Of several applications of one referral the one it goes by: of the person referred, else the first one."""
    return min(
        applications,
        key=lambda one: (not one.persons & persons, one.applied_at, one.ref, str(one.id)),
        default=None,
    )


def ends_on(sent_at: datetime, window_days: int) -> datetime:
    """When a referral expires that was sent then."""
    return sent_at + timedelta(days=window_days)


def is_expired(status: str, expires_at: datetime | None, now: datetime) -> bool:
    """Whether nobody has applied by a referral and it is too late to.

    >>> at = lambda day: datetime(2026, 3, day, tzinfo=UTC)
    >>> is_expired("pending", at(1), at(2)), is_expired("hired", at(1), at(2)), is_expired("pending", None, at(2))
    (True, False, False)
    """
    return status == "pending" and expires_at is not None and expires_at <= now


def last_day(expires_at: datetime, zone: tzinfo) -> date:
    """The last day of a zone on which a referral counts: one that expires at midnight counts up to the day before.

    >>> last_day(datetime(2026, 3, 2, tzinfo=UTC), UTC), last_day(datetime(2026, 3, 2, 1, tzinfo=UTC), UTC)
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 2))
    """
    return (expires_at - timedelta(microseconds=1)).astimezone(zone).date()


def latest_day(sent_at: datetime, zone: tzinfo) -> date:
    """The last day of a zone up to which a referral sent then may be made to count.

    >>> latest_day(datetime(2028, 2, 29, 9, tzinfo=UTC), UTC)
    datetime.date(2031, 2, 27)
    """
    return ends_on(sent_at, LONGEST_WINDOW).astimezone(zone).date() - timedelta(days=1)
