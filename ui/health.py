"""Platform health: answers by connection, troubles that admins were told of, and the error log."""

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from store.reports.health import AlertRow, ErrorRow, Health, list_alerts, list_errors, list_health
from store.reports.messages import find_undelivered
from ui import data, export, figures, shell, tables, words
from ui.shell import View
from ui.tables import Column, Table

_SPANS = {"24 hours": timedelta(days=1), "7 days": timedelta(days=7), "30 days": timedelta(days=30)}
_MAIL_SINCE = timedelta(days=7)
_MESSAGES = {"alert": "alerts", "rewards": "rewards that fell due"}
_SEVERITIES = {"Any severity": "", "Critical": "critical", "Medium": "medium", "Low": "low"}


def draw(view: View) -> None:
    """Open troubles, the answers of a span of time, and the log."""
    chosen = st.segmented_control(
        "Span", list(_SPANS), default="24 hours", key="health_span", label_visibility="collapsed", required=True
    )
    since = _SPANS[chosen or "24 hours"]
    with data.session() as session:
        rows = list_health(session, view.company, since=since, now=view.now)
        alerts = list_alerts(session, view.company)
    _mail(view)
    if not rows:
        shell.nothing_here(
            "**No platform is connected yet.** Its answers are measured from the first request on.",
            path="pages/Platforms.py",
            action="Go to Platforms",
            icon=":material/monitor_heart:",
        )
        return
    _open(alerts, view)
    _answers(rows, view)
    _log(view)
    _past(alerts, view)


def _mail(view: View) -> None:
    """That messages to admins did not arrive: who would have read it there reads it here."""
    with data.session() as session:
        found = find_undelivered(session, view.company, since=view.now - _MAIL_SINCE)
    if found is None:
        return
    kinds = ", ".join(f"{_MESSAGES.get(kind, kind)}: {number}" for kind, number in sorted(found.by_kind.items()))
    said = f" The last answer was “{words.plain(found.detail)}”." if found.detail else ""
    st.warning(
        f"**{words.counted(found.number, 'message')} to admins did not arrive, or may not have,** in the last"
        f" {_MAIL_SINCE.days} days ({words.plain(kinds)}), the last one {view.moment(found.newest_at)}.{said} They are"
        " not sent again: what they tell stands here and on the referral desk. See that SMTP_URL and ALERT_WEBHOOK_URL"
        " are right.",
        icon=":material/unsubscribe:",
    )


def _open(alerts: Sequence[AlertRow], view: View) -> None:
    """One line for each trouble that is not over."""
    for alert in alerts:
        if alert.recovered_at is not None:
            continue
        found = words.cause_words(alert.cause_code)
        said = f"{found.words} {found.cure}" if found else alert.cause_code
        st.error(
            f"**{words.plain(alert.name)}**: {said} Since {view.moment(alert.opened_at)},"
            f" {words.counted(alert.errors, 'error')}.",
            icon=":material/error:",
        )


def _answers(rows: Sequence[Health], view: View) -> None:
    asked, failed = sum(row.requests for row in rows), sum(row.failures for row in rows)
    left, middle, right = st.columns(3)
    left.metric("Requests", figures.count(asked), border=True)
    middle.metric(
        "Success rate",
        figures.percent((asked - failed) / asked if asked else None),
        border=True,
        help="Answers that were no failure, of all requests. A platform that asks us to wait has not failed.",
    )
    waited = sum(row.waited_ms for row in rows) / 1000
    right.metric("Waited", figures.lasting(waited or None), border=True, help=_WAITED)
    table = answers_table(rows)
    tables.show(table, key="health", alt="Answers by connection", zone=view.company.time_zone)
    with st.container(horizontal=True, horizontal_alignment="right"):
        export.download(table, name=export.file_name("platform health", view.company.name), key="download_health")


_WAITED = "For platforms that asked us to, and for budgets of our own."


def answers_table(rows: Sequence[Health]) -> Table:
    """Health as table and file. A dash where nothing was asked."""
    columns = (
        Column("Connection"),
        Column("Requests", "count"),
        Column("Success rate", "percent", "Answers that were no failure, of all."),
        Column("Mean (ms)", "number", "Mean response time."),
        Column("95 % below (ms)", "count", "Nineteen of twenty answers took at most this long."),
        Column("Slowest (ms)", "count"),
        Column("Waits", "count", _WAITED),
        Column("Waited (s)", "number"),
        Column("Quota left", "count", "Requests left, as the platform said last."),
        Column("Quota", "count"),
        Column("Quota begins anew", "instant"),
    )
    return Table(columns, tuple(_answers_row(row) for row in rows))


def _answers_row(row: Health) -> tuple[tables.Cell, ...]:
    return (
        row.name,
        row.requests,
        row.success_ratio * 100 if row.success_ratio is not None else None,
        round(row.mean_ms, 1) if row.mean_ms is not None else None,
        _below(row),
        row.slowest_ms,
        row.waits,
        row.waited_ms / 1000,
        row.quota_left,
        row.quota_total,
        row.quota_resets_at,
    )


def _below(row: Health) -> int | None:
    """Answers are counted in spans of time: the end of one may lie beyond the slowest answer there was."""
    if row.quantile_95_ms is None or row.slowest_ms is None:
        return row.quantile_95_ms
    return min(row.quantile_95_ms, row.slowest_ms)


def _log(view: View) -> None:
    st.subheader("Error log", anchor=False)
    severity = st.selectbox(
        "Severity", list(_SEVERITIES), key="health_severity", label_visibility="collapsed", width=180
    )
    with data.session() as session:
        rows = list_errors(session, view.company, severity=_SEVERITIES[severity or "Any severity"])
    if not rows:
        st.caption("No error is on record.")
        return
    table = errors_table(rows)
    tables.show(table, key="errors", alt="Errors, newest first", zone=view.company.time_zone)
    with st.container(horizontal=True, horizontal_alignment="right"):
        export.download(table, name=export.file_name("error log", view.company.name), key="download_errors")


def errors_table(rows: Sequence[ErrorRow]) -> Table:
    """The error log as table and file."""
    columns = (
        Column("At", "instant"),
        Column("Connection"),
        Column("Severity"),
        Column("What happened", width="medium"),
        Column("What helps", width="medium"),
        Column("The platform's own words", width="large"),
        Column("Over since", "instant", "When the connection worked again."),
    )
    found = [(row, words.cause_words(row.cause_code)) for row in rows]
    cells = tuple(
        (
            row.at,
            row.name,
            row.severity.capitalize(),
            said.words if said else row.cause_code,
            said.cure if said else None,
            row.detail or None,
            row.resolved_at,
        )
        for row, said in found
    )
    return Table(columns, cells)


def _past(alerts: Sequence[AlertRow], view: View) -> None:
    """Troubles that are over, for the record."""
    over = [alert for alert in alerts if alert.recovered_at is not None]
    if not over:
        return
    with st.expander(f"Troubles that are over ({len(over)})"):
        for alert in over:
            said = words.cause_words(alert.cause_code)
            st.text(
                f"{alert.name}: {said.words if said else alert.cause_code}"
                f" {view.moment(alert.opened_at)} to {view.moment(alert.recovered_at)}"
            )
