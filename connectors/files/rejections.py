"""The book of what was left out of a file: every reason in words, how often, with examples."""

from dataclasses import dataclass, field
from typing import Any

from connectors.files.errors import Cell
from connectors.files.table import cell_text

EXAMPLES = 5
#: Cells of these fields name a person: their text is shown on screen, but never kept.
PERSONAL = frozenset({"name", "first_name", "last_name", "email", "application_ref"})


@dataclass(slots=True)
class Example:
    """A cell that was rejected. `row` counts as a spreadsheet does."""

    row: int
    value: str


@dataclass
class Rejections:
    """`rows` is the number of rows left out; `reasons` counts cells, so one row may stand under several."""

    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    _last_row: int = 0

    def add(self, row: int, what: str, reason: str, value: Cell = "") -> None:
        """Note that `what` (a field or metric) in `row` is left out for `reason`, and the row with it."""
        words = f"{what.replace('_at', '').replace('_', ' ')} {reason}".strip()
        self.reasons[words] = self.reasons.get(words, 0) + 1
        shown = self.examples.setdefault(words, [])
        if len(shown) < EXAMPLES:
            shown.append(Example(row, "" if what in PERSONAL else cell_text(value)[:80]))
        if row != self._last_row:
            self.rows += 1
            self._last_row = row

    def to_document(self) -> dict[str, Any]:
        """Reason → number of cells and examples, as kept with the import."""
        return {
            words: {
                "cells": count,
                "examples": [{"row": example.row, "value": example.value} for example in self.examples[words]],
            }
            for words, count in sorted(self.reasons.items(), key=lambda item: -item[1])
        }
