"""Six figures with what they mean, what they are compared with, and how they went."""

import math
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from store.reports.shapes import Card
from ui import figures
from ui.palette import label

#: Metrics of which less is better: the change is coloured the other way round.
_LESS_IS_BETTER = {"cost_per_application", "cost_per_hire", "spend"}
#: Three columns of two rows; one on a phone, where two would cut the words short.
_COLUMNS, _NARROWEST = 3, 180


def value_text(card: Card) -> str:
    """The figure as shown: exact to the last digit, a dash when it is missing."""
    if card.unit == "money":
        return figures.money(card.value, card.currency)
    if card.unit == "ratio":
        return figures.percent(card.value, 2)
    return figures.count(card.value)


def draw(cards: Sequence[Card], as_of: str) -> None:
    """Draw the cards in a grid that folds with the screen. `as_of` says how fresh the numbers are."""
    with st.grid(_COLUMNS, min_column_width=_NARROWEST, gap="small"):
        for card in cards:
            _draw_one(card, as_of)


def _draw_one(card: Card, as_of: str) -> None:
    line = sparkline(card)
    st.metric(
        card.title,
        value_text(card),
        delta=_delta(card),
        delta_color="inverse" if card.id in _LESS_IS_BETTER else "normal",
        delta_description=_against(card),
        chart_data=line,
        chart_type="area",
        help=explain(card, as_of),
        border=True,
        height="stretch",
    )


def _delta(card: Card) -> str | int | None:
    if card.change_ratio is None:
        return None
    return 0 if abs(card.change_ratio) < 0.0005 else figures.change(card.change_ratio)


def _against(card: Card) -> str | None:
    """What stands beside the change: its rule in short, or why there is none; the tooltip has the whole of it."""
    if card.value is None:
        return "not reported here"
    if card.comparison.current is None:
        return "nothing to compare"
    if card.change_ratio is None:
        return "no base to compare with"
    number = card.comparison.current.days
    return "vs day before" if number == 1 else f"vs {number} days before"


def sparkline(card: Card) -> list[float] | None:
    """The card's own line without its unfinished end; a gap is NaN, which breaks the line. None with too little."""
    points = [point for point in card.sparkline if not point.is_partial]
    values = [math.nan if point.value is None else float(point.value) for point in points]
    return values if sum(not math.isnan(value) for value in values) > 1 else None


def explain(card: Card, as_of: str) -> str:
    """The card's small print, as Markdown: meaning, terms, date basis, sources counted, comparison, freshness."""
    parts = [card.meaning]
    if card.numerator is not None and card.denominator is not None:
        top = figures.money(card.numerator, card.currency) if card.unit == "money" else figures.count(card.numerator)
        parts.append(f"**Computed from** {top} by {figures.count(card.denominator)}")
    parts.append(f"**Dated by** {card.date_basis}")
    parts.append(f"**Sources counted** {', '.join(label(key) for key in card.platforms) or 'none'}")
    parts.append(f"**Compared** {card.comparison.rule}")
    if card.note:
        parts.append(card.note)
    parts.append(f"**As of** {as_of}")
    return "\n\n".join(parts)


def freshness_words(updated_at: datetime | None, now: datetime, zone: str) -> str:
    """How fresh the newest numbers are."""
    return "no sync yet" if updated_at is None else figures.moment(updated_at, now, zone)
