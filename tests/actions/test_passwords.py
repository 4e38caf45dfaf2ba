"""Which passwords are taken, and that they are checked to the last byte."""

import bcrypt
import pytest

from actions.passwords import WeakPassword, hash_password, needs_new_hash, require_good_password, verify_password


@pytest.fixture
def cheap_passwords() -> None:
    """Here they cost what they cost."""


LONG = "é🦘 quite a long way 日本" * 5


@pytest.mark.parametrize(
    "password", ["twelve chars", "wet paint on a wall", LONG, "x9" + "abq!" * 31, "日本語の長い言葉ですよね"]
)
def test_it_takes_any_composition_of_twelve_to_128_characters(password: str) -> None:
    require_good_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "seven77",
        "x" * 129,
        "password12345",
        "P@ssw0rd!2026",
        "qwertyuiop12",
        "123456789012",
        "abcdefghijklm",
        "aaaaaaaaaaaaa",
        "abcabcabcabc",
        "letmeinletmein",
        " a leading space",
        "iloveyou2024!",
        "correcthorsebatterystaple",
    ],
)
def test_it_refuses_what_is_short_long_or_on_every_list(password: str) -> None:
    with pytest.raises(WeakPassword):
        require_good_password(password)


def test_letters_and_signs_of_any_script_count() -> None:
    require_good_password("Correct horse é battery 🐎 staple")
    require_good_password("пароль из четырёх слов")


def test_it_refuses_a_password_made_of_what_everybody_knows() -> None:
    with pytest.raises(WeakPassword):
        require_good_password("acme-ada-lovelace", about=("ada.lovelace@acme.example", "Ada Lovelace", "Acme"))


def test_it_checks_every_byte_of_a_long_password() -> None:
    stored = hash_password(LONG)
    assert stored.startswith("v1$2b$12$")
    assert not needs_new_hash(stored)
    assert verify_password(LONG, stored)
    assert not verify_password(LONG[:-1] + "x", stored)
    assert not verify_password(LONG + "x", stored)


def test_a_stranger_takes_as_long_as_somebody_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is bcrypt: it is asked once for either, and stretches alike. No clock is needed to say so."""
    stored, check = hash_password("wet paint on a wall"), bcrypt.checkpw
    asked: list[tuple[int, bytes]] = []

    def counted(password: bytes, hashed: bytes) -> bool:
        asked.append((len(password), hashed[:7]))
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    for password in ("not the password", "x" * 500):
        for kept in (stored, ""):
            assert not verify_password(password, kept)
    assert asked == [(44, b"$2b$12$")] * 4


def test_nothing_opens_the_account_of_nobody() -> None:
    for password in ("", "x" * 500, "nobody has this password"):
        assert not verify_password(password, "")
