"""What the applicant system's words for stages stand for: seen, changed and forgotten."""

from datetime import UTC, datetime

import streamlit as st

from actions.applicants import set_stage_word
from actions.running import running_store
from actions.viewer import NotAllowed
from domain.stages import STAGES
from store.reports.stages import list_stage_words
from ui import data, tables, toasts, words
from ui.shell import View
from ui.tables import Column, Table

NONE = "No stage of ours"


def draw(view: View) -> None:
    """The words, a form for one, and forgetting the one that is chosen."""
    with data.session() as session:
        known = list_stage_words(session, view.company.id)
    st.markdown(
        "What your applicant system calls a stage, and which of ours it is. It holds for imports **from now on**; what"
        " was imported before stays as it is until it is imported again."
    )
    if known:
        table = Table(
            (Column("The system's words", width="medium"), Column("Stand for")),
            tuple((text, stage.capitalize() or NONE) for text, stage in known.items()),
        )
        chosen = tables.choose(table, key="stage_words", alt="Words for stages")
        if chosen is not None:
            text = list(known)[chosen]
            st.button("Forget these words", key="forget_word", icon=":material/delete:", on_click=_keep,
                      args=(view, text, None))  # fmt: skip
    with st.form("stage_word", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input("The system's words", key="stage_word_text", max_chars=200, width=280)
        stage = st.selectbox("Stand for", [*STAGES, ""], format_func=meaning, key="stage_word_stage", width=200)
        if st.form_submit_button("Keep", icon=":material/check:"):
            _keep(view, text, stage)
            st.rerun()


def meaning(stage: str) -> str:
    """A stage, or that there is none."""
    return stage.capitalize() or NONE


def _keep(view: View, text: str, stage: str | None) -> None:
    try:
        kept = set_stage_word(running_store(), view.viewer, text, stage, now=datetime.now(UTC))
    except (NotAllowed, ValueError) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return
    said = "is forgotten" if stage is None else f"stands for {meaning(stage)} in imports from now on"
    toasts.later(f"“{words.plain(kept)}” {said}.", icon=":material/translate:")
