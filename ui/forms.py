"""A form from a pydantic config model: its titles, descriptions and types are the form's."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

STORED = "Stored. Leave empty to keep it."


def draw(
    model: type[BaseModel], current: Mapping[str, object], *, key: str, stored: Sequence[str] = ()
) -> dict[str, Any]:
    """Draw a widget for each field and return what they hold, by field name.

    `current` fills the fields of a connection that is edited. Secrets are password fields that are never filled in:
    for those in `stored`, leaving them empty keeps what is stored, and they are left out of the answer.
    """
    values: dict[str, Any] = {}
    group = ""
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        wanted = str(extra.get("group", ""))
        if wanted and wanted != group:
            st.markdown(f"**{wanted}**")
        group = wanted or group
        value = _widget(name, field, current.get(name, field.get_default()), f"{key}_{name}", is_stored=name in stored)
        if value is not None and not (is_secret(field) and value == ""):
            values[name] = value
    return values


def is_secret(field: FieldInfo) -> bool:
    """Whether a field is a credential."""
    return _is_or_holds(field.annotation, SecretStr)


def title_of(model: type[BaseModel], name: str) -> str:
    """What the form calls a field."""
    field = model.model_fields.get(name)
    return (field.title if field else None) or name.replace("_", " ").capitalize()


def _widget(name: str, field: FieldInfo, value: object, key: str, *, is_stored: bool) -> Any:
    label = (field.title or name.replace("_", " ").capitalize()) + (
        "" if _is_needed(field) and not is_stored else _OPTIONAL
    )
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    placeholder = str(extra.get("placeholder", ""))
    if is_secret(field):
        # pasted JSON loses its line breaks here, which JSON does not need
        return st.text_input(
            label.removesuffix(_OPTIONAL) if is_stored else label,
            type="password",
            key=key,
            help=field.description,
            placeholder=STORED if is_stored else placeholder,
            autocomplete="new-password",
        )
    kind = field.annotation
    if kind is bool:
        return st.toggle(label.removesuffix(_OPTIONAL), bool(value), key=key, help=field.description)
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        at = options.index(value) if value in options else 0
        return st.selectbox(label, options, index=at, key=key, help=field.description)
    if _is_or_holds(kind, int):
        start = value if isinstance(value, int) else None
        return st.number_input(label, value=start, step=1, key=key, help=field.description, placeholder=placeholder)
    text = value if isinstance(value, str) else ""
    draw_text = st.text_area if extra.get("multiline") else st.text_input
    return draw_text(label, text, key=key, help=field.description, placeholder=placeholder)


_OPTIONAL = " (optional)"


def _is_needed(field: FieldInfo) -> bool:
    return field.is_required()


def _is_or_holds(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_is_or_holds(part, wanted) for part in get_args(annotation))
