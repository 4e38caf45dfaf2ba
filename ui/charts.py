"""Charts from reports' dataclasses: one template for light and dark, gaps as gaps, words for those who cannot see."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from domain.periods import Grain, Period, bucket_of
from store.reports.shapes import FunnelStep, Point, SourceRow, Trend
from ui import figures
from ui.palette import ACCENT, Look, look

#: What Streamlit's page puts the theme's strongest grey and its background for, in light and in dark (tested). The grey
#: that it chooses by itself for small words has a contrast below 4:1 on white.
INK, PAGE = "#000037", "#000038"
_WORDS = {"color": INK}
#: Transparent, so that the page's own background shows in both themes; Streamlit's theme sets fonts and grid colours.
_LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "font": _WORDS,
    "separators": ".,",
    "hoverlabel": {"align": "left"},
    "modebar": {"bgcolor": "rgba(0,0,0,0)"},
}
_CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": True, "scrollZoom": False}
#: Notes have a grey that stands out on both themes, and belongs to no platform.
_MARK = "#7d8590"
#: Ticks up the height of the trend.
_MOST_TICKS = 6
#: Letters of a line in a hover box.
_WIDEST = 60
#: Marks told to those who do not see them; the list beside the chart has all.
_MOST_SAID = 10
#: More marks than these have no uprights: they would be a fence before the lines.
_MOST_UPRIGHTS = 12
#: Letters of a name beside a bar; the rest stands in the hover box and in the table.
_LONGEST_NAME = 28
#: How far the longest bar reaches, as its figure stands behind it.
_BAR_ROOM, _STEP_ROOM = 1.15, 1.3
#: The year stands once below the first day, and where it changes.
_TICKS: dict[Grain, str] = {"day": "%-d %b\n%Y", "week": "%-d %b\n%Y", "month": "%b\n%Y"}
_BUCKETS: dict[Grain, str] = {"day": "%a %-d %b %Y", "week": "Week of %-d %b %Y", "month": "%B %Y"}


def draw(figure: go.Figure, *, key: str, alt: str) -> None:
    """Put a chart on the page, with the same figures in words beside it for screen readers."""
    st.plotly_chart(figure, key=key, alt=alt, config=_CONFIG, theme="streamlit")


def doughnut(rows: Sequence[SourceRow]) -> go.Figure:
    """Applications by source, the total in the middle. Sources that nothing was read from have no slice."""
    counted = [row for row in rows if row.applications]
    total = sum(row.applications or 0 for row in counted)
    figure = go.Figure(
        go.Pie(
            labels=[row.label for row in counted],
            values=[row.applications for row in counted],
            marker={"colors": [look(row.platform).color for row in counted], "line": {"color": PAGE, "width": 2}},
            hole=0.68,
            sort=False,
            direction="clockwise",
            textinfo="none",
            customdata=[[figures.share(row.share)] for row in counted],
            hovertemplate="%{label}<br>%{value:,} applications<br>%{customdata[0]}<extra></extra>",
        )
    )
    figure.add_annotation(
        text=f"<b>{figures.compact(total)}</b><br><span style='font-size:12px'>applications</span>",
        showarrow=False,
        font=_WORDS | {"size": 26},
    )
    figure.update_layout(_LAYOUT | {"height": 260, "showlegend": False})
    return figure


@dataclass(frozen=True, slots=True)
class Mark:
    """What happened in the bucket that begins on a day, in lines of foreign text."""

    start: date
    lines: tuple[str, ...]


def trends(lines: Sequence[Trend], grain: Grain, marks: Sequence[Mark] = ()) -> go.Figure:
    """A line per platform. A gap breaks the line; the last, unfinished period is dotted and marked "so far".

    A bucket that was read in part, or that the period cuts, has a hollow mark: its value is not a whole one. `marks`
    stand above the lines, and tell their words with the numbers of their bucket.
    """
    figure = go.Figure()
    for line in lines:
        finished, so_far = _parts(line.points)
        figure.add_trace(_line(line, _apart(finished, grain), grain, is_named=True))
        if so_far:
            figure.add_trace(_line(line, so_far, grain, is_named=False))
    if lines and marks:
        _add_marks(figure, lines[0].points, marks)
    figure.update_layout(
        _LAYOUT
        | {
            "height": 340,
            "hovermode": "x unified",
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": {"text": ""}},
            "xaxis": {
                "tickformat": _TICKS[grain],
                "hoverformat": _BUCKETS[grain],
                "nticks": 8,
                "showgrid": False,
                "tickfont": _WORDS,
            },
            "yaxis": {
                "rangemode": "tozero",
                "tickformat": ",~d",
                "automargin": True,
                "zeroline": False,
                "tickfont": _WORDS,
            }
            | _ticks(lines),
        }
    )
    return figure


def _ticks(lines: Sequence[Trend]) -> dict[str, int]:
    """How the height is divided: of few, by ones, as there are no halves of an application."""
    highest = max((point.value or 0 for line in lines for point in line.points), default=0)
    return {"nticks": _MOST_TICKS} if highest >= _MOST_TICKS else {"dtick": 1}


def _add_marks(figure: go.Figure, points: Sequence[Point], marks: Sequence[Mark]) -> None:
    """Marks on an axis of their own. Each bucket has a point, so that the pointer finds none of a neighbour's words."""
    told = {mark.start: "<br>".join(_escaped(line) for line in mark.lines) for mark in marks}
    starts = [point.start for point in points]
    figure.add_trace(
        go.Scatter(
            x=starts,
            y=[1] * len(starts),
            yaxis="y2",
            name="Notes",
            mode="markers",
            showlegend=False,
            cliponaxis=False,
            marker={
                "symbol": "diamond",
                "size": [9 if start in told else 0 for start in starts],
                "color": _MARK,
                "line": {"width": 0},
            },
            customdata=[[told.get(start, "")] for start in starts],
            hoverinfo=["all" if start in told else "skip" for start in starts],
            hovertemplate=["%{customdata[0]}<extra></extra>" if start in told else "" for start in starts],
        )
    )
    # All at once: each that is added by itself has Plotly check all before it again.
    figure.update_layout(
        shapes=[_upright(start) for start in told] if len(told) <= _MOST_UPRIGHTS else [],
        yaxis2={"range": [0, 1], "overlaying": "y", "visible": False, "fixedrange": True, "showgrid": False},
    )


