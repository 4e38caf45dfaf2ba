"""What a posting says where it is advertised: a form whose fields carry what platforms found wrong with them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from actions import publishing
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.adverts import EMPLOYMENT_LABELS, MOST_QUESTIONS, UNIT_LABELS, Advert
from store.reports.outbox import find_advert, list_presences
from store.reports.postings import PostingRow
from ui import data, toasts, words
from ui.shell import View

#: Problems of the form that is open, so that they stay on screen while they are corrected.
_PROBLEMS = "advert_problems"
LABELS = {
    "title": "Title",
    "description": "Description",
    "employment_type": "Employment",
    "is_remote": "Remote",
    "street": "Street",
    "city": "City",
    "region": "State or region",
    "postal_code": "Postal code",
    "country": "Country",
    "salary_min": "Salary from",
    "salary_max": "Salary to",
    "salary_currency": "Currency",
    "salary_unit": "For",
    "apply_url": "Where one applies",
    "questions": "Questions",
    "boost": "Boost",
}
_KINDS = {"text": "Text", "date": "Date", "select": "One of", "multiselect": "Some of", "upload": "File"}


def open_form(view: View, row: PostingRow) -> None:
    """Open the form."""
    st.session_state.pop(_PROBLEMS, None)
    st.dialog("Advert", width="large", icon=":material/article:")(_form)(view, row)


def tell(problems: Mapping[str, str]) -> str:
    """Problems as Markdown, each with the label of its field; their words are foreign and made plain."""
    lines = [
        f"**{LABELS.get(name, name)}**: {words.plain(said)}" if name else words.plain(said)
        for name, said in problems.items()
    ]
    return "\n\n".join(lines)


def _form(view: View, row: PostingRow) -> None:
    with data.session() as session:
        found = find_advert(session, view.company, row.id)
        told = _told(list_presences(session, view.company, row.id))
    if found is None:
        st.error("This posting is gone.", icon=":material/error:")
        return
    advert, apply_url = Advert.model_validate(found[0]), found[1]
    problems = {**told, **st.session_state.get(_PROBLEMS, {})}
    key = f"advert_{row.number}"
    if problems.get("title"):
        st.error(f"**Title**: {words.plain(problems['title'])}", icon=":material/error:")
    with st.form(key, border=False):
        fields = _Fields(key, problems)
        values = _words(fields, advert) | _place(fields, advert) | _salary(fields, advert)
        values["apply_url"] = fields.text("apply_url", apply_url, help="Empty: the posting's path on your own site.")
        values["questions"] = _questions(fields, advert)
        sent = st.form_submit_button("Save", type="primary", icon=":material/check:")
    if sent:
        _save(view, row, values)


class _Fields:
    """Widgets that show what is wrong right below themselves."""

    def __init__(self, key: str, problems: Mapping[str, str]) -> None:
        self.key, self.problems = key, problems

    def text(self, name: str, held: str, **more: Any) -> str:
        """One line of text."""
        said = st.text_input(LABELS[name], held, key=f"{self.key}_{name}", **more)
        self.complain(name)
        return str(said)

    def number(self, name: str, held: int | None) -> int | None:
        """A whole number, or nothing."""
        said = st.number_input(LABELS[name], 0, value=held, step=1, key=f"{self.key}_{name}")
        self.complain(name)
        return None if said is None else int(said)

    def choice(self, name: str, held: str, labels: Mapping[str, str]) -> str:
        """One of some words."""
        options = list(labels)
        said = st.selectbox(
            LABELS[name], options, options.index(held), format_func=labels.__getitem__, key=f"{self.key}_{name}"
        )
        self.complain(name)
        return str(said)

    def complain(self, name: str) -> None:
        """What a platform or a rule found wrong with a field."""
        if name in self.problems:
            st.error(words.plain(self.problems[name]), icon=":material/error:")


def _words(fields: _Fields, advert: Advert) -> dict[str, Any]:
    description = st.text_area(
        LABELS["description"],
        advert.description,
        height=240,
        key=f"{fields.key}_description",
        help="Plain text. An empty line begins a new paragraph.",
    )
    fields.complain("description")
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        employment = fields.choice("employment_type", advert.employment_type, EMPLOYMENT_LABELS)
    remote = right.toggle(LABELS["is_remote"], advert.is_remote, key=f"{fields.key}_is_remote")
    return {"description": description, "employment_type": employment, "is_remote": remote}


def _place(fields: _Fields, advert: Advert) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for names in (("street", "city"), ("region", "postal_code", "country")):
        for name, column in zip(names, st.columns(len(names)), strict=True):
            with column:
                hint = "Two letters, such as US." if name == "country" else None
                values[name] = fields.text(name, getattr(advert, name), help=hint)
    return values


def _salary(fields: _Fields, advert: Advert) -> dict[str, Any]:
    values: dict[str, Any] = {}
    low, high, currency, unit = st.columns(4)
    with low:
        values["salary_min"] = fields.number("salary_min", advert.salary_min)
    with high:
        values["salary_max"] = fields.number("salary_max", advert.salary_max)
    with currency:
        values["salary_currency"] = fields.text("salary_currency", advert.salary_currency, max_chars=3)
    with unit:
        values["salary_unit"] = fields.choice("salary_unit", advert.salary_unit, UNIT_LABELS)
    return values


def _questions(fields: _Fields, advert: Advert) -> list[dict[str, Any]]:
    st.markdown("**Questions to applicants** (ZipRecruiter)")
    held = [
        {
            "Question": question.text,
            "Answer": _KINDS[question.kind],
            "Needed": question.is_required,
            "Choices": "; ".join(question.choices),
        }
        for question in advert.questions
    ]
    rows = st.data_editor(
        held or [{"Question": "", "Answer": "Text", "Needed": False, "Choices": ""}],
        num_rows="dynamic",
        hide_index=True,
        key=f"{fields.key}_questions",
        column_config={
            "Question": st.column_config.TextColumn(width="large", max_chars=500),
            "Answer": st.column_config.SelectboxColumn(options=list(_KINDS.values())),
            "Needed": st.column_config.CheckboxColumn(),
            "Choices": st.column_config.TextColumn(help="Answers to choose from, with a semicolon between them."),
        },
    )
    fields.complain("questions")
    kinds = {label: kind for kind, label in _KINDS.items()}
    return [
        {
            "text": str(row["Question"]),
            "kind": kinds.get(str(row.get("Answer")), "text"),
            "is_required": bool(row.get("Needed")),
            "choices": [part.strip() for part in str(row.get("Choices") or "").split(";") if part.strip()],
        }
        for row in rows[:MOST_QUESTIONS]
        if str(row.get("Question") or "").strip()
    ]


def _save(view: View, row: PostingRow, values: dict[str, Any]) -> None:
    try:
        problems = publishing.save_advert(running_store(), view.viewer, row.id, values, now=datetime.now(UTC))
    except (NotAllowed, NotFound, ValueError) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    st.session_state[_PROBLEMS] = problems
    if problems:
        st.rerun(scope="fragment")
    toasts.later("The advert is saved. Press Update where it is published already.", icon=":material/check_circle:")
    st.rerun()


def _told(presences: list[Any]) -> dict[str, str]:
    """What platforms refused last, by field, with the name of the connection."""
    found: dict[str, str] = {}
    for presence in presences:
        if presence.saying is None or presence.saying.state != "refused":
            continue
        for name, said in presence.saying.problems.items():
            line = f"{presence.connection}: {said}"
            found[name] = f"{found[name]} {line}" if name in found else line
    return found
