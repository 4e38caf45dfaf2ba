"""View details: the rows behind the numbers, and why each of them is what it is."""

import streamlit as st

from domain.metrics import BY_NAME, FUNNEL
from domain.money import Money
from domain.platforms import BY_KEY
from store.reports.explain import Explanation
from store.reports.shapes import Dashboard
from ui import data, export, figures, tables, words
from ui.shell import View
from ui.tables import Cell, Column, Kind, Table

_METRICS = tuple(dict.fromkeys(("impressions", "views", "clicks", *FUNNEL, "offers", "hires", "spend")))
_METRICS = tuple(sorted(_METRICS, key=lambda name: BY_NAME[name].number))
_EXPLAINED = (*_METRICS, "sessions", "engaged_sessions", "referrals_sent")


def draw(view: View, board: Dashboard) -> None:
    """A closed box that is only worked out when somebody opens it."""
    box = st.expander("View details", key="details", on_change="rerun", icon=":material/table_view:")
    if not box.open:
        return
    with box:
        by_source, trend, why = st.tabs(["By source", "Trend", "Why this number"])
        with by_source:
            _offer(view, board, metrics_table(view), "figures by source", "figures")
        with trend:
            _offer(view, board, trend_table(board), f"applications by {board.grain}", "trend")
        with why:
            _why(view)


def _offer(view: View, board: Dashboard, table: Table, what: str, key: str) -> None:
    tables.show(table, key=f"table_{key}", alt=what.capitalize(), zone=view.company.time_zone)
    with st.container(horizontal=True, horizontal_alignment="right"):
        export.download(table, name=export.file_name(what, view.company.name, board.period), key=f"download_{key}")


def metrics_table(view: View) -> Table:
    """Every metric of the period by source, as counted. A dash: that source does not report it, or was not read."""
    labels = {platform.label: key for key, platform in BY_KEY.items()}
    wanted = set(view.filters.platforms)
    found: dict[str, dict[str, Cell]] = {}
    columns: list[str] = []
    for name in _METRICS:
        for label, value, currency in data.explanation(view.company, view.period, name).counted:
            if wanted and labels.get(label) not in wanted:
                continue
            title = f"{BY_NAME[name].label} ({currency})" if currency else BY_NAME[name].label
            if title not in columns:
                columns.append(title)
            found.setdefault(label, {})[title] = Money(value, currency).amount if currency else value
    kinds = tuple(Column(title, "amount" if title.startswith("Spend (") else "count") for title in columns)
    return Table(
        (Column("Source"), *kinds),
        tuple((label, *(row.get(title) for title in columns)) for label, row in sorted(found.items())),
    )


def trend_table(board: Dashboard) -> Table:
    """Applications by bucket, a column for each source, as drawn above."""
    columns = (
        Column("From", "day"),
        Column("To", "day"),
        *(Column(line.label, "count") for line in board.trends),
        Column("Remark"),
    )
    rows: list[tuple[Cell, ...]] = []
    for at, point in enumerate(board.trends[0].points if board.trends else ()):
        held = [line.points[at] for line in board.trends]
        remark = (
            "so far" if point.end > board.today else "may still change" if any(p.is_provisional for p in held) else ""
        )
        rows.append((point.start, figures.last_day(point.end), *(p.value for p in held), remark))
    return Table(columns, tuple(rows))


def _why(view: View) -> None:
    name = st.selectbox(
        "Number",
        _EXPLAINED,
        format_func=lambda key: BY_NAME[key].label,
        key="explained",
        index=_EXPLAINED.index("applications"),
    )
    found = data.explanation(view.company, view.period, name)
    st.markdown(f"**{found.label}**: {found.meaning} Dated by {found.date_basis}.")
    counted = counted_table(found)
    if not counted.rows:
        st.info("No connection has told this number for these days.", icon=":material/info:")
        return
    left, right = st.columns([1, 2])
    with left:
        st.caption(f"What counts, all platforms{_in_all(found)}")
        tables.show(counted, key="table_counted", alt=f"{found.label} as counted")
    with right:
        st.caption("What each connection told; not all of it counts, so that nothing counts twice")
        tables.show(told_table(found), key="table_told", alt=f"{found.label} as told", zone=view.company.time_zone)
        for connection, flags in {told.connection: told.quality for told in found.told if told.quality}.items():
            st.caption(f"{words.plain(connection)}, at its last sync: {'; '.join(map(words.flag_words, flags))}.")


def _in_all(found: Explanation) -> str:
    """The sum of what counts, which the parts are read against; currencies are never summed."""
    return "" if any(money for _, _, money in found.counted) else f": {sum(value for _, value, _ in found.counted):,}"


def counted_table(found: Explanation) -> Table:
    """What a metric's total is made of; with the currency where it is money."""
    if not any(money for _, _, money in found.counted):
        columns = (Column("Source"), Column("Counted", "count"))
        return Table(columns, tuple((label, value) for label, value, _ in found.counted))
    return Table(
        (Column("Source"), Column("Counted", "amount"), Column("Currency")),
        tuple(
            (label, Money(value, money).amount if money else value, money or None)
            for label, value, money in found.counted
        ),
    )


_ORIGINS = {"poll": "Report", "import": "File", "event": "Events"}


def told_table(found: Explanation) -> Table:
    """Everything that connections told about a metric, whether it counted or not."""
    kind: Kind = "amount" if any(told.currency for told in found.told) else "count"
    columns = (
        Column("Platform"),
        Column("Connection"),
        Column("Told by", help="The platform's own report, an imported file, or events as they happened."),
        Column("In all", kind, "Its own total. A dash: it tells only posting by posting."),
        Column("By posting", kind, "The sum of what it told posting by posting."),
        Column("Days read", "count"),
        Column("Days failed", "count"),
        Column("May still change", "count", "Days the platform may still restate."),
        Column("First day", "day"),
        Column("Last day", "day"),
        Column("As of", "instant"),
    )
    rows = []
    for told in found.told:
        amounts: list[Cell] = [
            Money(value, told.currency).amount if value is not None and told.currency else value
            for value in (told.total, told.by_posting)
        ]
        rows.append(
            (
                told.platform,
                told.connection,
                _ORIGINS.get(told.origin, told.origin),
                *amounts,
                told.days_read,
                told.days_failed,
                told.days_provisional,
                told.first_day,
                told.last_day,
                told.as_of,
            )
        )
    return Table(columns, tuple(rows))