def _upright(start: date) -> dict[str, Any]:
    """A dotted line from the bottom to the top."""
    return {
        "type": "line",
        "x0": start,
        "x1": start,
        "y0": 0,
        "y1": 1,
        "yref": "y domain",
        "line": {"color": _MARK, "width": 1, "dash": "dot"},
        "opacity": 0.5,
        "layer": "below",
    }


def _escaped(text: str) -> str:
    """Foreign text for a hover box, which knows some HTML; long lines are broken by their words."""
    return "<br>".join(html.escape(part) for part in textwrap.wrap(text, _WIDEST) or [""])


def _parts(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """The finished points, and the dashed tail: the last finished point as its anchor, then the unfinished ones."""
    cut = len(points)
    while cut and points[cut - 1].is_partial:
        cut -= 1
    if cut == len(points):
        return list(points), []
    return list(points[:cut]), [*points[max(cut - 1, 0) : cut], *points[cut:]]


def _apart(points: Sequence[Point], grain: Grain) -> list[Point]:
    """The points, broken beside a first or last bucket that the period cuts: a part is not joined to wholes."""
    parts = list(points)
    if len(parts) > 1 and _remark(parts[-1], grain, is_tail=False) == _CUT:
        parts.insert(-1, Point(parts[-1].start, parts[-1].end, None))
    if len(parts) > 1 and _remark(parts[0], grain, is_tail=False) == _CUT:
        parts.insert(1, Point(parts[0].start, parts[0].end, None))
    return parts


def _line(line: Trend, points: Sequence[Point], grain: Grain, *, is_named: bool) -> go.Scatter:
    drawn = look(line.platform)
    # the dotted tail's anchor is drawn already: it must not answer the pointer twice
    answers = ["all" if is_named or point.is_partial else "skip" for point in points]
    remarks = [_remark(point, grain, is_tail=not is_named) for point in points]
    hollow = [is_named and remark in {_IN_PART, _CUT} for remark in remarks]
    return go.Scatter(
        x=[point.start for point in points],
        y=[point.value for point in points],
        name=line.label,
        legendgroup=line.platform,
        showlegend=is_named,
        mode="lines+markers",
        connectgaps=False,
        line={"color": drawn.color, "width": 2, "dash": "solid" if is_named else "dot"},
        marker=_marks(drawn, hollow, _alone(points)),
        customdata=[[remark] for remark in remarks],
        hoverinfo=answers,
        hovertemplate=["%{y:,}%{customdata[0]}" if answer == "all" else "" for answer in answers],
    )


def _marks(drawn: Look, hollow: Sequence[bool], alone: Sequence[bool]) -> dict[str, Any]:
    """The marks of a line. On a longer line some stand for all: each is a shape that the browser draws by itself."""
    small = 0 if len(hollow) > _MOST_MARKS else 7
    if small and len(hollow) > _FEW_MARKS and not any(hollow) and not any(alone):
        return {"symbol": drawn.symbol, "size": 7, "color": drawn.color, "maxdisplayed": _FEW_MARKS}
    return {
        "symbol": [f"{drawn.symbol}-open" if open_ else drawn.symbol for open_ in hollow],
        "size": [7 if open_ or single else small for open_, single in zip(hollow, alone, strict=True)],
        "color": drawn.color,
    }


#: A line of more points than the first has marks at some of them only, of more than the second at none.
_FEW_MARKS = 8
_MOST_MARKS = 45
_SO_FAR, _IN_PART, _CUT, _OPEN = " so far", " (read in part)", " (cut by the period)", " (may still change)"


def _remark(point: Point, grain: Grain, *, is_tail: bool) -> str:
    if point.is_partial:
        return _SO_FAR if is_tail else _IN_PART
    whole = bucket_of(point.start, grain)
    if (whole.start, whole.end) != (point.start, point.end):
        return _CUT
    return _OPEN if point.is_provisional else ""


def _alone(points: Sequence[Point]) -> list[bool]:
    """Which points stand between two gaps, where a line without marks would not show them."""
    known = [False, *(point.value is not None for point in points), False]
    return [known[at] and not known[at - 1] and not known[at + 1] for at in range(1, len(known) - 1)]


def funnel(steps: Sequence[FunnelStep]) -> go.Figure:
    """The hiring funnel as bars from one edge, each with its count and its rate of the step before."""
    known = [step for step in steps if step.value is not None]
    words = [
        figures.count(step.value) + (f"  ·  {figures.percent(step.rate)}" if step.rate is not None else "")
        for step in known
    ]
    figure = go.Figure(
        go.Bar(
            x=[step.value for step in known],
            y=[step.label for step in known],
            orientation="h",
            text=words,
            textposition="outside",
            textfont=_WORDS,
            cliponaxis=False,
            marker={"color": ACCENT, "opacity": [1 - 0.09 * at for at in range(len(known))], "line": {"width": 0}},
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    )
    figure.update_layout(
        _LAYOUT
        | {
            "height": 48 * max(len(known), 2) + 16,
            "bargap": 0.25,
            "xaxis": {"visible": False, "range": _reach([step.value or 0 for step in known], _STEP_ROOM)},
            "yaxis": {
                "autorange": "reversed",
                "automargin": True,
                "ticksuffix": "  ",
                "tickfont": _WORDS | {"size": 13},
            },
            "font": _WORDS | {"size": 13},
            "uniformtext": {"minsize": 11, "mode": "show"},
        }
    )
    return figure


def bars(names: Sequence[str], values: Sequence[int], *, color: str = ACCENT) -> go.Figure:
    """Amounts by name, the largest first. Names are foreign text: shown literally, and cut where they are long."""
    at = list(range(len(names)))
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=at,
            orientation="h",
            text=[figures.count(value) for value in values],
            textposition="outside",
            textfont=_WORDS,
            cliponaxis=False,
            marker={"color": color, "line": {"width": 0}},
            customdata=[[_escaped(name)] for name in names],
            hovertemplate="%{customdata[0]}<br>%{x:,}<extra></extra>",
        )
    )
    figure.update_layout(
        _LAYOUT
        | {
            "height": 34 * max(len(names), 2) + 16,
            "bargap": 0.3,
            "xaxis": {"visible": False, "range": _reach(values, _BAR_ROOM)},
            "yaxis": {
                "autorange": "reversed",
                "automargin": True,
                "ticksuffix": "  ",
                "tickfont": _WORDS,
                "tickvals": at,
                "ticktext": [html.escape(_short(name)) for name in names],
            },
        }
    )
    return figure


