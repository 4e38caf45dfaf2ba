"""Recent deliveries of one address, and running again what could not be applied."""

from datetime import UTC, datetime

import streamlit as st

from actions import webhooks
from actions.running import running_store
from actions.viewer import ADMIN, NotAllowed, NotFound
from store.reports.webhooks import DeliveryRow, EndpointRow, list_deliveries
from ui import data, export, figures, shell, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

_ANY = "Any result"
STATES = {
    "applied": "Applied",
    "waiting": "Waiting",
    "unknown": "Unknown kind",
    "dead": "Could not be applied",
}
#: Why a delivery was refused or could not be applied, and what helps.
CAUSES = {
    "unsigned": "It was not signed. Switch signing on at the platform.",
    "signature_wrong": "Its signature does not fit. Set the secret that the platform uses now.",
    "stamp_wrong": "It was signed too long ago, or in the future. Check the clocks of both sides.",
    "secret_missing": "No secret is set here yet.",
    "too_large": "It was too large.",
    "too_slow": "It took too long.",
    "encoded": "It was compressed.",
    "not_json": "It was not JSON that can be used.",
    "not_xml": "It was not XML that can be used.",
    "too_deep": "It was nested too deep.",
    "too_many": "It had too many changes.",
    "handshake_wrong": "The platform's check of the address failed. Compare the verify token.",
    "not_understood": "It does not say what it should.",
    "key_missing": "It was sealed with an encryption key that is missing.",
    "failed": "The program failed on it. The log has more.",
}


def draw(view: View, row: EndpointRow) -> None:
    """The newest deliveries, narrowed by what became of them."""
    view = shell.again(view, ADMIN)
    labels = {label: state for state, label in STATES.items()}
    chosen = st.selectbox(
        "Result", [_ANY, *labels], key=f"webhook_state_{row.id}", label_visibility="collapsed", width=220
    )
    with data.session() as session:
        rows = list_deliveries(session, view.company, row.config_id, state=labels.get(chosen or "", ""))
    if not rows:
        st.caption("No delivery of the last 30 days is like that.")
        return
    table = _table(rows)
    picked = tables.choose(
        table, key=f"webhook_rows_{row.id}", alt="Recent deliveries, newest first", zone=view.company.time_zone
    )
    name = export.file_name("webhook deliveries", view.company.name)
    export.download(table, name=name, key=f"download_webhooks_{row.id}")
    if picked is not None:
        _one(view, row, rows[picked])


def _table(rows: list[DeliveryRow]) -> Table:
    columns = (
        Column("Received", "instant"),
        Column("Kind"),
        Column("Result"),
        Column("What it did", width="large"),
        Column("Repeats", "count", "How often it came again; it counts once."),
        Column("Id"),
    )
    cells = tuple(
        (row.received_at, row.kind, STATES.get(row.state, row.state), _outcome(row), row.repeats, row.delivery_ref)
        for row in rows
    )
    return Table(columns, cells)


def _outcome(row: DeliveryRow) -> str:
    return row.detail or (CAUSES.get(row.cause_code, "") if row.cause_code else "")


def _one(view: View, row: EndpointRow, delivery: DeliveryRow) -> None:
    """More of one delivery, and the button that applies it again."""
    st.text(f"Received {view.moment(delivery.received_at)}, tried {words.counted(delivery.attempts, 'time')}.")
    if delivery.cause_code:
        st.text(CAUSES.get(delivery.cause_code, ""))
    if delivery.state in {"dead", "unknown"} and st.button(
        "Apply it again", key=f"webhook_again_{delivery.id}", icon=":material/replay:"
    ):
        try:
            count = webhooks.run_again(running_store(), view.viewer, row.id, delivery.id, now=datetime.now(UTC))
        except (NotAllowed, NotFound) as error:
            st.error(words.plain(str(error)), icon=":material/error:")
            return
        toasts.later(f"{figures.count(count)} will be applied in a moment.", icon=":material/replay:")
        st.rerun()
