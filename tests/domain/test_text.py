"""Text made safe to store: the way most of it takes, and the long one."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from domain.text import clean_text

ANY = st.text(st.characters(codec=None), max_size=40)


def plainly(text: str, limit: int = 500) -> str:
    """`clean_text` letter by letter, without a shorter way."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    composed = unicodedata.normalize("NFC", whole.replace("\r\n", "\n"))
    kept = [
        " " if one in "\n\t" else one
        for one in composed
        if one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cs"}
    ]
    return "".join(kept).strip()[:limit].rstrip()


@given(ANY)
def test_every_text_is_cleaned_as_letter_by_letter(text):
    assert clean_text(text) == plainly(text)


@given(st.text(st.sampled_from("e\u0301 \u00a0\u2028Ł田\U0001f600"), max_size=12), st.integers(1, 6))
def test_what_is_cut_off_leaves_no_blank_at_the_end(text, limit):
    assert clean_text(text, limit) == plainly(text, limit)
