"""The envelope: what it holds together, and everything that must break it."""

import base64
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.engine import checkpoint
from store.errors import StartError
from store.keyring import Keyring
from store.opening import Store
from store.tables import AppMeta, Company, PlatformConfig
from store.vault import KeyMissing, Tampered, Vault, VaultError, kid_of

ROW = uuid.UUID("0190a5a0-0000-7000-8000-000000000001")
PLACE = ("platform_configs", ROW, "credentials")
SECRET = "s3cret-of-the-platform-ÄÖ"


@pytest.fixture
def vault(keyring: Keyring) -> Vault:
    return Vault(keyring)


def test_it_opens_what_it_sealed(vault: Vault) -> None:
    assert vault.open(*PLACE, vault.seal(*PLACE, SECRET)) == SECRET
    assert vault.open(*PLACE, vault.seal(*PLACE, "")) == ""


def test_the_form_is_version_kid_nonce_and_box(vault: Vault) -> None:
    version, kid, nonce, box = vault.seal(*PLACE, "x").split(".")
    assert (version, kid) == ("v1", "k1")
    assert len(base64.urlsafe_b64decode(nonce + "==")) == 12
    assert len(base64.urlsafe_b64decode(box + "==")) == 1 + 16


def test_no_nonce_is_ever_used_twice(vault: Vault) -> None:
    assert len({vault.seal(*PLACE, SECRET).split(".")[2] for _ in range(10_000)}) == 10_000


def test_sealing_a_column_of_many_rows_is_sealing_each(vault: Vault) -> None:
    seal = vault.sealer("platform_configs", "credentials")
    for text in ("", "x", "xy", "xyz", SECRET):
        stored = seal(str(ROW), text)
        assert [len(part) for part in stored.split(".")] == [len(part) for part in vault.seal(*PLACE, text).split(".")]
        assert vault.open(*PLACE, stored) == text
    with pytest.raises(Tampered):
        vault.open("platform_configs", uuid.uuid4(), "credentials", seal(str(ROW), SECRET))


def test_opening_a_column_of_many_rows_is_opening_each(vault: Vault, keyring: Keyring) -> None:
    older = Vault(Keyring(dict(reversed(keyring.masters.items()))))
    opened = vault.opener("platform_configs", "credentials")
    for text in ("", "x", "xy", "xyz", SECRET):
        assert opened(str(ROW), vault.seal(*PLACE, text)) == text
        assert opened(str(ROW), older.seal(*PLACE, text)) == text
    stored = vault.seal(*PLACE, SECRET)
    for place, letter in enumerate(stored):
        changed = stored[:place] + ("A" if letter != "A" else "B") + stored[place + 1 :]
        with pytest.raises((Tampered, KeyMissing)):
            opened(str(ROW), changed)
    with pytest.raises(Tampered):
        opened(str(uuid.uuid4()), stored)
    with pytest.raises(Tampered):
        opened(str(ROW), stored + ".")


def test_every_changed_byte_is_noticed(vault: Vault) -> None:
    version, kid, nonce, box = vault.seal(*PLACE, SECRET).split(".")
    for part, name in ((nonce, "nonce"), (box, "box")):
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        for index in range(len(raw)):
            changed = bytearray(raw)
            changed[index] ^= 1
            text = base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
            stored = ".".join((version, kid, text, box) if name == "nonce" else (version, kid, nonce, text))
            with pytest.raises(Tampered):
                vault.open(*PLACE, stored)


def test_every_changed_letter_is_noticed(vault: Vault) -> None:
    stored = vault.seal(*PLACE, SECRET)
    for index, letter in enumerate(stored):
        changed = stored[:index] + ("A" if letter != "A" else "B") + stored[index + 1 :]
        with pytest.raises(VaultError):
            vault.open(*PLACE, changed)


@pytest.mark.parametrize(
    "other",
    [
        ("platform_configs", uuid.UUID("0190a5a0-0000-7000-8000-000000000002"), "credentials"),
        ("platform_configs", ROW, "settings"),
        ("platform_tokens", ROW, "credentials"),
        ("platform_config", ROW, "scredentials"),
    ],
    ids=["another row", "another column", "another table", "letters moved over the border"],
)
def test_a_secret_is_good_in_its_own_place_only(vault: Vault, other: tuple[str, uuid.UUID, str]) -> None:
    with pytest.raises(Tampered):
        vault.open(*other, vault.seal(*PLACE, SECRET))


def test_a_shortened_tag_is_refused(vault: Vault) -> None:
    version, kid, nonce, box = vault.seal(*PLACE, SECRET).split(".")
    raw = base64.urlsafe_b64decode(box + "=" * (-len(box) % 4))
    short = base64.urlsafe_b64encode(raw[:-1]).decode().rstrip("=")
    with pytest.raises(Tampered):
        vault.open(*PLACE, f"{version}.{kid}.{nonce}.{short}")


def test_another_kid_on_the_label_is_refused(vault: Vault) -> None:
    with pytest.raises(Tampered):
        vault.open(*PLACE, vault.seal(*PLACE, SECRET).replace("v1.k1.", "v1.k2."))


