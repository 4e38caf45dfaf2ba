"""Secrets at rest: the AES-256-GCM envelope, keyed digests, and the canary that proves the key at start.

stored = v1.<kid>.<nonce>.<ciphertext and tag>, the last two in URL-safe base64 without padding
AAD    = each of "sb-cred", "v1", kid, table, row id, column, behind its length in four bytes
key    = HKDF-SHA256(master of kid, info "sb/credential/aes256gcm/v1")
"""

import base64
import binascii
import hmac
import os
import re
import unicodedata
import uuid
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from store.engine import is_sqlite
from store.errors import StartError, StoreError
from store.keyring import Keyring
from store.tables import AppMeta

VERSION = "v1"
NONCE_BYTES = 12
_NONCE_LETTERS = NONCE_BYTES * 4 // 3
CANARY = "key_canary"
DIGEST_ROOT = "digest_root"
_CANARY_TEXT = "sourceboard"
_CREDENTIAL_INFO = b"sb/credential/aes256gcm/v1"
_PURPOSE = re.compile(r"[a-z][a-z0-9-]{0,31}")
#: Purposes whose texts people type: the same address in other letters is the same address.
_FOLDED = frozenset({"email-bidx", "sign-in"})


class VaultError(StoreError):
    """A sealed value cannot be opened."""


class KeyMissing(VaultError):
    """The value was sealed with a key that is not in the keyring."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"The encryption key {kid} is missing. Add it to ENCRYPTION_KEY behind the first one.")
        self.kid = kid


class Tampered(VaultError):
    """The value was changed, or belongs to another row or column."""


class Vault:
    """Seals, opens and digests. `check_canary` must have run once before the first digest."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._root: bytes | None = None
        self._cipher = lru_cache(maxsize=32)(self._make_cipher)
        self._begun_digest = lru_cache(maxsize=64)(self._begin_digest)

    def seal(self, table: str, row_id: uuid.UUID | str, column: str, plaintext: str) -> str:
        """The envelope of `plaintext`, good only in that column of that row."""
        kid, nonce = self.keyring.writer, os.urandom(NONCE_BYTES)
        box = self._cipher(kid).encrypt(nonce, plaintext.encode(), _bound_to(kid, table, row_id, column))
        return f"{VERSION}.{kid}.{_encode(nonce)}.{_encode(box)}"

    def sealer(self, table: str, column: str) -> Callable[[str, str], str]:
        """`seal` for one column of many rows: takes row ids as `str` spells them, and plaintexts."""
        kid = self.keyring.writer
        encrypt, head = self._cipher(kid).encrypt, f"{VERSION}.{kid}."
        before, after = _prefixed("sb-cred", VERSION, kid, table), _prefixed(column)

        def seal(row_id: str, plaintext: str) -> str:
            nonce = os.urandom(NONCE_BYTES)
            box = encrypt(nonce, plaintext.encode(), before + _prefixed_one(row_id) + after)
            # The nonce fills its letters: both in one go are spelled as each by itself.
            letters = _encode(nonce + box)
            return f"{head}{letters[:_NONCE_LETTERS]}.{letters[_NONCE_LETTERS:]}"

        return seal

    def open(self, table: str, row_id: uuid.UUID | str, column: str, stored: str) -> str:
        """The plaintext of an envelope. Raises KeyMissing for an unknown kid, Tampered for everything else."""
        version, kid, nonce, box = _parted(stored)
        if version != VERSION or len(nonce) != NONCE_BYTES:
            raise Tampered("A stored secret is not in the agreed form.")
        if kid not in self.keyring.masters:
            raise KeyMissing(kid)
        try:
            return self._cipher(kid).decrypt(nonce, box, _bound_to(kid, table, row_id, column)).decode()
        except (InvalidTag, UnicodeDecodeError) as error:
            raise Tampered("A stored secret was changed, or moved from another place.") from error

    def opener(self, table: str, column: str) -> Callable[[str, str], str]:
        """`open` for one column of many rows: takes row ids as `str` spells them, and envelopes."""
        kid = self.keyring.writer
        decrypt, head = self._cipher(kid).decrypt, f"{VERSION}.{kid}."
        before, after = _prefixed("sb-cred", VERSION, kid, table), _prefixed(column)
        start, dot = len(head), len(head) + _NONCE_LETTERS

        def opened(row_id: str, stored: str) -> str:
            if not stored.startswith(head) or stored[dot : dot + 1] != ".":
                return self.open(table, row_id, column, stored)
            try:
                data = _decode(stored[start:dot] + stored[dot + 1 :])
                bound = before + _prefixed_one(row_id) + after
                return decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound).decode()
            except (InvalidTag, ValueError):
                # What it is that is wrong is told there.
                return self.open(table, row_id, column, stored)

        return opened

    def digest(self, purpose: str, text: str) -> str:
        """HMAC-SHA256 in hex under a key of this purpose's own: stable over key rotation, useless to others.

        E-mail addresses (`email-bidx`, `sign-in`) are the same in any case and Unicode form.
        """
        if purpose in _FOLDED:
            text = _folded(text)
        # Copying a begun digest takes half the time of beginning one.
        digest = self._begun_digest(purpose).copy()
        digest.update(text.encode())
        return digest.hexdigest()

    def check_canary(self, session: Session, *, plant: bool = False) -> None:
        """Prove that the keyring is the one this database was written with, and load the root of digests.

        With `plant`, a database without a canary gets one. Raises StartError naming the key that is missing.
        """
        stored = _proof_in(session)
        if not stored and plant:
            self._plant(session)
            stored = _proof_in(session)
        if len(stored) < 2:
            raise StartError("The database holds no proof of its encryption key. Restore it from a backup.")
        try:
            canary = self.open("app_meta", CANARY, "value", stored[CANARY])
            root = base64.b64decode(self.open("app_meta", DIGEST_ROOT, "value", stored[DIGEST_ROOT]))
        except KeyMissing as error:
            raise StartError(f"{error} Nothing was changed.") from error
        except Tampered as error:
            raise StartError(
                f"The encryption key {kid_of(stored[CANARY])} is not the one this database was written with. "
                "Start with the right key; nothing was changed."
            ) from error
        if canary != _CANARY_TEXT or len(root) != 32:
            raise StartError("The proof of the encryption key is damaged. Restore the database from a backup.")
        self._root = root
        self._begun_digest.cache_clear()

    def _plant(self, session: Session) -> None:
        """Of two processes that plant at once, the second waits for the first and leaves everything as it found it."""
        root = base64.b64encode(os.urandom(32)).decode()
        planted = {
            CANARY: self.seal("app_meta", CANARY, "value", _CANARY_TEXT),
            DIGEST_ROOT: self.seal("app_meta", DIGEST_ROOT, "value", root),
        }
        insert = sqlite.insert if is_sqlite(session) else postgresql.insert
        rows = [{"key": key, "value": value} for key, value in planted.items()]
        session.execute(insert(AppMeta).values(rows).on_conflict_do_nothing())

    def _make_cipher(self, kid: str) -> AESGCM:
        return AESGCM(_derived(self.keyring.masters[kid], _CREDENTIAL_INFO))

    def _begin_digest(self, purpose: str) -> hmac.HMAC:
        if not _PURPOSE.fullmatch(purpose):
            raise ValueError(f"not the name of a purpose: {purpose!r}")
        if self._root is None:
            raise VaultError("The vault is not open: check_canary has not run.")
        return hmac.new(_derived(self._root, f"sb/{purpose}/hmac-sha256/v1".encode()), digestmod="sha256")


