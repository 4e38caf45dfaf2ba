"""What a file would do, before it does: counts, questions, reasons, and the words it uses."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from actions.applicants import set_stage_word
from actions.imports import FILE_METRICS, Plan, SourceFile
from actions.running import running_store
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY, PLATFORMS
from ui import figures, import_mapping, words
from ui.shell import View

_QUESTIONS = {
    "date_order": "Dates such as 1/2/2026 may have the day or the month first, and no row of the file tells. "
    "Say which under “Dates and numbers”.",
    "mark": "Amounts such as 1,234 may be over a thousand or a little over one, and no row of the file tells. "
    "Say which under “Dates and numbers”.",
}
_STAGES = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
_ENDS = ("rejected", "withdrawn", "hired")
#: Whose words are the company's: what is said of them holds for its other files too.
_COMPANYS = ("stage", "end_reason")
#: Set where a company's own words were changed: the file is to be read with them.
AGAIN = "import_preview_again"
_KEPT = {"source": "sources", "stage": "stages", "metric": "metric_names"}
_TITLES = {
    "source": "Sources", "stage": "Stages", "end_reason": "Reasons for the end", "metric": "Names of metrics",
}  # fmt: skip


def noun(plan: Plan) -> str:
    """What is counted."""
    return {"metrics": "number", "applications": "application", "postings": "posting"}[plan.mapping.kind]


def draw(view: View, source: SourceFile, plan: Plan) -> None:
    """The preview."""
    for question in plan.questions:
        st.warning(_QUESTIONS[question], icon=":material/help:")
    with st.container(horizontal=True):
        for label, number in (("New", plan.new), ("Changed", plan.changed), ("Unchanged", plan.unchanged)):
            st.metric(label, f"{number:,}", border=True)
        st.metric("Rows rejected", f"{plan.rejected:,}", border=True, help=f"Of {plan.rows:,} rows in the file.")
    _about(plan)
    for note in plan.notes:
        st.caption(words.plain(note))
    _reasons(plan)
    _changes(plan)
    _unknown(plan)
    for name, listed in plan.words.items():
        if listed:
            _words(view, source, plan, name)


def _about(plan: Plan) -> None:
    parts = []
    if plan.first_day and plan.last_day:
        parts.append(f"{figures.day(plan.first_day)} – {figures.day(plan.last_day)}")
    if plan.mapping.kind == "metrics" and plan.mapping.platform:
        parts.append(BY_KEY[plan.mapping.platform].label)
    parts += [f"{label}: {amount}" for label, amount in plan.totals]
    if parts:
        st.markdown(" · ".join(words.plain(part) for part in parts))


def _reasons(plan: Plan) -> None:
    rows = [
        (reason, entry["cells"], ", ".join(_example(example) for example in entry["examples"]))
        for reason, entry in plan.rejections.items()
    ]
    if rows:
        st.markdown("**Left out, and why**")
        _frame(rows, ("Reason", "Cells", "For example"), "import_reasons")


def _example(example: dict[str, object]) -> str:
    value = f": {example['value']}" if example["value"] else ""
    return f"row {example['row']}{value}"


def _changes(plan: Plan) -> None:
    if plan.changes:
        st.markdown("**Changed**" if plan.changed <= len(plan.changes) else f"**Changed** (first {len(plan.changes)})")
        rows = [(change.what, change.before, change.after) for change in plan.changes]
        _frame(rows, ("What", "Before", "After"), "import_changes")


def _unknown(plan: Plan) -> None:
    if plan.unknown_postings:
        st.markdown(
            "**Postings we do not know yet.** Their applications are kept, and count without a posting. Once you"
            " make a posting with that requisition, or the only one of that title, they belong to it."
        )
        _frame(plan.unknown_postings, ("Requisition", "Title", "Applications"), "import_unknown")
        st.page_link("pages/Postings.py", label="Make postings", icon=":material/work:")


def _words(view: View, source: SourceFile, plan: Plan, name: str) -> None:
    """What the file's own words stand for; a change is taken into the mapping, and previewed again."""
    listed = sorted(plan.words[name], key=lambda word: not word.is_unknown)
    unknown = [word for word in listed if word.is_unknown]
    if unknown:
        some = ", ".join(f"“{words.plain(word.text)}”" for word in unknown[:5])
        many = sum(word.rows for word in unknown)
        st.warning(
            f"We do not know what {some}{' and others' if len(unknown) > 5 else ''}"
            f" {'stands' if len(unknown) == 1 else 'stand'} for, in {words.counted(many, 'row')}. Say so below: it is"
            " remembered. Until then those applications stand where their dates have them.",
            icon=":material/translate:",
        )
    meanings = {
        "source": [platform.key for platform in PLATFORMS],
        "stage": ["", *_STAGES],
        "end_reason": ["", *_ENDS],
        "metric": ["", *FILE_METRICS],
    }[name]
    with st.expander(
        f"{_TITLES[name]} in the file ({len(listed)})", icon=":material/translate:", expanded=bool(unknown)
    ):
        text = st.selectbox("Word in the file", [word.text for word in listed], key=f"import_word_{name}")
        picked = next(word for word in listed if word.text == text)
        with st.form(f"import_meaning_{name}", border=False):
            meaning = st.selectbox(
                "Stands for",
                meanings,
                index=meanings.index(picked.meaning) if picked.meaning in meanings else 0,
                format_func=lambda one: _meaning(name, one),
                key=f"import_meaning_{name}_{text}",
            )
            if st.form_submit_button("Change"):
                _keep(view, source, name, (text, meaning))
        rows = [(word.text or "(blank)", word.rows, _meaning(name, word.meaning)) for word in listed]
        _frame(rows, ("Word", "Rows", "Stands for"), f"import_words_{name}")


def _keep(view: View, source: SourceFile, name: str, said: tuple[str, str]) -> None:
    """Remember a word's meaning, and preview anew."""
    text, meaning = said
    if name in _COMPANYS:
        try:
            set_stage_word(running_store(), view.viewer, text, meaning, now=datetime.now(UTC))
        except ValueError as error:
            st.error(words.plain(str(error)), icon=":material/error:")
            return
        st.session_state[AGAIN] = True
    else:
        import_mapping.set_word(source, _KEPT[name], text, meaning)
    st.rerun()


def _meaning(name: str, meaning: str) -> str:
    if not meaning:
        return "left out" if name == "metric" else "told by the dates"
    if name == "source":
        return BY_KEY[meaning].label
    return BY_NAME[meaning].label if name == "metric" else meaning.capitalize()


def _frame(rows: Sequence[tuple[object, ...]], headers: tuple[str, ...], key: str) -> None:
    st.dataframe(pd.DataFrame(rows, columns=list(headers)), hide_index=True, key=key)
