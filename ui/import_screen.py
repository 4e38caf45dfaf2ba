"""A file's way in: drop, map, preview, import. Each step shows only what the one before has settled."""

from datetime import UTC, datetime

import streamlit as st

from actions.imports import (
    FileMapping,
    FileRefused,
    Inspection,
    Plan,
    SourceFile,
    inspect_file,
    plan_import,
    run_import,
)
from actions.running import running_store
from ui import import_mapping, import_preview, words
from ui.shell import View

_PLAN = "import_plan_made"
_LOOK = "import_look_taken"
_ROUND = "import_round"
_DONE = "import_done"
TYPES = ["csv", "tsv", "txt", "xlsx", "xlsm"]


def draw(view: View) -> None:
    """The steps for one file."""
    _say_done()
    st.markdown(
        "Drop an export of a platform's numbers **by day**, of your applicant system's applications, or a list of your "
        "postings. "
        "Nothing is stored before you have seen what would change."
    )
    dropped = st.file_uploader(
        "CSV or Excel file", type=TYPES, key=f"import_file_{st.session_state.get(_ROUND, 0)}", max_upload_size=200
    )
    if dropped is None:
        st.session_state.pop(_PLAN, None)
        st.session_state.pop(_LOOK, None)
        return
    source = SourceFile(dropped.name, dropped.getvalue())
    try:
        look = _look(view, source)
        mapping = import_mapping.draw(source, look)
        _steps(view, source, mapping)
    except FileRefused as refusal:
        st.error(words.plain(str(refusal)), icon=":material/error:")


def _look(view: View, source: SourceFile) -> Inspection:
    """The first look at the file, taken once for each of its sheets and readings."""
    asked = import_mapping.asked(source)
    key = (source.sha256, *asked)
    held: tuple[object, Inspection] | None = st.session_state.get(_LOOK)
    if held and held[0] == key:
        return held[1]
    sheet, kind = asked
    look = inspect_file(running_store(), view.viewer, source, sheet=sheet, kind=kind, now=datetime.now(UTC))
    st.session_state[_LOOK] = (key, look)
    return look


def _steps(view: View, source: SourceFile, mapping: FileMapping) -> None:
    is_wanted = st.button("Preview", key="import_preview", type="secondary", icon=":material/preview:")
    if is_wanted or st.session_state.pop(import_preview.AGAIN, False):
        with st.spinner("Reading the whole file …"):
            plan = plan_import(running_store(), view.viewer, source, mapping, now=datetime.now(UTC))
        st.session_state[_PLAN] = plan
    made: Plan | None = st.session_state.get(_PLAN)
    if made is None or made.file_hash != source.sha256:
        return
    if made.mapping != mapping:
        st.info("The settings have changed. Press Preview again.", icon=":material/refresh:")
        return
    import_preview.draw(view, source, made)
    _import(view, source, made)


def _import(view: View, source: SourceFile, plan: Plan) -> None:
    label = f"Import {words.counted(plan.new + plan.changed, import_preview.noun(plan))}"
    if not st.button(label, key="import_run", type="primary", disabled=not plan.can_import, icon=":material/upload:"):
        return
    bar = st.progress(0.0, "Importing …")

    def show(share: float) -> None:
        bar.progress(share, "Importing …")

    done = run_import(running_store(), view.viewer, source, plan, progress=show)
    st.session_state[_DONE] = (
        f"Imported {words.plain(source.name)}: {done.inserted:,} new, {done.updated:,} changed, "
        f"{done.unchanged:,} unchanged, {words.counted(done.rejected, 'row')} rejected."
    )
    # A new round empties the uploader: the file is done with.
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    import_mapping.forget()
    st.session_state.pop(_PLAN, None)
    st.rerun()


def _say_done() -> None:
    said = st.session_state.pop(_DONE, "")
    if said:
        st.toast(said, icon=":material/check_circle:")
        st.success(said, icon=":material/check_circle:")
