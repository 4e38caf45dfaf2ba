"""What lies below a platform: bars where there are several names to compare, and a table always."""

from streamlit.testing.v1 import AppTest


def page(names):
    from datetime import date
    from types import SimpleNamespace

    from domain.periods import Period
    from store.reports.sources import SourceBreakdown
    from ui import breakdowns

    view = SimpleNamespace(company=SimpleNamespace(name="Acme"), period=Period(date(2026, 3, 1), date(2026, 4, 1)))
    rows = [SourceBreakdown("campaign", name, "cpc", name, "", {"clicks": 3}) for name in names]
    breakdowns._section(view, "indeed", "campaign", rows)


def test_one_name_alone_has_a_table_and_no_chart():
    several = AppTest.from_function(page, args=(["North", "South"],)).run(timeout=300)
    alone = AppTest.from_function(page, args=(["North"],)).run(timeout=300)
    assert not several.exception
    assert not alone.exception
    assert len(several.get("plotly_chart")) == 1
    assert len(alone.get("plotly_chart")) == 0
    assert len(alone.dataframe) == 1
    assert [one.value for one in alone.caption] == ["Each campaign as the platform names it."]
