"""Passwords: what is accepted, and how they are kept and checked.

bcrypt reads 72 bytes at most, so it is given a fixed-length digest of the whole password, keyed by the hash's own salt.
"""

import base64
import hashlib
import hmac
import re
import threading
import unicodedata
from pathlib import Path

import bcrypt

COST = 12
MIN_LENGTH = 12
MAX_LENGTH = 128
#: Checking a password costs a quarter of a second of one core; more at once would starve the pages.
_CHECKING = threading.BoundedSemaphore(2)
_PREFIX = "v1"
#: Checked for unknown users, so that they take as long as known ones. Nothing hashes to it.
_NOBODY = "v1$2b$12$OVFSP/RAG2u5.sLDegf6q.HHXqqNa09.yCvGgdyBp5iB3wRXPed0i"

#: Words people make passwords of; what is left after digits, signs and "leet" spelling is looked up here.
_COMMON_STEMS = frozenset((Path(__file__).parent / "common_passwords.txt").read_text("utf-8").split())
_ROWS = ("0123456789012345678901234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiop")
_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})


class WeakPassword(ValueError):
    """The password is refused; the text says why, for the person choosing it."""


def require_good_password(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Raises WeakPassword unless the length is 12 to 128 and nobody would guess it. Any composition is fine.

    `about` are words an attacker knows: the e-mail, the name, the company.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(f"Use at least {MIN_LENGTH} characters; a few words in a row are easy to remember.")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"Use at most {MAX_LENGTH} characters.")
    if password != password.strip():
        raise WeakPassword("A password cannot begin or end with a space.")
    if _is_common(password.casefold()):
        raise WeakPassword("That password is on every attacker's list. Choose another one.")
    known = {word for text in about for word in re.split(r"[\W_]+", text.casefold()) if len(word) >= 4}
    rest = password.casefold()
    for word in sorted(known, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < MIN_LENGTH // 2:
        raise WeakPassword("Do not build the password from your name, e-mail or company.")


def _is_common(password: str) -> bool:
    if len(set(password)) < 5 or any(password in row * 2 or password in (row * 2)[::-1] for row in _ROWS):
        return True
    for half in range(1, len(password) // 2 + 1):
        if len(password) % half == 0 and half < 4 and password == password[:half] * (len(password) // half):
            return True
    stems = {re.sub(r"[\d\W_]+", "", password), re.sub(r"[\d\W_]+", "", password.translate(_LEET))}
    trimmed = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", password)
    stems |= {trimmed, trimmed.translate(_LEET)}
    return bool(stems & _COMMON_STEMS)


def hash_password(password: str) -> str:
    """The stored form: `v1` and a bcrypt hash of cost 12."""
    salt = bcrypt.gensalt(COST)
    return _PREFIX + bcrypt.hashpw(_digest(password, salt), salt).decode("ascii")


def verify_password(password: str, stored: str) -> bool:
    """Whether `password` is the one behind `stored`. An empty `stored` costs the same time and is never right."""
    is_known = stored.startswith(_PREFIX + "$2")
    digest = (stored if is_known else _NOBODY).removeprefix(_PREFIX).encode("ascii")
    if len(password) > MAX_LENGTH:
        password, is_known = "", False
    with _CHECKING:
        return bcrypt.checkpw(_digest(password, digest[:29]), digest) and is_known


def needs_new_hash(stored: str) -> bool:
    """Whether the stored form is older than what `hash_password` makes now."""
    return not stored.startswith(f"{_PREFIX}$2b${COST}$")


def _digest(password: str, salt: bytes) -> bytes:
    exact = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.new(salt, exact, hashlib.sha256).digest())
