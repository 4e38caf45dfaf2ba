"""Messages in a company's own words, filled for one person: subject line, plain text, and HTML made of the same text.

Templates are plain text with placeholders in braces; whatever is filled in stays text. A blank line ends a paragraph.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

LONGEST_SUBJECT = 150
LONGEST_BODY = 5_000
LONGEST_NAME = 120
LONGEST_NOTE = 1_000
#: What a template may name, with what stands there in a message.
PLACEHOLDERS = {
    "candidate": "the name of who is invited",
    "referrer": "the name of who recommends them",
    "company": "your company's name",
    "posting": "the posting's title",
    "location": "where the work is; a line with nothing else is left out when nobody said",
    "note": "what the referrer wrote to them, on a line of its own; left out when they wrote nothing",
    "link": "their link, on a line of its own a button",
}
#: A subject is one short line, and seen on a locked telephone: neither notes nor addresses.
IN_SUBJECT = ("candidate", "referrer", "company", "posting", "location")
_NAMED = re.compile(r"\{([^{}\n]*)\}")
#: Letters that turn the direction of what follows them, so that text reads as something else; and an invisible one.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_BUTTON = (
    "display:inline-block;padding:12px 22px;border-radius:8px;background:#2f6fd0;color:#ffffff;text-decoration:none;"
    "font-weight:600"
)
_QUOTE = "margin:0 0 16px;padding:4px 0 4px 14px;border-left:3px solid #c3ccd8;color:#3c4654"


@dataclass(frozen=True, slots=True)
class Template:
    """A company's words for one kind of message."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Footer:
    """What we add below a company's words: why it came, and addresses with what each is for."""

    words: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it goes out. `inner_html` is the HTML document's content alone, for showing it on a screen."""

    subject: str
    text: str
    html: str
    inner_html: str


#: Where a company has none of its own.
INVITATION = Template(
    "{referrer} thought of you: {posting} at {company}",
    "Hello {candidate},\n\n"
    "{referrer} works at {company} and thinks this opening could be for you:\n\n"
    "{posting}\n{location}\n\n"
    "{note}\n\n"
    "The link shows you more about it, and it is where you can apply:\n\n"
    "{link}\n\n"
    "With kind regards\n{company}",
)


def clean_line(text: str, limit: int = LONGEST_NAME) -> str:
    """`text` as one line that cannot be taken for anything but text: no controls, no turned direction.

    Joined emoji and scripts that run from right to left stay as they are.

    >>> clean_line("Ann\\r\\nBcc: x@evil.example"), clean_line("  Zoe\\u202e  \\x00 \\t Öl "), clean_line("x" * 200, 3)
    ('Ann Bcc: x@evil.example', 'Zoe Öl', 'xxx')
    >>> clean_line("\\U0001f469\\u200d\\U0001f52c") == "\\U0001f469\\u200d\\U0001f52c"
    True
    """
    return " ".join(clean_lines(text, max(limit, len(text))).split())[:limit].rstrip()


