"""The theme's words can be read, in light and in dark."""

import tomllib
from pathlib import Path

import pytest

THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
WHITE = (255.0, 255.0, 255.0)
#: Streamlit draws captions and small print in the text's colour with this much of it.
FADED = 0.6
#: WCAG 2.2: words 4.5:1, parts of a control and large words 3:1. A colour that has white words on it and is a word on
#: a dark background itself reaches 4:1 for both, and more for neither.
WORDS, BOTH_WAYS = 4.5, 4.0

schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


def rgb(spelled: str) -> tuple[float, ...]:
    return tuple(float(int(spelled[at : at + 2], 16)) for at in (1, 3, 5))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: tuple[float, ...]) -> float:
    parts = [part / 255 for part in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@schemes
def test_words_on_a_button_and_a_chosen_word_stand_out(scheme: str) -> None:
    theme = THEME[scheme]
    primary, behind = rgb(theme["primaryColor"]), rgb(theme["backgroundColor"])
    assert contrast(WHITE, primary) >= BOTH_WAYS
    assert contrast(primary, behind) >= BOTH_WAYS
    assert contrast(rgb(theme.get("linkColor", theme["primaryColor"])), behind) >= WORDS


@schemes
def test_small_print_can_be_read(scheme: str) -> None:
    theme = THEME[scheme]
    text, behind = rgb(theme["textColor"]), rgb(theme["backgroundColor"])
    faded = tuple(FADED * front + (1 - FADED) * back for front, back in zip(text, behind, strict=True))
    assert contrast(faded, behind) >= WORDS
    assert contrast(rgb(theme["grayTextColor"]), behind) >= WORDS


def test_a_chosen_segment_can_be_read_on_its_own_tint() -> None:
    """A tenth of its colour. In the dark, where it also carries white words, it is no word of less than 3.9:1."""
    for scheme, least in (("light", WORDS), ("dark", 3.9)):
        primary, behind = rgb(THEME[scheme]["primaryColor"]), rgb(THEME[scheme]["backgroundColor"])
        tint = tuple(0.1 * front + 0.9 * back for front, back in zip(primary, behind, strict=True))
        assert contrast(primary, tint) >= least
