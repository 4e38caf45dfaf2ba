"""What the sandbox keeps between its starts: whole or not at all, and the same for whoever starts at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.credentials import open_account, remembered_anchor


def test_two_that_start_at_once_have_one_key(tmp_path, monkeypatch):
    together, make = threading.Barrier(2, timeout=60), rsa.generate_private_key

    def made(**told):
        together.wait()
        return make(**told)

    monkeypatch.setattr("sandbox.credentials.rsa.generate_private_key", made)
    with ThreadPoolExecutor(2) as pool:
        accounts = [each.result(60) for each in [pool.submit(open_account, 7, tmp_path / "state") for _ in range(2)]]
    assert accounts[0].pem() == accounts[1].pem()
    (kept,) = (tmp_path / "state").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_story_goes_on_from_the_day_on_which_it_was_first_told(tmp_path):
    assert [remembered_anchor(7, tmp_path, day) for day in ("2026-01-01", "2026-02-02")] == ["2026-01-01"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["story-7.json"]
