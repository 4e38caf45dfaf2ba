"""What lies below a platform: UTM sources, campaigns, paid against organic."""

from collections.abc import Sequence

import streamlit as st

from domain.metrics import BY_NAME
from domain.money import Money
from domain.periods import span
from store.reports.sources import SourceBreakdown
from ui import charts, data, export, palette, shell, tables
from ui.shell import View
from ui.tables import Cell, Column, Table

#: Cuts by the platform's own words, with what each row is.
KINDS = {
    "source": ("UTM sources", "Source, medium and campaign as the visit carried them."),
    "campaign": ("Campaigns", "Each campaign as the platform names it."),
    "paid": ("Paid and organic", "Sponsored against unpaid postings."),
}
_FEWEST_BARS, _MOST_BARS = 2, 10
_SCALES = ("applications", "sessions", "clicks", "views", "impressions")


def draw(view: View) -> None:
    """A section for every cut of every chosen platform that has rows; else why there are none."""
    found = False
    chosen = view.filters.platforms or tuple(dict.fromkeys(entry.platform for entry, _ in view.states))
    for platform in sorted(chosen, key=palette.label):
        for kind in KINDS:
            rows = data.breakdowns(view.company, view.period, platform, kind)
            if rows:
                found = True
                _section(view, platform, kind, rows)
    if not found:
        _nothing(view)


def _nothing(view: View) -> None:
    if not view.is_connected and view.viewer.is_admin:
        shell.nothing_here(
            "**No platform is connected yet.** Sources appear once one has been synced.",
            path="pages/Platforms.py",
            action="Connect a platform",
            icon=":material/hub:",
        )
        return
    if not view.is_connected:
        shell.nothing_here("**No platform is connected yet.** Ask an admin to connect one.", icon=":material/hub:")
        return
    shell.nothing_here(
        f"**No platform told anything finer for {span(view.period)}.** Choose a longer period or other platforms.",
        icon=":material/account_tree:",
    )


def _section(view: View, platform: str, kind: str, rows: list[SourceBreakdown]) -> None:
    title, meaning = KINDS[kind]
    table = breakdown_table(kind, rows)
    key = f"{platform}_{kind}"
    with st.container(border=True, key=f"breakdown_{key}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(
                f"{palette.label(platform)}: {title[0].lower() + title[1:] if kind != 'source' else title}",
                anchor=False,
                width="content",
            )
            export.download(
                table,
                name=export.file_name(f"{palette.label(platform)} {title}", view.company.name, view.period),
                key=f"download_{key}",
            )
        above = st.container()
        has_bars = _bars(platform, kind, rows)
        tables.show(table, key=f"table_{key}", alt=f"{palette.label(platform)}, {title}")
        # Without bars between, a phone would put the table's own buttons over these words.
        (above if has_bars else st).caption(meaning + (_OWNED if any(row.owner for row in rows) else ""))


_OWNED = (
    " A source that names another platform belongs to that platform: where it reports the number itself, it is counted"
    " there and left out here, so that nothing counts twice."
)


def _bars(platform: str, kind: str, rows: list[SourceBreakdown]) -> bool:
    """The largest of the metric that tells most of the rows, if there are any: one name alone needs no chart."""
    scale, sums = amounts(rows)
    if len(sums) < _FEWEST_BARS:
        return False
    top = sums[:_MOST_BARS]
    label = BY_NAME[scale].label
    st.caption(f"**{label}**" + (f", the first {_MOST_BARS} of {len(sums)}" if len(sums) > _MOST_BARS else ""))
    charts.draw(
        charts.bars([name for name, _ in top], [value for _, value in top], color=palette.look(platform).color),
        key=f"bars_{platform}_{kind}",
        alt=f"{label}: " + ", ".join(f"{name} {value:,}" for name, value in top),
    )
    return True


def amounts(rows: Sequence[SourceBreakdown]) -> tuple[str, list[tuple[str, int]]]:
    """The metric that tells most of rows, and its sum by name, the largest first; a name without it is left out."""
    scale = next((name for name in _SCALES if any(row.values.get(name) for row in rows)), "")
    sums: dict[str, int] = {}
    for row in rows:
        if scale in row.values:
            sums[name_of(row)] = sums.get(name_of(row), 0) + row.values[scale]
    return scale, sorted(sums.items(), key=lambda pair: -pair[1])


def name_of(row: SourceBreakdown) -> str:
    """What a row is called on the chart: its campaign for campaigns, else its source."""
    name = row.campaign if row.kind == "campaign" else row.source
    return name or "(none)"


def breakdown_table(kind: str, rows: list[SourceBreakdown]) -> Table:
    """Breakdown rows with a column for every metric told; owned ones name their owner."""
    told = [name for name in BY_NAME if any(name in row.values for row in rows)]
    names = {"source": ("Source", "Medium", "Campaign"), "campaign": ("Campaign",), "paid": ("Kind",)}[kind]
    owners = kind == "source" and any(row.owner for row in rows)
    currency = next((row.currency for row in rows if row.currency), "")
    columns = [Column(name) for name in names]
    if owners:
        columns.append(Column("Belongs to", help="The platform that this source names."))
    for name in told:
        metric = BY_NAME[name]
        heading = tables.metric_heading(name, currency)
        columns.append(Column(heading, "amount" if metric.unit == "money" else "count", metric.meaning))
    return Table(tuple(columns), tuple(_cells(kind, row, told, owners=owners) for row in rows))


def _cells(kind: str, row: SourceBreakdown, told: list[str], *, owners: bool) -> tuple[Cell, ...]:
    named: tuple[Cell, ...] = {
        "source": (row.source, row.medium, row.campaign),
        "campaign": (row.campaign or row.source,),
        "paid": (row.source,),
    }[kind]
    owner: tuple[Cell, ...] = (palette.label(row.owner) if row.owner else None,) if owners else ()
    values: list[Cell] = []
    for name in told:
        value = row.values.get(name)
        is_money = BY_NAME[name].unit == "money" and value is not None
        values.append(Money(value or 0, row.currency).amount if is_money else value)
    return (*named, *owner, *values)
