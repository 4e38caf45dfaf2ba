"""Words that several screens share: states, empty states, and making foreign text safe to show."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from connectors.errors import CAUSES, Cause
from connectors.registry import find_source

Color = Literal["green", "orange", "red", "gray", "blue"]

#: The number of days a custom period may reach back.
LONGEST_DAYS = 5 * 365


@dataclass(frozen=True, slots=True)
class StateWords:
    """How the state of a connection or a sync job is shown: a word and a sign first, a colour on top."""

    label: str
    color: Color
    icon: str
    meaning: str


STATES: dict[str, StateWords] = {
    "completed": StateWords("Completed", "green", ":material/check_circle:", "The last sync brought everything."),
    "partial": StateWords(
        "Partial", "orange", ":material/rule:", "The last sync brought a part; the rest is tried again."
    ),
    "syncing": StateWords("Syncing", "orange", ":material/sync:", "A sync is waiting for a worker or running."),
    "pending": StateWords("Waiting", "orange", ":material/hourglass_top:", "Waiting for a worker."),
    "running": StateWords("Running", "orange", ":material/sync:", "Reading from the platform now."),
    "paused": StateWords(
        "Paused", "orange", ":material/pause_circle:", "Waiting for a time the platform or a budget sets."
    ),
    "failed": StateWords("Failed", "red", ":material/error:", "The last sync failed; the last good numbers stay."),
    "stale": StateWords("Stale", "red", ":material/schedule:", "The last sync is older than it should be."),
    "connected": StateWords(
        "Connected", "green", ":material/link:", "The platform accepted the connection; it reports no numbers itself."
    ),
    "never": StateWords("Never synced", "gray", ":material/radio_button_unchecked:", "Connected, nothing read yet."),
    "inactive": StateWords("Inactive", "gray", ":material/block:", "Switched off: it is not synced."),
    "fed": StateWords(
        "From files", "blue", ":material/upload_file:", "Fed by imported files, referrals and what is tracked."
    ),
}
_UNKNOWN = StateWords("Unknown", "gray", ":material/help:", "")
_UNFORESEEN = CAUSES["unexpected"]

SYNC_TYPES = {"incremental": "Incremental", "full": "Full, 12 months", "backfill": "Backfill"}

#: Places at which Markdown makes links and logos out of what is already plain text; a joiner there keeps it from that.
_LINKED = re.compile(r"(?i)https?:(?=//)|www(?=\.)|:(?=streamlit:)|[-.\w+](?=@)")
_JOINER = "\N{WORD JOINER}"
#: What turns the direction of all that follows, the words of ours too.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def state_words(state: str) -> StateWords:
    """The words for a state; unknown ones are called so."""
    return STATES.get(state, _UNKNOWN)


class Synced(Protocol):
    """What is asked of a connection, whichever report it comes from."""

    @property
    def connector(self) -> str: ...
    @property
    def synced_at(self) -> datetime | None: ...
    @property
    def covered_until(self) -> date | None: ...


def begins_later(entry: Synced) -> bool:
    """Whether a connection was synced and has no numbers yet because its platform tells running totals alone."""
    kind = find_source(entry.connector)
    if kind is None or entry.synced_at is None or entry.covered_until is not None:
        return False
    return all(offered.counters == "always" for offered in kind.metrics)


def cause_words(code: str) -> Cause | None:
    """Words and cure for a cause code, None for no cause."""
    return CAUSES.get(code, _UNFORESEEN) if code else None


#: What a connection's flags mean. Those of a platform we have no words for are shown as they are.
FLAGS = {
    "thresholded": "small counts are withheld to protect visitors",
    "other_row": "rare rows are lumped together",
    "sampled": "counts are made from a sample",
    "gap": "growth of days without a sync stands on the day it was read",
    "inexact": "some postings show only a bound, such as “over 200”, which gives no growth",
}
#: Before the platform's own name of a figure that it does not know any more.
_GONE = "gone:"
#: Flags that somebody has to do something about.
ALARMS = {
    "version_ending": "The platform ends this version of its API soon. Choose a newer one in the connection's form.",
}


def flag_words(flag: str) -> str:
    """What a flag on a connection's numbers means.

    >>> flag_words("gone:post_clicks")
    'the platform no longer reports post\\\\_clicks'
    """
    if flag.startswith(_GONE):
        return f"the platform no longer reports {plain(flag.removeprefix(_GONE))}"
    return FLAGS.get(flag) or plain(flag.replace("_", " "))


def plain(text: str) -> str:
    """Foreign text as Markdown that shows it literally: no link, image, HTML, formula or directive survives.

    >>> plain("[x](javascript:alert(1)) :red[y] $a$ <b>")
    '\\\\[x\\\\]\\\\(javascript&#58;alert\\\\(1\\\\)\\\\) &#58;red\\\\[y\\\\] \\\\$a\\\\$ \\\\<b\\\\>'
    >>> plain("www.x.example, ann@x.example").encode("ascii", "xmlcharrefreplace")
    b'www&#8288;.x.example, ann&#8288;@x.example'
    >>> plain("Nurse \u202egnp") + " is saved."
    'Nurse gnp is saved.'
    """
    single = _LINKED.sub(lambda found: f"{found.group()}{_JOINER}", " ".join(_TURNING.sub("", text).split()))
    escaped = re.sub(r"([\\`*_{}\[\]()<>#+\-!|~$&])", r"\\\1", single)
    return escaped.replace(":", "&#58;")


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "page"), counted(1200, "page"), counted(2, "entry", "entries")
    ('1 page', '1,200 pages', '2 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
