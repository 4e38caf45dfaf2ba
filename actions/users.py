"""Companies and users: the first admin by set-up link, others by the operator (`manage.py`)."""

import re
import secrets
import uuid
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from sqlalchemy import func
from sqlmodel import Session, col, select

from actions.passwords import hash_password, require_good_password
from actions.sign_in import normalise_email
from actions.viewer import NotAllowed, NotFound, Viewer, require_admin
from store.engine import Urgency, reading, writing
from store.opening import Store
from store.tables import Company, SetupLink, User
from store.tables.people import ROLES
from store.writes import sessions
from store.writes.audit import Deed, append_audit
from store.writes.in_turn import in_turn

SETUP_LIFE = timedelta(hours=24)
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,255}\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


class NotAccepted(ValueError):
    """Something entered cannot be used; the text says what, for the person who entered it."""


class LinkSpent(Exception):
    """The set-up link was used, is too old, or never was."""


def has_users(store: Store) -> bool:
    """Whether anybody can sign in; a fresh installation has nobody."""
    with reading(store.engine) as session:
        return session.exec(select(User.id).limit(1)).first() is not None


def make_setup_link(store: Store, *, now: datetime) -> str:
    """A token that makes the first admin, once, within a day. Raises NotAllowed when there are users."""
    token = secrets.token_urlsafe(32)
    with writing(store.engine) as session:
        if session.exec(select(User.id).limit(1)).first() is not None:
            raise NotAllowed("Sourceboard is set up already. Add users by manage.py create-user.")
        session.add(SetupLink(token_hash=_link_hash(store, token), created_at=now, expires_at=now + SETUP_LIFE))
    return token


def is_setup_link(store: Store, token: str, *, now: datetime) -> bool:
    """Whether the token can still make the first admin."""
    with reading(store.engine) as session:
        return sessions.has_setup_link(session, _link_hash(store, token), now=now)


def set_up(store: Store, token: str, company: Company, admin: User, *, password: str, now: datetime) -> Viewer:
    """Makes the company and its first admin, spending the link. Of two at once exactly one succeeds.

    Raises LinkSpent, NotAccepted or WeakPassword; then nothing is changed and the link is still good.
    """
    _require_company(company)
    _prepare_user(admin, password, about=(company.name,))
    with writing(store.engine, Urgency.EVENT) as session:
        in_turn(session, "company")
        if not sessions.use_setup_link(session, _link_hash(store, token), now=now):
            raise LinkSpent("This set-up link was used already or is too old. Make a new one: manage.py setup-link")
        if session.exec(select(User.id).limit(1)).first() is not None:
            raise LinkSpent("Sourceboard is set up already. Sign in instead.")
        _add_company(session, company)
        return _add_user(session, company, admin, by="set-up link", now=now)


def add_company(store: Store, company: Company, *, by: str, now: datetime) -> Company:
    """Adds a company and returns it with its number. Raises NotAccepted."""
    _require_company(company)
    with writing(store.engine) as session:
        _add_company(session, company)
        deed = Deed(by, "company.create", str(company.id), company_id=company.id)
        append_audit(session, deed, now=now)
    return company


def add_user(store: Store, company: Company, user: User, *, password: str, by: str, now: datetime) -> Viewer:
    """Adds a user to a company. Raises NotAccepted or WeakPassword. The caller has checked who asks."""
    _prepare_user(user, password, about=(company.name,))
    with writing(store.engine) as session:
        return _add_user(session, company, user, by=by, now=now)


