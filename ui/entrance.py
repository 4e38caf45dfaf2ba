"""What strangers see: the sign-in form, and on a fresh installation the form that makes the first admin."""

import html
import secrets
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import streamlit as st
from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController

from actions import sign_in, users
from actions.passwords import MIN_LENGTH, WeakPassword
from actions.viewer import Viewer
from store.opening import Store
from store.tables import Company, User

_TICKET = "sign_in_ticket"
_REFUSED = "sign_in_refused"
#: streamlit-authenticator's own secret; nothing is kept under it, so it need not outlive the process.
_PROCESS_KEY = secrets.token_hex(32)
_CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY", "INR", "SEK", "NOK", "DKK", "PLN", "BRL", "MXN")
_ZONE = "Your days begin and end by it, in every number. It stays as you choose it now."
_CURRENCY = "Of rewards, and of files that name none. What platforms charge keeps its own."


class _NoCookie:
    """Stands where streamlit-authenticator keeps its cookie, which scripts could read and nobody could revoke."""

    def get_cookie(self) -> None:
        """There is none."""

    def set_cookie(self) -> None:
        """None is set."""

    def delete_cookie(self) -> None:
        """None is left."""


class _Form(Authenticate):  # type: ignore[misc]
    """streamlit-authenticator's form and flow; the check is ours: exact above 72 bytes, same time for strangers."""

    def __init__(self, store: Store, *, visit: str, address: str) -> None:
        # Not the parent's: it would draw the frame of its cookie component, cookie or not.
        self.api_key, self.path, self.secret_key = None, None, _PROCESS_KEY
        self.attrs: dict[str, Any] = {"login_sleep_time": 0}
        self.cookie_controller = _NoCookie()
        self.authentication_controller = AuthenticationController(
            {"usernames": {}}, None, False, None, None, _PROCESS_KEY, None
        )
        self._store, self._visit, self._address = store, visit, address
        self.model = self.authentication_controller.authentication_model
        self.model.check_credentials = self._check

    def _check(self, username: str, password: str) -> bool:
        """Puts only the asked user's row before the library, and only once the password is right."""
        st.session_state.pop(_REFUSED, None)
        now = datetime.now(UTC)
        try:
            viewer = sign_in.check_password(self._store, username, password, address=self._address, now=now)
        except (sign_in.WrongCredentials, sign_in.Throttled) as error:
            st.session_state[_REFUSED] = str(error)
            return False
        row = {"email": viewer.email, "name": viewer.name, "roles": [viewer.role], "logged_in": False}
        self.model.credentials["usernames"][username] = row
        st.session_state[_TICKET] = sign_in.make_ticket(self._store, viewer, visit=self._visit, now=now)
        return True


def sign_in_form(store: Store, *, visit: str, address: str) -> None:
    """E-mail and password; on success the browser fetches its cookie and comes back to the page it asked for."""
    with _narrow():
        if not visit:
            st.error("Sourceboard needs cookies to sign you in. Allow them for this site and reload.")
            return
        form = _Form(store, visit=visit, address=address)
        labels = {"Form name": "Sign in to Sourceboard", "Username": "E-mail", "Password": "Password"}
        if not _draw_ticket():
            form.login(fields={**labels, "Login": "Sign in"}, key="sign_in")
            if not _draw_ticket() and (refused := st.session_state.get(_REFUSED)):
                st.error(refused, icon=":material/error:")
                st.caption("Have you forgotten your password? Whoever runs Sourceboard can set a new one.")


def set_up_form(store: Store, token: str, *, visit: str) -> None:
    """The company and its first admin, once, for whoever holds the link."""
    now = datetime.now(UTC)
    with _narrow():
        if _draw_ticket():
            return
        if not users.is_setup_link(store, token, now=now):
            st.error("This set-up link was used already or is too old. Make a new one with: manage.py setup-link")
            return
        st.subheader("Set up Sourceboard")
        with st.form("set_up", border=True):
            company = Company(
                name=st.text_input("Company"),
                time_zone=st.selectbox("Time zone", sorted(available_timezones()), index=_zone_index(), help=_ZONE),
                currency=st.selectbox("Currency", _CURRENCIES, accept_new_options=True, help=_CURRENCY) or "",
                number=1,
            )
            email, name = st.text_input("Your e-mail"), st.text_input("Your name")
            help_text = f"At least {MIN_LENGTH} characters of any kind."
            password = st.text_input("Password", type="password", help=help_text)
            again = st.text_input("Password again", type="password")
            if not st.form_submit_button("Create", type="primary"):
                return
        admin = User(company_id=company.id, email=email, name=name, role="admin")
        viewer = _set_up(store, token, (company, admin), password=password, again=again, now=now)
        if viewer is not None:
            st.session_state[_TICKET] = sign_in.make_ticket(store, viewer, visit=visit, now=now)
            _draw_ticket()


def awaiting_set_up() -> None:
    """A fresh installation, visited without the link."""
    with _narrow():
        st.subheader("Sourceboard is not set up yet")
        st.write("The set-up link stands in the output of the program. `manage.py setup-link` prints a new one.")


def _set_up(
    store: Store, token: str, made: tuple[Company, User], *, password: str, again: str, now: datetime
) -> Viewer | None:
    if password != again:
        st.error("The two passwords differ.")
        return None
    try:
        return users.set_up(store, token, *made, password=password, now=now)
    except (users.NotAccepted, WeakPassword, users.LinkSpent) as error:
        st.error(str(error))
        return None


def _draw_ticket() -> bool:
    """Sends the browser to fetch its cookie when there is a ticket. A ticket is good once, so it is forgotten here."""
    ticket = st.session_state.pop(_TICKET, "")
    if not ticket:
        # Without a ticket the form is shown, whatever streamlit-authenticator remembers of an earlier one.
        st.session_state["authentication_status"] = None
        return False
    st.html(
        f'<script src="/auth/enter.js" data-ticket="{html.escape(ticket, quote=True)}"></script>',
        unsafe_allow_javascript=True,
    )
    st.write("Signing you in …")
    return True


def _narrow() -> Any:
    return st.columns([1, 2, 1])[1]


def _zone_index() -> int:
    zones = sorted(available_timezones())
    told = st.context.timezone or "UTC"
    return zones.index(told) if told in zones else zones.index("UTC")
