"""How our column types are spelled in new revisions."""

from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from store.tables.columns import UtcInstant


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Python text for a type of ours; False leaves it to Alembic."""
    if kind != "type":
        return False
    if isinstance(item, UtcInstant):
        context.imports.add("from store.tables.columns import UtcInstant")
        return "UtcInstant()"
    if isinstance(item, AutoString):
        return "sa.String()"
    return False