def kid_of(stored: str) -> str:
    """The kid an envelope was sealed with. Raises Tampered where it is none."""
    return _parted(stored)[1]


def _proof_in(session: Session) -> dict[str, str]:
    """Canary and root, as far as they are there: asked for at once, for somebody else may be planting both."""
    rows = session.exec(select(AppMeta.key, AppMeta.value).where(col(AppMeta.key).in_((CANARY, DIGEST_ROOT))))
    return dict(rows.all())


def _folded(text: str) -> str:
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())


def _derived(master: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(master)


def _bound_to(kid: str, table: str, row_id: uuid.UUID | str, column: str) -> bytes:
    return _prefixed("sb-cred", VERSION, kid, table) + _prefixed_one(str(row_id)) + _prefixed(column)


@lru_cache(maxsize=256)
def _prefixed(*parts: str) -> bytes:
    """Parts that come again and again, each behind its length."""
    return b"".join(_prefixed_one(part) for part in parts)


def _prefixed_one(part: str) -> bytes:
    encoded = part.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _encode(data: bytes) -> str:
    # As base64.urlsafe_b64encode spells it, at a third of its time.
    return binascii.b2a_base64(data, newline=False).decode().rstrip("=").replace("+", "-").replace("/", "_")


def _decode(text: str) -> bytes:
    data = binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    # Letters that mean nothing, too.
    if _encode(data) != text:
        raise ValueError("not the one spelling of these bytes")
    return data


def _parted(stored: str) -> tuple[str, str, bytes, bytes]:
    try:
        version, kid, nonce, box = stored.split(".")
        return version, kid, _decode(nonce), _decode(box)
    except (ValueError, binascii.Error) as error:
        raise Tampered("A stored secret is not in the agreed form.") from error