def test_an_unknown_kid_is_a_missing_key_not_a_wrong_one(vault: Vault) -> None:
    with pytest.raises(KeyMissing) as caught:
        vault.open(*PLACE, vault.seal(*PLACE, SECRET).replace("v1.k1.", "v1.k9."))
    assert caught.value.kid == "k9"


@pytest.mark.parametrize(
    "stored", ["", "v1", "v1.k1.a", "v2.k1.AAAAAAAAAAAAAAAA.AAAA", "v1.k1.%%%.AAAA", "v1.k1..", "é.é.é.é"]
)
def test_what_is_no_envelope_is_refused(vault: Vault, stored: str) -> None:
    with pytest.raises(Tampered):
        vault.open(*PLACE, stored)


def test_an_old_key_still_reads_and_the_first_one_writes(vault: Vault, keyring: Keyring) -> None:
    stored = vault.seal(*PLACE, SECRET)
    turned = Vault(Keyring({"k3": bytes(range(100, 132)), **keyring.masters}))
    assert turned.open(*PLACE, stored) == SECRET
    assert kid_of(turned.seal(*PLACE, SECRET)) == "k3"


def test_the_cipher_is_the_one_of_the_standard() -> None:
    """Test case 16 of the GCM specification (McGrew and Viega): AES-256 with 96-bit nonce and associated data."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    bound = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    box = AESGCM(key).encrypt(bytes.fromhex("cafebabefacedbaddecaf888"), plain, bound)
    assert box.hex() == (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("k1", "cannot be read"),
        ("k1:not base64!", "base64"),
        ("k1:c2hvcnQ=", "bytes"),
        ("k1:" + base64.b64encode(bytes(32)).decode(), "not random"),
        ("k1:" + base64.b64encode(b"some_keysome_keysome_keysome_key").decode(), "not random"),
        ("k1:" + base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode(), "not random"),
        ("k.1:wvJbIVTsOEo3VZnq4uL4mJ0KV1Qm8Jxk2n3cC6ysU2E=", "cannot be read"),
        ("k1:wvJbIVTsOEo3VZnq4uL4mJ0KV1Qm8Jxk2n3cC6ysU2E=,k1:8f3GMJw0d5sBqR1tYpVhXkT9o7uLzEa2iNc4QvDbW6Y=", "twice"),
    ],
)
def test_a_key_not_worth_having_is_refused(text: str, words: str) -> None:
    with pytest.raises(StartError, match=words):
        Keyring.parse(text)


def test_a_keyring_does_not_show_its_keys(keyring: Keyring) -> None:
    assert keyring.masters["k1"].hex() not in repr(keyring)
    assert "masters" not in repr(keyring)


def test_digests_differ_by_purpose_and_last_over_a_change_of_key(store: Store, keyring: Keyring) -> None:
    assert store.vault.digest("session", "x") != store.vault.digest("api-token", "x")
    turned = Vault(Keyring({"k3": bytes(range(100, 132)), **keyring.masters}))
    with store.reading() as session:
        turned.check_canary(session)
    assert turned.digest("session", "x") == store.vault.digest("session", "x")


def test_an_address_is_the_same_in_any_spelling(store: Store) -> None:
    digest = store.vault.digest
    assert digest("email-bidx", " Ana.Böhm@Example.com") == digest("email-bidx", "ana.bo\u0308hm@example.COM ")
    assert digest("session", "A") != digest("session", "a")


def test_there_is_no_digest_before_the_canary_was_checked(vault: Vault) -> None:
    with pytest.raises(VaultError):
        vault.digest("session", "x")


def test_a_wrong_key_of_the_right_name_is_refused_at_start(store: Store) -> None:
    wrong = Vault(Keyring({"k1": bytes(range(100, 132))}))
    with store.reading() as session, pytest.raises(StartError, match="k1 is not the one"):
        wrong.check_canary(session)


def test_a_missing_key_is_named_at_start(store: Store, keyring: Keyring) -> None:
    other = Vault(Keyring({"k2": keyring.masters["k2"]}))
    with store.reading() as session, pytest.raises(StartError, match="k1 is missing"):
        other.check_canary(session)


def test_a_database_whose_canary_is_gone_is_refused(store: Store) -> None:
    with store.writing() as session:
        session.delete(session.get_one(AppMeta, "key_canary"))
    with store.reading() as session, pytest.raises(StartError, match="no proof"):
        store.vault.check_canary(session)


def test_no_planted_secret_is_in_the_file_or_its_log(sqlite_store: Store, sqlite_company: Company) -> None:
    config = PlatformConfig(number=1, company_id=sqlite_company.id, platform="indeed")
    config.credentials = sqlite_store.vault.seal("platform_configs", config.id, "credentials", SECRET)
    with sqlite_store.writing() as session:
        session.add(config)
    path = sqlite_store.engine.url.database
    names = [Path(path), Path(f"{path}-wal")]
    for step in range(2):
        content = b"".join(name.read_bytes() for name in names)
        assert config.credentials.encode() in content
        assert SECRET.encode() not in content
        assert sqlite_store.vault.keyring.masters["k1"] not in content
        if step == 0:
            checkpoint(sqlite_store.engine)
