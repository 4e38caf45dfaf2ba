"""The master keys: where they come from, what they must look like, and making the first one."""

import base64
import binascii
import os
import re
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from store.errors import StartError

KEY_BYTES = 32
KEY_FILE = "encryption.key"
_KID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FEWEST_DIFFERENT_BYTES = 12
_HOW = (
    "Write it as kid:base64, with 32 random bytes behind any short name: "
    "python3 -c \"import base64,secrets;print('k1:'+base64.b64encode(secrets.token_bytes(32)).decode())\""
)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Master keys by kid. The first one encrypts, all of them decrypt."""

    masters: dict[str, bytes] = field(repr=False)

    @property
    def writer(self) -> str:
        """The kid that encrypts."""
        return next(iter(self.masters))

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Keys from `kid:base64[,kid:base64]`; line ends separate too. Raises StartError for a key not worth having."""
        masters: dict[str, bytes] = {}
        for part in filter(None, re.split(r"[,\s]+", text)):
            kid, separator, encoded = part.partition(":")
            if not separator or not _KID.fullmatch(kid):
                raise StartError(f"ENCRYPTION_KEY cannot be read. {_HOW}")
            if kid in masters:
                raise StartError(f"ENCRYPTION_KEY names the key {kid} twice.")
            masters[kid] = _decoded(kid, encoded)
        if not masters:
            raise StartError(f"ENCRYPTION_KEY is empty. {_HOW}")
        return cls(masters)

    @classmethod
    def load(cls, text: str, file: str, data_dir: Path) -> "Keyring | None":
        """Keys from the setting, else from the named file, else from the one made by itself; None where there is none.

        Raises StartError for a key that cannot be read.
        """
        if text and file:
            raise StartError("Set ENCRYPTION_KEY or ENCRYPTION_KEY_FILE, not both.")
        if text:
            return cls.parse(text)
        made = data_dir / KEY_FILE
        path = Path(file).expanduser() if file else made
        try:
            return cls.parse(path.read_text("ascii"))
        except FileNotFoundError as error:
            if file:
                raise StartError(f"ENCRYPTION_KEY_FILE names {path}, which is not there.") from error
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(f"The encryption key in {path} cannot be read: {error}.") from error

    @classmethod
    def make(cls, data_dir: Path) -> "Keyring":
        """A new key, kept in the data folder, readable by us alone. Of two makers at once one wins; both read it."""
        line = f"k1:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=data_dir, prefix=".key-")
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(name, data_dir / KEY_FILE)
            except FileExistsError:
                pass
            finally:
                Path(name).unlink()
        except OSError as error:
            raise StartError(f"The data folder {data_dir} cannot be written: {error.strerror}.") from error
        made = cls.load("", "", data_dir)
        if made is None:
            raise StartError(f"The encryption key made in {data_dir} is gone again.")
        return made


def _decoded(kid: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise StartError(f"The encryption key {kid} is not base64. {_HOW}") from error
    if len(key) != KEY_BYTES:
        raise StartError(f"The encryption key {kid} has {len(key)} bytes, not {KEY_BYTES}. {_HOW}")
    if len(set(key)) < _FEWEST_DIFFERENT_BYTES or key.isascii():
        raise StartError(f"The encryption key {kid} is not random. {_HOW}")
    return key