def clean_lines(text: str, limit: int = LONGEST_NOTE) -> str:
    """The same for text of several lines: line ends are all spelled alike, and at most two follow each other.

    >>> clean_lines("one\\r\\n\\r\\n\\r\\n\\r\\ntwo\\u2028three\\x1b[31m ")
    'one\\n\\ntwo\\nthree[31m'
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lines = _TURNING.sub("", _BREAKS.sub("\n", unicodedata.normalize("NFC", whole))).replace("\t", " ")
    kept = "".join(letter for letter in lines if letter == "\n" or unicodedata.category(letter) != "Cc")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in kept.split("\n"))).strip()[:limit].rstrip()


def problems_of(template: Template) -> dict[str, str]:
    """What keeps a template from being used, as words by field (subject, body); empty where nothing does.

    >>> problems_of(INVITATION)
    {}
    >>> problems_of(Template("Hello {name}", "no link"))["subject"]
    'There is no {name}. You can use {candidate}, {referrer}, {company}, {posting}, {location}.'
    >>> problems_of(Template("Hello", "no link"))
    {'body': 'The message needs {link}: without it nobody can apply.'}
    """
    subject = _problem(template.subject, IN_SUBJECT, LONGEST_SUBJECT)
    if not subject and clean_line(template.subject, LONGEST_SUBJECT) != template.subject:
        subject = "A subject is one line without control characters."
    body = _problem(template.body, tuple(PLACEHOLDERS), LONGEST_BODY)
    if not body and "{link}" not in template.body:
        body = "The message needs {link}: without it nobody can apply."
    return {field: words for field, words in (("subject", subject), ("body", body)) if words}


def _problem(text: str, known: tuple[str, ...], limit: int) -> str:
    if not text.strip():
        return "Write something here."
    if len(text) > limit:
        return f"At most {limit:,} characters; these are {len(text):,}."
    unknown = next((name for name in _NAMED.findall(text) if name not in known), None)
    if unknown is None:
        return ""
    offered = ", ".join(f"{{{name}}}" for name in known)
    if unknown in PLACEHOLDERS:
        return f"{{{unknown}}} cannot stand here. You can use {offered}."
    return f"There is no {{{clean_line(unknown, 40)}}}. You can use {offered}."


def write(template: Template, values: Mapping[str, str], footer: Footer) -> Letter:
    """The template filled with `values` (a text for every placeholder, "" for none), and the footer below it.

    >>> who = dict(candidate="Sam", referrer="Ada <b>", company="Acme", posting="Nurse", location="", note="Hi!\\nA.")
    >>> foot = Footer("Ada gave us your address.", (("This is not me", "https://a.example/r/not-me/7"),))
    >>> words = Template("{posting} for {candidate}", "Hello {candidate},\\n\\n{location}\\n\\n{note}\\n\\n{link}")
    >>> letter = write(words, who | {"link": "https://a.example/r/7"}, foot)
    >>> letter.subject
    'Nurse for Sam'
    >>> print(letter.text)
    Hello Sam,
    <BLANKLINE>
    > Hi!
    > A.
    <BLANKLINE>
    https://a.example/r/7
    <BLANKLINE>
    ----------
    Ada gave us your address.
    <BLANKLINE>
    This is not me: https://a.example/r/not-me/7
    >>> "<blockquote" in letter.html, "Ada <b>" in letter.html
    (True, False)
    """
    plain = {name: clean_line(values.get(name, "")) for name in PLACEHOLDERS if name not in {"note", "link"}}
    plain["note"], plain["link"] = clean_lines(values.get("note", "")), values["link"]
    paragraphs = _paragraphs(template.body, plain)
    text = "\n\n".join("\n".join(_as_text(line, plain) for line in lines) for lines in paragraphs)
    inner = "".join(_as_html(lines, plain) for lines in paragraphs)
    subject = clean_line(_fill(template.subject, plain), LONGEST_SUBJECT + LONGEST_NAME)
    inner += _footer_html(footer)
    return Letter(subject, f"{text}\n\n{_footer_text(footer)}", _document(subject, inner), inner)


def _paragraphs(body: str, values: Mapping[str, str]) -> list[list[str]]:
    """Lines of the template by paragraph, without lines that hold nothing but what nobody said."""
    found = []
    for paragraph in re.split(r"\n\s*\n", clean_lines(body, LONGEST_BODY)):
        lines = [line for line in paragraph.split("\n") if not _is_void(line.strip(), values)]
        if lines:
            found.append(lines)
    return found


def _is_void(line: str, values: Mapping[str, str]) -> bool:
    alone = _NAMED.fullmatch(line)
    return alone is not None and not values.get(alone[1], "")


def _fill(line: str, values: Mapping[str, str]) -> str:
    """Once through: a value that looks like a placeholder is not filled again."""
    return _NAMED.sub(lambda found: values.get(found[1], ""), line)


def _as_text(line: str, values: Mapping[str, str]) -> str:
    if line.strip() == "{note}":
        return "\n".join(f"> {part}".rstrip() for part in values["note"].split("\n"))
    return _fill(line, values)


def _as_html(lines: list[str], values: Mapping[str, str]) -> str:
    """A paragraph; notes and links that stand alone in theirs are set apart."""
    if lines == ["{note}"]:
        return f'<blockquote style="{_QUOTE}" dir="auto">{_broken(escape(values["note"]))}</blockquote>'
    if lines == ["{link}"]:
        button = f'<a href="{escape(values["link"])}" style="{_BUTTON}">See the opening</a>'
        return f'<p style="margin:20px 0 24px">{button}</p>'
    told = {name: _told(name, value) for name, value in values.items()}
    filled = (_fill(escape(line, quote=False), told) for line in lines)
    return f'<p style="margin:0 0 16px">{"<br>".join(filled)}</p>'


def _told(name: str, value: str) -> str:
    """A value within a line: isolated, so that a name written from right to left does not reorder what is around it."""
    if name == "link":
        return f'<a href="{escape(value)}">{escape(value)}</a>'
    return f"<bdi>{_broken(escape(value))}</bdi>"


def _broken(text: str) -> str:
    return text.replace("\n", "<br>")


def _footer_text(footer: Footer) -> str:
    links = "\n".join(f"{label}: {address}" for label, address in footer.links)
    return f"{'-' * 10}\n{footer.words}\n\n{links}"


def _footer_html(footer: Footer) -> str:
    links = " &nbsp;·&nbsp; ".join(
        f'<a href="{escape(address)}" style="color:#57606c">{escape(label)}</a>' for label, address in footer.links
    )
    style = "margin:0 0 8px;font-size:13px;line-height:1.5;color:#57606c"
    rule = '<hr style="border:0;border-top:1px solid #dfe4ea;margin:28px 0 14px">'
    return f'{rule}<p style="{style}">{escape(footer.words)}</p><p style="{style}">{links}</p>'


def _document(subject: str, inner: str) -> str:
    """An HTML document that needs nothing from elsewhere: no pictures, so that nobody learns when it is read."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light">'
        f"<title>{escape(subject)}</title></head>"
        '<body style="margin:0;padding:0;background:#f3f5f8">'
        f'<div style="max-width:560px;margin:0 auto;padding:28px 24px;background:#ffffff;color:#1d2530;{_FONT};'
        f'font-size:16px;line-height:1.55">{inner}</div></body></html>'
    )
