"""One colour and one mark for each platform, the same in every chart, told apart without colour too."""

from dataclasses import dataclass

from domain.platforms import BY_KEY


@dataclass(frozen=True, slots=True)
class Look:
    """How a platform is drawn: a colour that works on white and on black, and a marker of its own."""

    color: str
    symbol: str


#: Built on the palette of Okabe and Ito (2008), which stays apart for the common forms of colour blindness. Every
#: colour has a contrast of 3:1 or more against both backgrounds of the theme (tested).
LOOKS: dict[str, Look] = {
    "company_website": Look("#2f7fd6", "circle"),
    "referrals": Look("#0d9b74", "diamond"),
    "indeed": Look("#cf7a00", "square"),
    "linkedin": Look("#6f52e8", "triangle-up"),
    "ziprecruiter": Look("#c05f9a", "cross"),
    "monster": Look("#0f9cb3", "x"),
    "glassdoor": Look("#7d8c1c", "star"),
    "facebook": Look("#6f7fb5", "triangle-down"),
    "x": Look("#d1553a", "pentagon"),
    "other": Look("#7f8790", "hexagon"),
}

ACCENT = "#2f7fd6"


def look(platform: str) -> Look:
    """The look of a platform; the look of other sources for one that has none yet."""
    return LOOKS.get(platform, LOOKS["other"])


def label(platform: str) -> str:
    """The platform's name on screen; the key itself when it is unknown."""
    known = BY_KEY.get(platform)
    return known.label if known else platform
