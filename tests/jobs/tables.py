"""What the tables hold after a sync, in a form that two databases and two runs can be compared by."""

from typing import Any

from sqlalchemy import text

from store.opening import Store

_FACTS = """
SELECT f.config_no, f.day, f.metric, f.scope, coalesce(p.external_ref, ''), f.breakdown, f.origin, f.hour, f.currency,
       f.value, f.provisional
FROM platform_analytics_raw f LEFT JOIN external_postings p ON p.number = f.external_posting
"""
_COVERAGE = "SELECT config_no, day, metric, scope, origin, state, provisional, cause_code FROM read_coverage"
_DIRTY = "SELECT DISTINCT config_no, day FROM dirty_days"
_POSTINGS = "SELECT external_ref, title FROM external_postings"


def contents(store: Store) -> dict[str, list[Any]]:
    """Keys and values of everything a sync writes, sorted."""
    with store.reading() as session:
        return {
            name: sorted(tuple(row) for row in session.execute(text(query)))
            for name, query in (
                ("facts", _FACTS),
                ("coverage", _COVERAGE),
                ("dirty", _DIRTY),
                ("postings", _POSTINGS),
            )
        }
