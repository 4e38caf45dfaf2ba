"""Which passwords are taken, and that they are checked to the last byte."""

import statistics
import time

import pytest

from actions.passwords import WeakPassword, hash_password, needs_new_hash, require_good_password, verify_password

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


def test_a_stranger_takes_as_long_as_somebody_known() -> None:
    stored = hash_password("wet paint on a wall")

    def seconds(kept: str) -> float:
        start = time.process_time()
        assert not verify_password("not the password", kept)
        return time.process_time() - start

    known, unknown = zip(*((seconds(stored), seconds("")) for _ in range(5)), strict=True)
    assert statistics.median(unknown) == pytest.approx(statistics.median(known), rel=0.25)


def test_nothing_opens_the_account_of_nobody() -> None:
    for password in ("", "x" * 500, "nobody has this password"):
        assert not verify_password(password, "")
