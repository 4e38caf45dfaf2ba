"""Where one posting is published: how it stands on each platform, and for admins what can be done about it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from actions import publishing
from actions.publishing import Asked
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from connectors.publishing import Publisher
from connectors.registry import find_connector
from settings import current
from store.reports.outbox import UNDER_WAY, Presence, list_presences
from store.reports.postings import PostingRow
from ui import data, posting_adverts, shell, toasts, words
from ui.shell import View
from ui.words import StateWords

_REFRESH_SECONDS = 2
#: What was refused before anything was sent, by connection, until it is asked again.
_PROBLEMS = "publishing_problems"
_NONE = "No boost"
_STANDINGS = {
    "live": StateWords("Live", "green", ":material/check_circle:", "The platform shows it."),
    "pending": StateWords(
        "Being reviewed", "orange", ":material/hourglass_top:", "The platform has it and does not show it yet."
    ),
    "closed": StateWords("Closed", "gray", ":material/lock:", "It was taken off."),
    "rejected": StateWords("Refused", "red", ":material/block:", "The platform has it and will not show it."),
    "": StateWords("Not published", "gray", ":material/radio_button_unchecked:", "It was never published there."),
}
_SAYINGS = {
    "waiting": StateWords("Waiting", "orange", ":material/hourglass_top:", "It is sent in a moment."),
    "sending": StateWords("Sending", "orange", ":material/sync:", "It is being sent now."),
    "unknown": StateWords(
        "Being looked up",
        "orange",
        ":material/manage_search:",
        "It was sent and no answer came. It is looked up at the platform before anything is sent again.",
    ),
    "refused": StateWords("Refused", "red", ":material/error:", "The platform does not accept it as it is."),
    "dead": StateWords("Given up", "red", ":material/error:", "It could not be sent after many attempts."),
}


def draw(view: View, row: PostingRow) -> None:
    """The part of a posting's card about platforms."""
    with data.session() as session:
        presences = _publishable(list_presences(session, view.company, row.id))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**Published on**", width="content")
        if view.viewer.is_admin and st.button("Advert", key=f"advert_{row.number}_open", icon=":material/article:"):
            posting_adverts.open_form(view, row)
    if not presences:
        st.caption("No connection can publish. Connect ZipRecruiter, Indeed Job Sync or Monster.")
        if view.viewer.is_admin and shell.has_page("pages/Platforms.py"):
            st.page_link("pages/Platforms.py", label="Connect a platform", icon=":material/hub:", width="content")
        return
    busy = _is_busy(presences)
    st.fragment(_rows, run_every=_REFRESH_SECONDS if busy else None)(view, row, busy)


def _is_busy(presences: list[Presence]) -> bool:
    return any(presence.saying is not None and presence.saying.state in UNDER_WAY for presence in presences)


def _publishable(presences: list[Presence]) -> list[Presence]:
    return [presence for presence in presences if _publisher(presence) is not None]


def _publisher(presence: Presence) -> type[Publisher[Any]] | None:
    kind = find_connector(presence.connector)
    if kind is None or not issubclass(kind, Publisher) or not kind.publishes(presence.settings):
        return None
    return kind


def _rows(view: View, row: PostingRow, is_watching: bool) -> None:
    """A line for each connection, read anew on every refresh."""
    view = shell.again(view)
    with data.session() as session:
        presences = _publishable(list_presences(session, view.company, row.id))
    if _is_busy(presences) and not is_watching:
        # A fragment's clock is set when the page runs.
        st.rerun()
    for presence in presences:
        with st.container(key=f"presence_{row.number}_{presence.config_id.hex[-8:]}", gap="small"):
            _line(view, row, presence)
            _trouble(view, presence)


def _line(view: View, row: PostingRow, presence: Presence) -> None:
    kind = _publisher(presence)
    if kind is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{kind.icon} {words.plain(presence.connection)}", width="content")
        said = state_of(presence)
        st.badge(said.label, icon=said.icon, color=said.color, help=said.meaning)
        if view.viewer.is_admin and presence.is_active:
            _buttons(view, row, presence, kind)


