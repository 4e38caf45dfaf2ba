"""Gaps stay gaps, the unfinished end is dashed, and colours can be told apart."""

from datetime import date, timedelta

import pytest
from streamlit.elements.lib.streamlit_plotly_theme import BG_COLOR, GRAY_90

from domain.platforms import PLATFORMS
from store.reports.annotations import Note
from store.reports.shapes import FunnelStep, Point, SourceRow, Trend
from store.reports.sources import SourceBreakdown
from ui import breakdowns, charts, notes
from ui.palette import LOOKS

FIRST = date(2026, 3, 2)


def points(*values: int | None, partial: int = 0) -> tuple[Point, ...]:
    last = len(values) - partial
    return tuple(
        Point(FIRST + timedelta(days=at), FIRST + timedelta(days=at + 1), value, is_partial=at >= last)
        for at, value in enumerate(values)
    )


def source(platform: str, applications: int | None, share: float | None) -> SourceRow:
    return SourceRow(platform, platform.title(), applications, share, None, 7, False, None)


def test_a_gap_breaks_the_line_and_is_not_zero():
    figure = charts.trends([Trend("indeed", "Indeed", points(3, None, 0, 4))], "day")
    assert list(figure.data[0].y) == [3, None, 0, 4]
    assert figure.data[0].connectgaps is False


@pytest.mark.parametrize(("values", "by_ones"), [((0, 0), True), ((), True), ((None, 5), True), ((900, 0), False)])
def test_few_applications_are_told_by_ones_and_no_figure_stands_twice_at_the_side(values, by_ones):
    axis = charts.trends([Trend("indeed", "Indeed", points(*values))], "day").layout.yaxis
    assert axis.dtick == (1 if by_ones else None)


def test_the_period_so_far_is_dashed_and_starts_from_the_last_finished_one():
    figure = charts.trends([Trend("indeed", "Indeed", points(3, 5, 1, partial=1))], "day")
    finished, so_far = figure.data
    assert list(finished.y) == [3, 5]
    assert list(so_far.y) == [5, 1]
    assert so_far.line.dash == "dot"
    assert so_far.customdata[-1][0] == " so far"


def test_a_lonely_point_between_gaps_has_a_mark_on_a_long_line():
    values = [None, 4, None] + [1] * 60
    sizes = charts.trends([Trend("indeed", "Indeed", points(*values))], "day").data[0].marker.size
    assert sizes[1] > 0
    assert sizes[10] == 0


def test_a_month_of_days_has_some_marks_and_a_week_has_all():
    month = charts.trends([Trend("indeed", "Indeed", points(*range(30)))], "day").data[0].marker
    week = charts.trends([Trend("indeed", "Indeed", points(*range(7)))], "day").data[0].marker
    assert month.symbol == "square"
    assert 0 < month.maxdisplayed < 10
    assert (len(week.size), week.maxdisplayed) == (7, None)


def test_no_mark_that_says_something_is_left_out():
    lonely = charts.trends([Trend("indeed", "Indeed", points(None, 4, None, *range(27)))], "day").data[0]
    assert lonely.marker.maxdisplayed is None
    assert min(lonely.marker.size) > 0


def test_a_bucket_that_is_not_whole_has_a_hollow_mark():
    week = timedelta(days=7)
    cut = Point(FIRST - timedelta(days=1), FIRST, 2)
    in_part = Point(FIRST, FIRST + week, 9, is_partial=True)
    whole = Point(FIRST + week, FIRST + 2 * week, 30)
    drawn = charts.trends([Trend("indeed", "Indeed", (cut, in_part, whole))], "week").data[0]
    assert list(drawn.y) == [2, None, 9, 30], "a part is not joined to whole weeks"
    assert [drawn.marker.symbol[at] for at in (0, 2, 3)] == ["square-open", "square-open", "square"]
    assert [drawn.customdata[at][0] for at in (0, 2, 3)] == [" (cut by the period)", " (read in part)", ""]


def test_a_mark_tells_its_words_as_text_in_its_own_bucket_alone():
    happened = [charts.Mark(FIRST + timedelta(days=1), ("Opened: <a href='x'>Nurse</a> %{y}", "Job fair"))]
    figure = charts.trends([Trend("indeed", "Indeed", points(3, 5, 1))], "day", happened)
    marks = figure.data[-1]
    assert list(marks.marker.size) == [0, 9, 0]
    assert list(marks.hoverinfo) == ["skip", "all", "skip"]
    assert marks.customdata[1][0] == "Opened: &lt;a href=&#x27;x&#x27;&gt;Nurse&lt;/a&gt; %{y}<br>Job fair"
    assert "Nurse" not in marks.hovertemplate[1], "foreign text would be read as a template"
    assert [shape.x0 for shape in figure.layout.shapes] == [FIRST + timedelta(days=1)]


def test_many_marks_are_no_fence_before_the_lines():
    happened = [charts.Mark(FIRST + timedelta(days=at), ("Opened: Cook",)) for at in range(20)]
    figure = charts.trends([Trend("indeed", "Indeed", points(*range(20)))], "day", happened)
    assert not figure.layout.shapes
    assert list(figure.data[-1].marker.size) == [9] * 20


