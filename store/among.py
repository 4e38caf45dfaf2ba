"""Long lists in conditions: bound as one parameter, for spelling a thousand costs more than looking them up."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, func, literal, select
from sqlmodel import Session

from store.engine import is_sqlite


def among(session: Session, column: Any, values: Iterable[str | uuid.UUID]) -> ColumnElement[bool]:
    """That `column`, of texts or ids, holds one of `values`."""
    if not is_sqlite(session):
        return column == any_(literal(list(values), ARRAY(column.type)))  # type: ignore[no-any-return]
    spelled = json.dumps([value.hex if isinstance(value, uuid.UUID) else value for value in values])
    each = func.json_each(spelled).table_valued("value")
    return column.in_(select(each.c.value))  # type: ignore[no-any-return]
