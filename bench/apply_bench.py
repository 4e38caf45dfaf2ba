"""A burst of applications by webhook, from the inbox to the application: against a bare loop that writes as much."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from actions.viewer import Viewer
from actions.webhooks import arrived, change_secret, find_door, open_endpoint
from bench.ats_file import POSTINGS, posting_of
from bench.databases import KINDS, LABELS, fresh_store
from bench.figures import Figure, Scale
from bench.importing import Steps, company_with_postings
from connectors.webhooks.contract import Request
from connectors.webhooks.registry import RECEIVERS
from jobs.apply import AT_ONCE, apply_due
from sandbox.senders import SENDERS, Applied
from store.opening import Store
from store.tables import (
    Application,
    ApplicationDirtyDay,
    ApplicationRef,
    ApplicationStage,
    ApplicationTouch,
    WebhookEndpoint,
    WebhookInbox,
)
from store.writes.inbox import write_deliveries

BURST, QUICK_BURST, WARM = 5_000, 200, 50
_SECRET = "whsec_YmVuY2ggc2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXM="
_INBOX = WebhookInbox.__table__  # type: ignore[attr-defined]
#: In an order in which they can be written.
_TOLD: tuple[Any, ...] = tuple(
    table.__table__  # type: ignore[attr-defined]
    for table in (Application, ApplicationRef, ApplicationStage, ApplicationTouch, ApplicationDirtyDay)
)


def run(scale: Scale) -> list[Figure]:
    """Both databases."""
    return [figure for kind in KINDS for figure in _measure(kind, scale.runs(BURST, QUICK_BURST))]


def _measure(kind: str, burst: int) -> Iterator[Figure]:
    now = datetime.now(UTC)
    with fresh_store(kind) as (store, _):
        viewer = company_with_postings(store, now)
        steps = Steps(store)
        _deliver(store, viewer, range(WARM), now)
        apply_due(store, now)
        _deliver(store, viewer, range(WARM, WARM + burst), now)
        fates = steps.take("applied", lambda: apply_due(store, now, most=burst))
        if fates != {"applied": burst}:
            raise RuntimeError(f"of {burst} deliveries: {fates}")
        rows = _take_out(store, burst)
        _deliver(store, viewer, range(WARM + burst, WARM + 2 * burst), now)
        steps.take("bare", lambda: _bare(store, rows, now))
    (seconds, cpu), (_, bare) = steps.told["applied"], steps.told["bare"]
    label, size = LABELS[kind], f"{burst:,}".replace(",", " ")
    yield Figure(f"{label}: a delivery applied", 1000 * seconds / burst, "ms", note=f"mean of {size}")
    note = f"{1000 * cpu / burst:.2f} and {1000 * bare / burst:.2f} ms of CPU; the bare loop looks nothing up"
    yield Figure(f"{label}: applying against the bare loop", bare / cpu, "×", at_least=True, note=note)


def _deliver(store: Store, viewer: Viewer, numbers: range, now: datetime) -> None:
    """Put signed applications into the inbox, as the route does."""
    platform, sender = SENDERS["indeed_apply"]
    with store.reading() as session:
        hook_id = session.execute(select(WebhookEndpoint.__table__.c.hook_id)).scalar()  # type: ignore[attr-defined]
    if hook_id is None:
        endpoint_id = open_endpoint(store, viewer, platform, now=now)
        change_secret(store, viewer, endpoint_id, _SECRET, now=now)
        with store.reading() as session:
            hook_id = session.get_one(WebhookEndpoint, endpoint_id).hook_id
    door = find_door(store, platform, hook_id, now)
    if door is None:
        raise RuntimeError("the door does not open")
    letters = []
    for number in numbers:
        ref, title = posting_of(number % POSTINGS)
        at = now - timedelta(hours=1 + number % 240)
        who = Applied(f"bench-{number}", ref, title, f"Person {number}", f"person.{number}@mail.example", at)
        sent = sender(_SECRET, who, now)
        headers = {key.lower(): value for key, value in sent.headers.items()}
        delivery = RECEIVERS[platform].read(Request(headers, sent.body, now, sent.path[1:]))
        letters.append(arrived(store.vault, door, delivery, sent.body, now=now))
    with store.writing() as session:
        write_deliveries(session, letters)


def _take_out(store: Store, burst: int) -> list[list[list[dict[str, Any]]]]:
    """What the burst has become, by transactions and tables: taken out of the database again."""
    with store.writing() as session:
        connection = session.connection()
        # Ids rise: whatever names an application is written with it or after it.
        ordered = [
            select(table).order_by(table.c.application_id if "application_id" in table.c else table.c.id)
            for table in _TOLD
        ]
        rows = [[dict(row._mapping) for row in connection.execute(query)] for query in ordered]
        for table in reversed(_TOLD):
            connection.execute(delete(table))
    count = -(-burst // AT_ONCE)
    sizes = [-(-len(told) // count) for told in rows]
    return [[told[at * size : (at + 1) * size] for told, size in zip(rows, sizes, strict=True)] for at in range(count)]


def _bare(store: Store, batches: list[list[list[dict[str, Any]]]], now: datetime) -> None:
    """Read, open, seal, write and mark as many deliveries, as often committed; nothing is looked up or compared."""
    vault = store.vault
    for batch in batches:
        with store.writing() as session:
            connection = session.connection()
            waiting = select(_INBOX.c.id, _INBOX.c.body).where(_INBOX.c.state == "waiting").limit(AT_ONCE)
            letters = connection.execute(waiting).all()
            for letter in letters:
                document = vault.open("webhook_inbox", letter.id, "body", letter.body.decode())
                for name in ("candidate_name", "candidate_email"):
                    vault.seal("applications", letter.id, name, document[:20])
                vault.digest("email-bidx", document[:20])
            for table, rows in zip(_TOLD, batch, strict=True):
                if rows:
                    connection.execute(insert(table), rows)
            done = _INBOX.c.id.in_([letter.id for letter in letters])
            connection.execute(update(_INBOX).where(done).values(state="applied", applied_at=now, body=b""))