def state_of(presence: Presence) -> StateWords:
    """What is under way or went wrong, else how the posting stands there."""
    saying = presence.saying
    if saying is not None and saying.state in _SAYINGS:
        return _SAYINGS[saying.state]
    return _STANDINGS.get(presence.status, _STANDINGS[""])


def _buttons(view: View, row: PostingRow, presence: Presence, kind: type[Publisher[Any]]) -> None:
    key = f"{row.number}_{presence.config_id.hex[-8:]}"
    saying, stands = presence.saying, presence.status in {"live", "pending", "rejected"}
    if saying is not None and saying.state in {"waiting", "unknown", "dead"} and saying.cause_code:
        st.button("Try now", key=f"again_{key}", icon=":material/refresh:", on_click=_again, args=(view, row, presence))
    boost = ""
    if kind.boosts and row.status == "open" and not stands:
        chosen = st.selectbox(
            "Boost",
            (_NONE, *kind.boosts),
            key=f"boost_{key}",
            label_visibility="collapsed",
            width=140,
            help="Shown more often. The platform may charge for it, and it cannot be taken back.",
        )
        boost = "" if chosen == _NONE else chosen
    if row.status == "open":
        label = "Update" if stands else "Publish"
        icon = ":material/sync:" if stands else ":material/campaign:"
        st.button(label, key=f"publish_{key}", icon=icon, on_click=_publish, args=(view, row, presence, boost))
    if stands or (saying is not None and saying.state in UNDER_WAY and saying.kind != "close"):
        st.button(
            "Take off", key=f"unpublish_{key}", icon=":material/lock:", on_click=_close, args=(view, row, presence)
        )


def _trouble(view: View, presence: Presence) -> None:
    """Why it is not as it should be: our field and the platform's words, the cause and its cure."""
    missing = st.session_state.get(_PROBLEMS, {}).get(str(presence.config_id))
    if missing:
        st.error(f"Nothing was sent.\n\n{posting_adverts.tell(missing)}", icon=":material/error:")
    saying = presence.saying
    if saying is not None and saying.state == "refused":
        st.error(posting_adverts.tell(saying.problems) or words.plain(saying.detail), icon=":material/error:")
    elif saying is not None and saying.cause_code and saying.state in {*UNDER_WAY, "dead"}:
        found = words.cause_words(saying.cause_code)
        later = f" It is tried again {view.moment(saying.next_attempt_at)}." if saying.state != "dead" else ""
        if found:
            st.warning(f"{found.words} {found.cure}{later}", icon=":material/warning:")
        if saying.detail:
            st.text(saying.detail)
    elif presence.status_detail:
        st.text(presence.status_detail)
    elif presence.is_outdated:
        st.caption("Changed here since it was sent. Press Update to send it again.")


def _publish(view: View, row: PostingRow, presence: Presence, boost: str) -> None:
    asked = _tried(
        lambda: publishing.publish(
            running_store(), current(), view.viewer, row.id, presence.config_id, boost=boost, now=datetime.now(UTC)
        )
    )
    held = dict(st.session_state.get(_PROBLEMS, {}))
    held[str(presence.config_id)] = dict(asked.problems) if asked else {}
    st.session_state[_PROBLEMS] = held


def _close(view: View, row: PostingRow, presence: Presence) -> None:
    _tried(
        lambda: publishing.close(
            running_store(), current(), view.viewer, row.id, presence.config_id, now=datetime.now(UTC)
        )
    )


def _again(view: View, row: PostingRow, presence: Presence) -> None:
    _tried(lambda: publishing.again(running_store(), view.viewer, row.id, presence.config_id, now=datetime.now(UTC)))


def _tried(do: Callable[[], Asked | None]) -> Asked | None:
    """Do it, or say why it cannot be done."""
    try:
        return do()
    except (NotAllowed, NotFound, ValueError) as error:
        toasts.later(words.plain(str(error)), icon=":material/error:")
        return None
