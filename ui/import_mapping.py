"""The form that says what a file's columns mean, filled in with the likeliest reading."""

import itertools
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from actions.imports import (
    APPLICATION_FIELDS,
    FILE_METRICS,
    METRICS_FIELDS,
    POSTING_FIELDS,
    FileMapping,
    Inspection,
    SourceFile,
)
from domain import postings
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY, PLATFORMS
from ui import words

_KINDS = {"metrics": "Numbers of a platform", "applications": "Applications", "postings": "Postings"}
_NONE = "—"
_PREFIX = "import_map_"
_ORDERS = {"": "As the file shows", "dmy": "Day first (31/12/2025)", "mdy": "Month first (12/31/2025)"}
_MARKS = {"": "As the file shows", ".": "1,234.56", ",": "1.234,56"}
_LABELS = {
    "posting_ref": "Posting id",
    "posting_title": "Posting title",
    "last_day": "Last day of a range",
    "application_ref": "Application id",
    "email": "E-mail",
    "end_reason": "Why it ended",
    "stage_at": "Current stage since",
    "metric": "Name of the metric",
    "value": "Number",
}


def asked(source: SourceFile) -> tuple[str, Any]:
    """The sheet and the kind of file that the person has chosen; "" and None before."""
    state = st.session_state
    return state.get(_key(source, "sheet"), ""), state.get(_key(source, "kind"))


def _key(source: SourceFile, *names: str) -> str:
    """The key of a widget: answers given for one file are not those for the next."""
    return _PREFIX + "_".join((source.sha256[:12], *names))


def forget() -> None:
    """Forget the answers given for a file."""
    for key in [key for key in st.session_state if str(key).startswith(_PREFIX)]:
        del st.session_state[key]


def draw(source: SourceFile, look: Inspection) -> FileMapping:
    """The mapping as the form has it."""
    found = look.mapping
    _read_as(look)
    kind = st.segmented_control(
        "What is in the file",
        list(_KINDS),
        default=found.kind,
        format_func=_KINDS.__getitem__,
        key=_key(source, "kind"),
    )
    changes: dict[str, Any] = {"kind": kind or found.kind}
    if len(look.sheets) > 1:
        st.selectbox("Sheet", look.sheets, index=look.sheets.index(found.sheet), key=_key(source, "sheet"))
    with st.container(horizontal=True):
        changes |= _metrics_choices(source, found) if found.kind == "metrics" else {}
    with st.expander("Columns", icon=":material/view_column:", expanded=look.origin == "guessed"):
        changes |= _columns(source, look)
    with st.expander("Dates and numbers", icon=":material/calendar_month:"):
        changes |= _spelling(source, found)
    changes |= _words(source, found)
    return found.model_copy(update=changes)


def _read_as(look: Inspection) -> None:
    known = {"remembered": "as you read it last time", "guessed": "by its column names"}.get(
        look.origin, f"as {look.origin}"
    )
    told = " · ".join(f"{name} {'tab' if value == chr(9) else value}" for name, value in look.details.items())
    st.caption(f"Read {words.plain(known)}; column names in row {look.header_row}; {words.plain(told)}.")
    if look.imported_at:
        st.warning(
            "This very file was imported before. The preview says whether importing it again changes anything.",
            icon=":material/history:",
        )
    frame = pd.DataFrame(look.sample, columns=list(look.headers))
    st.dataframe(frame, hide_index=True, height="content", key="import_sample")


def _metrics_choices(source: SourceFile, found: FileMapping) -> dict[str, Any]:
    keys = [platform.key for platform in PLATFORMS]
    platform = st.selectbox(
        "Platform",
        keys,
        index=keys.index(found.platform) if found.platform in keys else None,
        format_func=lambda key: BY_KEY[key].label,
        placeholder="Choose a platform",
        key=_key(source, "platform"),
    )
    day: date | None = None
    if "day" not in found.columns:
        day = st.date_input("The one day it is about", value=found.day, key=_key(source, "day"))
    currency = st.text_input(
        "Currency of amounts",
        value=found.currency,
        placeholder="the company's",
        max_chars=3,
        key=_key(source, "currency"),
        help="For amounts that do not name one, such as EUR.",
    )
    return {"platform": platform or "", "day": day, "currency": currency.strip().upper()}


def _columns(source: SourceFile, look: Inspection) -> dict[str, Any]:
    """One select box a field. The mapping's columns decide what is chosen at first."""
    found = look.mapping
    places = itertools.cycle(st.columns(3))

    def pick(field: str, label: str, chosen: Mapping[str, str]) -> str:
        key = _key(source, found.kind, found.sheet, field)
        with next(places):
            return _column(key, look.headers, label, chosen.get(field, ""))

    fields = {"metrics": METRICS_FIELDS, "applications": APPLICATION_FIELDS, "postings": POSTING_FIELDS}[found.kind]
    columns = {field: header for field in fields if (header := pick(field, _label(field), found.columns))}
    if found.kind != "metrics" or {"metric", "value"} <= columns.keys():
        return {"columns": columns, "metrics": {}}
    metrics = {name: header for name in FILE_METRICS if (header := pick(name, BY_NAME[name].label, found.metrics))}
    return {"columns": columns, "metrics": metrics}


def _column(key: str, headers: tuple[str, ...], label: str, chosen: str) -> str:
    options = [_NONE, *headers]
    picked = st.selectbox(label, options, index=options.index(chosen) if chosen in headers else 0, key=key)
    return "" if picked == _NONE else picked


def _spelling(source: SourceFile, found: FileMapping) -> dict[str, Any]:
    with st.container(horizontal=True):
        order = st.selectbox(
            "Dates such as 7/8/2025",
            list(_ORDERS),
            index=list(_ORDERS).index(found.date_order),
            format_func=_ORDERS.__getitem__,
            key=_key(source, "order"),
        )
        mark = st.selectbox(
            "Amounts such as 1,234",
            list(_MARKS),
            index=list(_MARKS).index(found.mark),
            format_func=_MARKS.__getitem__,
            key=_key(source, "mark"),
        )
    return {"date_order": order, "mark": mark}


def _words(source: SourceFile, found: FileMapping) -> dict[str, Any]:
    """Meanings of words that the preview's table has changed, on top of those remembered."""
    kept = {"sources": found.sources, "stages": found.stages, "metric_names": found.metric_names}
    return {name: {**before, **st.session_state.get(_key(source, name), {})} for name, before in kept.items()}


def set_word(source: SourceFile, name: str, text: str, meaning: str) -> None:
    """Remember what a word of the file stands for; `name` is sources, stages or metric_names."""
    key = _key(source, name)
    st.session_state[key] = {**st.session_state.get(key, {}), text: meaning}


def _label(field: str) -> str:
    return _LABELS.get(field) or postings.LABELS.get(field, field.replace("_", " ").capitalize())
