"""How one file's columns are read: guessed from its headers, corrected by a person, remembered for the next file."""

import itertools
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.ats_presets import ATS_PRESETS
from connectors.files.columns import (
    APPLICATION_FIELDS,
    FILE_METRICS,
    METRICS_FIELDS,
    POSTING_DATES,
    POSTING_FIELDS,
    STAGE_FIELDS,
    guess_fields,
    guess_metrics,
    metric_of,
    spelling,
)
from connectors.files.dates import Order
from connectors.files.errors import FileRefused
from connectors.files.presets import PRESETS, Preset
from connectors.files.table import Table
from domain.platforms import BY_KEY, find_platform

Kind = Literal["metrics", "applications", "postings"]


#: A file of fewer fields of postings, and without numbers, may be anything.
_LEAST_OF_A_LIST = 3
_DATE_FIELDS: dict[Kind, tuple[str, ...]] = {
    "metrics": ("day", "last_day"),
    "applications": (*STAGE_FIELDS, "stage_at"),
    "postings": POSTING_DATES,
}


class FileMapping(BaseModel):
    """`columns` maps our fields to the file's column names, `metrics` our metrics to columns of a wide file.

    In a long file the columns `metric` and `value` are mapped, and `metric_names` says which metric a name in the
    file stands for ("" leaves it out). `day` dates a whole file that has no day column. `sources` and `stages` map
    words of an applicant system to platforms and stages. `date_order` and `mark` answer what the file leaves open.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind = "metrics"
    preset: str = ""
    sheet: str = ""
    platform: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, str] = Field(default_factory=dict)
    metric_names: dict[str, str] = Field(default_factory=dict)
    day: date | None = None
    currency: str = ""
    date_order: Order = ""
    mark: Literal["", ".", ","] = ""
    sources: dict[str, str] = Field(default_factory=dict)
    stages: dict[str, str] = Field(default_factory=dict)

    @property
    def is_long(self) -> bool:
        """Whether each row names its metric."""
        return "metric" in self.columns and "value" in self.columns

    @property
    def date_fields(self) -> tuple[str, ...]:
        """The mapped fields that hold dates."""
        return tuple(field for field in _DATE_FIELDS[self.kind] if field in self.columns)


def guess_mapping(table: Table, *, file_name: str = "", kind: Kind | None = None) -> FileMapping:
    """The likeliest mapping of a file. `kind` None lets the headers decide what it holds."""
    preset = _find_preset(table, kind)
    kind = kind or (preset.kind if preset else _guess_kind(table))
    platform = (preset.platform if preset else "") or _platform_in(file_name)
    if kind == "applications":
        return FileMapping(kind=kind, preset=preset.key if preset else "", columns=_application_columns(table, preset))
    if kind == "postings":
        return FileMapping(kind=kind, columns=guess_fields(table.headers, POSTING_FIELDS))
    return _guess_metrics_mapping(table, preset, platform)


def check_mapping(mapping: FileMapping, table: Table) -> None:
    """Raises FileRefused, in words, where the mapping does not fit the table or lacks something needed."""
    missing = sorted({*mapping.columns.values(), *mapping.metrics.values()} - set(table.headers))
    if missing:
        raise FileRefused("mapping", f"The file has no column called {', '.join(missing)}.")
    if mapping.kind == "metrics":
        _check_metrics(mapping)
    elif mapping.kind == "applications":
        _check_applications(mapping)
    elif "requisition_ref" not in mapping.columns:
        raise FileRefused("no_ref", "No column tells postings apart. Map one to “Requisition”.")


def preset_of(mapping: FileMapping) -> Preset | None:
    """The preset a mapping came from, if any."""
    return next((preset for preset in (*PRESETS, *ATS_PRESETS) if preset.key == mapping.preset), None)


def _check_metrics(mapping: FileMapping) -> None:
    if mapping.platform not in BY_KEY:
        raise FileRefused("no_platform", "Say which platform the numbers come from.")
    strange = [
        name for name in (*mapping.metrics, *filter(None, mapping.metric_names.values())) if name not in FILE_METRICS
    ]
    if strange:
        raise FileRefused(
            "metric",
            f"{', '.join(strange).capitalize()} come from applications: import an export of your applicant system.",
        )
    if not mapping.metrics and not mapping.is_long:
        raise FileRefused(
            "no_metric", "No column is mapped to a number. Map at least one, such as clicks or applications."
        )
    if "day" not in mapping.columns and mapping.day is None:
        raise FileRefused(
            "no_day",
            "The file does not say which day its numbers belong to. Export it by day, or give the one day it is about.",
        )


def _check_applications(mapping: FileMapping) -> None:
    if "applied_at" not in mapping.columns:
        raise FileRefused("no_applied", "No column says when people applied. Map one to “Applied at”.")
    if "application_ref" not in mapping.columns and "email" not in mapping.columns:
        raise FileRefused(
            "no_ref", "No column tells applications apart. Map the application id, or the e-mail address."
        )
    wrong = sorted({platform for platform in mapping.sources.values() if platform not in BY_KEY})
    if wrong:
        raise FileRefused("no_platform", f"There is no platform called {', '.join(wrong)}.")


def _find_preset(table: Table, kind: Kind | None) -> Preset | None:
    names = {spelling(header) for header in table.headers}
    fitting = [
        preset for preset in (*PRESETS, *ATS_PRESETS) if preset.signature <= names and kind in (None, preset.kind)
    ]
    return max(fitting, key=lambda preset: len(preset.signature), default=None)


def _guess_kind(table: Table) -> Kind:
    found = guess_fields(table.headers, APPLICATION_FIELDS)
    is_person = bool({"application_ref", "name", "email", "first_name"} & set(found))
    has_stage = bool({*STAGE_FIELDS, "stage"} & set(found))
    if is_person and has_stage:
        return "applications"
    posting = guess_fields(table.headers, POSTING_FIELDS)
    is_list = {"requisition_ref", "title"} <= set(posting) and len(posting) >= _LEAST_OF_A_LIST
    has_numbers = bool(guess_metrics(table.headers)) or {"metric", "value"} <= set(
        guess_fields(table.headers, METRICS_FIELDS)
    )
    return "postings" if is_list and not has_numbers else "metrics"


def _guess_metrics_mapping(table: Table, preset: Preset | None, platform: str) -> FileMapping:
    by_spelling = {spelling(header): header for header in reversed(table.headers)}
    metrics = guess_metrics(table.headers)
    columns = guess_fields([h for h in table.headers if h not in metrics.values()], METRICS_FIELDS)
    if preset:
        metrics |= {metric: by_spelling[name] for metric, name in preset.metrics.items() if name in by_spelling}
        columns |= {field: by_spelling[name] for field, name in preset.columns.items() if name in by_spelling}
    if "metric" not in columns or "value" not in columns or (metrics and not (preset and preset.metric_names)):
        columns.pop("metric", None)
        columns.pop("value", None)
    else:
        metrics = {}
    if columns.get("last_day") == columns.get("day"):
        columns.pop("last_day", None)
    names = dict(preset.metric_names) if preset and "metric" in columns else {}
    key = preset.key if preset else ""
    return FileMapping(
        kind="metrics", preset=key, platform=platform, columns=columns, metrics=metrics, metric_names=names
    )


def _application_columns(table: Table, preset: Preset | None) -> dict[str, str]:
    by_spelling = {spelling(header): header for header in reversed(table.headers)}
    columns = guess_fields(table.headers, APPLICATION_FIELDS)
    if preset:
        chosen = {field: by_spelling[name] for field, name in preset.columns.items() if name in by_spelling}
        columns = {field: header for field, header in columns.items() if header not in chosen.values()} | chosen
    return columns


def _platform_in(file_name: str) -> str:
    """The platform a file's name mentions: "indeed_export_2025.csv" → indeed."""
    words = spelling(file_name.rpartition(".")[0]).split()
    pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
    found = [
        platform for platform in map(find_platform, (*pairs, *(word for word in words if len(word) > 1))) if platform
    ]
    return found[0].key if found else ""


def metric_named(mapping: FileMapping, name: str) -> str:
    """The metric a name in a long file's metric column stands for; "" when it is left out."""
    if name in mapping.metric_names:
        return mapping.metric_names[name]
    metric = metric_of(name)
    return metric if metric in FILE_METRICS else ""