@pytest.mark.parametrize(("grain", "said"), [("day", "%a %-d %b %Y"), ("week", "Week of %-d %b %Y")])
def test_the_pointer_is_told_whether_it_stands_on_a_day_or_a_week(grain, said):
    axis = charts.trends([Trend("indeed", "Indeed", points(3, 5))], grain).layout.xaxis
    assert axis.hoverformat == said
    assert axis.tickformat.endswith("%Y"), "a year's line begins and ends in months of one name"


def test_a_trend_without_marks_has_no_second_axis():
    figure = charts.trends([Trend("indeed", "Indeed", points(3, 5))], "day")
    assert len(figure.data) == 1
    assert not figure.layout.shapes


def test_what_happened_is_marked_in_the_bucket_of_its_day():
    weeks = tuple(Point(FIRST + timedelta(days=7 * at), FIRST + timedelta(days=7 * at + 7), 1) for at in range(3))
    happened = [
        Note(FIRST - timedelta(days=1), "hand", "before the chart"),
        Note(FIRST + timedelta(days=6), "hand", "on the last day of the first week"),
        Note(FIRST + timedelta(days=7), "opened", "Opened: Cook", None, "Cook"),
        Note(FIRST + timedelta(days=21), "hand", "after it"),
    ]
    assert notes.marks(happened, weeks) == [
        charts.Mark(FIRST, ("on the last day of the first week",)),
        charts.Mark(FIRST + timedelta(days=7), ("Opened: Cook",)),
    ]


def test_a_mark_has_few_lines_however_much_happened():
    many = [Note(FIRST, "hand", f"note {at}") for at in range(9)]
    assert notes.lines(many) == [*(f"note {at}" for at in range(5)), "and 4 more"]


def test_the_doughnut_leaves_out_what_was_not_read():
    figure = charts.doughnut([source("indeed", 3, 100.0), source("referrals", 0, 0.0), source("x", None, None)])
    assert list(figure.data[0].labels) == ["Indeed"]
    assert "<b>3</b>" in figure.layout.annotations[0].text


def test_the_words_of_a_doughnut_name_what_is_missing():
    said = charts.doughnut_words([source("indeed", 3, 100.0), source("x", None, None)])
    assert said == "Applications by source: Indeed 3 (100.00%); X — (—)"


def test_a_funnel_stage_that_nobody_reports_is_no_bar():
    steps = [FunnelStep("clicks", "Clicks", 10, None, ("indeed",)), FunnelStep("hires", "Hires", None, None, ())]
    assert list(charts.funnel(steps).data[0].y) == ["Clicks"]


def test_names_beside_bars_are_literal_short_and_kept_apart():
    long = "Softwareentwicklerinnen und Softwareentwickler im Außendienst, Region "
    figure = charts.bars([f"{long}Nord", f"{long}Süd", "<a href='x'>y</a>"], [3, 2, 1])
    assert list(figure.data[0].y) == [0, 1, 2], "two names that begin alike are two bars"
    assert figure.layout.yaxis.ticktext[0] == "Softwareentwicklerinnen und…"
    assert figure.layout.yaxis.ticktext[2] == "&lt;a href=&#x27;x&#x27;&gt;y&lt;/a&gt;"
    assert figure.data[0].customdata[1][0].endswith("Süd")


def below(source: str, campaign: str, **values: int) -> SourceBreakdown:
    return SourceBreakdown("campaign", source, "cpc", campaign, "", values)


def test_what_a_campaign_was_not_told_of_is_no_bar_and_no_zero():
    rows = [below("a", "North", clicks=3), below("a", "South", clicks=4, applications=2), below("a", "East", clicks=1)]
    assert breakdowns.amounts(rows) == ("applications", [("South", 2)])
    assert breakdowns.amounts(rows[::2]) == ("clicks", [("North", 3), ("East", 1)])
    assert breakdowns.amounts([]) == ("", [])


def test_names_that_begin_alike_are_not_added_up():
    rows = [below("a", "x" * 50 + "1", clicks=3), below("a", "x" * 50 + "2", clicks=4)]
    assert [value for _, value in breakdowns.amounts(rows)[1]] == [4, 3]


def test_small_words_in_charts_have_the_strongest_grey_of_the_theme():
    """Streamlit's page puts the theme's colours for these two, in light and in dark."""
    assert (charts.INK, charts.PAGE) == (GRAY_90, BG_COLOR)
    for figure in (charts.trends([], "day"), charts.doughnut([]), charts.funnel([]), charts.bars([], [])):
        assert figure.layout.font.color == charts.INK


def test_charts_have_no_background_of_their_own():
    for figure in (charts.trends([], "day"), charts.doughnut([]), charts.funnel([]), charts.bars([], [])):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_every_platform_has_a_look_of_its_own():
    assert set(LOOKS) == {platform.key for platform in PLATFORMS}
    assert len({look.color for look in LOOKS.values()}) == len({look.symbol for look in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize("background", ["#ffffff", "#10151c"])
@pytest.mark.parametrize("platform", sorted(LOOKS))
def test_colours_stand_out_on_both_themes(platform, background):
    bright, dark = sorted((luminance(LOOKS[platform].color), luminance(background)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 3


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