def _reach(values: Sequence[int], room: float) -> list[float]:
    """From nothing to somewhat beyond the largest value."""
    return [0, max(values, default=0) * room or 1]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def doughnut_words(rows: Iterable[SourceRow]) -> str:
    """The doughnut for those who do not see it."""
    parts = [f"{row.label} {figures.count(row.applications)} ({figures.share(row.share)})" for row in rows]
    return "Applications by source: " + "; ".join(parts)


def trends_words(lines: Iterable[Trend], period: Period, grain: Grain, marks: Sequence[Mark] = ()) -> str:
    """The trend lines for those who do not see them, and the first of what happened."""
    parts = []
    for line in lines:
        known = [point.value for point in line.points if point.value is not None]
        gaps = len(line.points) - len(known)
        words = f"{line.label}: {figures.count(sum(known))} in all" if known else f"{line.label}: nothing read"
        parts.append(words + (f", {gaps} gaps" if gaps else ""))
    happened = [f"{figures.day(mark.start)}: {', '.join(mark.lines)}" for mark in marks[:_MOST_SAID]]
    noted = f". Notes: {'; '.join(happened)}" if happened else ""
    return f"Applications by {grain}, {figures.bucket(period)}. " + "; ".join(parts) + noted


def funnel_words(steps: Iterable[FunnelStep]) -> str:
    """The funnel for those who do not see it."""
    return "Hiring funnel: " + ", ".join(f"{step.label} {figures.count(step.value)}" for step in steps)
