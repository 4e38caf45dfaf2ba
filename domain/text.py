"""Text that platforms and files bring: made safe to store, never trusted to be shown as anything but text."""

import hashlib
import re
import unicodedata

_KEPT_CONTROLS = "\n\t"
#: All that Unicode calls a control character or half of one.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(text: str, limit: int = 500) -> str:
    """`text` in NFC, without control characters, without half characters, at most `limit` characters long.

    Line ends and tabs become one space each, as everything stored so is one line. Lone surrogates, which no database
    takes, become U+FFFD.

    >>> clean_text("Cafe\\u0301 \\x00\\x1b[31mred")
    'Café [31mred'
    >>> clean_text("half \\ud83d of an emoji")
    'half \N{REPLACEMENT CHARACTER} of an emoji'
    >>> clean_text("  two\\r\\nlines ")
    'two lines'
    >>> len(clean_text("x" * 10_000))
    500
    """
    if text.isascii() and text.isprintable():
        return text.strip()[:limit]
    if not _CONTROLS.search(text):
        return unicodedata.normalize("NFC", text).strip()[:limit].rstrip()
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    composed = unicodedata.normalize("NFC", whole.replace("\r\n", "\n"))
    kept = "".join(_plain(letter) for letter in composed)
    return kept.strip()[:limit].rstrip()


def key_text(text: str, limit: int = 200) -> str:
    """`clean_text`, but two long texts stay two: what is cut off leaves a hash behind.

    >>> key_text("req-1")
    'req-1'
    >>> key_text("a" * 300) == key_text("a" * 301)
    False
    >>> len(key_text("a" * 300))
    200
    """
    whole = clean_text(text, max(limit, len(text)))
    if len(whole) <= limit:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{whole[: limit - 17]}~{mark}"


def _plain(letter: str) -> str:
    if letter in _KEPT_CONTROLS:
        return " "
    return "" if unicodedata.category(letter) in {"Cc", "Cs"} else letter