def change_user(store: Store, viewer: Viewer, user_id: uuid.UUID, *, now: datetime, **change: object) -> None:
    """Changes a user's `role` or `is_active`; takes effect at that user's next click, disabling ends the sessions.

    Raises NotAllowed, NotFound, and NotAccepted when the company would be left without an admin.
    """
    require_admin(store, viewer, "user.change", user_id, now=now)
    if not change or not set(change) <= {"role", "is_active"} or change.get("role", ROLES[0]) not in ROLES:
        raise NotAccepted("Only the role and whether the user may sign in can be changed.")
    with writing(store.engine) as session:
        user = session.get(User, user_id)
        if user is None or user.company_id != viewer.company_id:
            raise NotFound("There is no such user.")
        for name, value in change.items():
            setattr(user, name, value)
        session.add(user)
        session.flush()
        admins = select(func.count()).where(
            col(User.company_id) == viewer.company_id, col(User.role) == "admin", col(User.is_active).is_(True)
        )
        if not session.exec(admins).one():
            raise NotAccepted("Somebody has to stay admin.")
        if not user.is_active:
            sessions.end_sessions_of(session, user.id, now=now)
        deed = Deed(viewer.email, "user.change", str(user_id), "ok", viewer.company_id, viewer.address_prefix, change)
        append_audit(session, deed, now=now)


def change_password(
    store: Store, user_id: uuid.UUID, password: str, *, by: str, now: datetime, spare: str = ""
) -> None:
    """Sets a new password and ends the user's other sessions (`spare` is the hash of the one that stays).

    Raises NotFound or WeakPassword.
    """
    with reading(store.engine) as session:
        user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    require_good_password(password, about=(user.name, user.email))
    hashed = hash_password(password)
    with writing(store.engine) as session:
        user = session.get_one(User, user_id)
        user.password_hash, user.password_changed_at = hashed, now
        session.add(user)
        sessions.end_sessions_of(session, user_id, now=now, spare=spare)
        append_audit(session, Deed(by, "user.password", str(user_id), company_id=user.company_id), now=now)


def note_denied(store: Store, viewer: Viewer, target: str, *, now: datetime) -> None:
    """Writes down that a viewer was refused something."""
    with writing(store.engine, Urgency.EVENT) as session:
        deed = Deed(viewer.email, "page.open", target, "denied", viewer.company_id, viewer.address_prefix)
        append_audit(session, deed, now=now)


def find_user(store: Store, email: str) -> User | None:
    """The user with an e-mail, None for nobody."""
    with reading(store.engine) as session:
        return session.exec(select(User).where(col(User.email) == normalise_email(email))).first()


def list_companies(store: Store) -> list[Company]:
    """All companies, oldest first."""
    with reading(store.engine) as session:
        return list(session.exec(select(Company).order_by(col(Company.number))).all())


def _prepare_user(user: User, password: str, *, about: tuple[str, ...]) -> None:
    user.email = normalise_email(user.email)
    user.name = " ".join(user.name.split())
    if not _EMAIL.match(user.email):
        raise NotAccepted("That is not an e-mail address.")
    if not user.name or len(user.name) > 200:
        raise NotAccepted("Enter a name of at most 200 characters.")
    if user.role not in ROLES:
        raise NotAccepted(f"The role is one of {', '.join(ROLES)}.")
    require_good_password(password, about=(user.email, user.name, *about))
    user.password_hash = hash_password(password)


def _require_company(company: Company) -> None:
    company.name = " ".join(company.name.split())
    if not company.name or len(company.name) > 200:
        raise NotAccepted("Enter the company's name, at most 200 characters.")
    if company.time_zone not in available_timezones():
        raise NotAccepted("Choose a time zone such as Europe/Amsterdam.")
    if not _CURRENCY.match(company.currency):
        raise NotAccepted("A currency has three letters, such as EUR.")


def _add_company(session: Session, company: Company) -> None:
    in_turn(session, "company")
    company.number = (session.exec(select(func.max(Company.number))).one() or 0) + 1
    session.add(company)
    session.flush()


def _add_user(session: Session, company: Company, user: User, *, by: str, now: datetime) -> Viewer:
    in_turn(session, "user", user.email)
    if session.exec(select(User.id).where(col(User.email) == user.email)).first() is not None:
        raise NotAccepted("Somebody signs in with that e-mail already.")
    user.company_id = company.id
    user.created_at = user.password_changed_at = now
    session.add(user)
    session.flush()
    deed = Deed(by, "user.create", str(user.id), "ok", company.id, "", {"role": user.role})
    append_audit(session, deed, now=now)
    return Viewer(user.id, company.id, user.role, user.name, user.email)


def _link_hash(store: Store, token: str) -> str:
    return store.vault.digest("session-hmac", f"setup:{token}")
