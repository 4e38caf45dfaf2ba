"""The client over TLS: whom it believes, what it says to nobody else, and to which address it connects."""

import ssl
from pathlib import Path

import httpcore
import pytest

from connectors.errors import ConfigError
from tests.connectors.rig import client
from tests.connectors.scripted import Authority, answer, saying, serving

URL = "https://api.example.test/v1/things"
GOOD = answer(b'{"ok":true}')


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_it_reads_over_tls(authority):
    tls = authority.server("127.0.0.1")
    with serving(saying(GOOD), tls) as server, client(server.url, tls=authority.trust()) as rig:
        assert rig.http.get(URL).peek() == {"ok": True}


@pytest.mark.parametrize("fault", ["expired", "self_signed", "wrong_host", "unknown_authority", "old_version"])
def test_it_sends_nothing_over_an_unsafe_connection(authority, fault, tmp_path):
    contexts = {
        "expired": lambda: authority.server("127.0.0.1", days=-1),
        "self_signed": lambda: authority.server("127.0.0.1", self_signed=True),
        "wrong_host": lambda: authority.server("api.other.test"),
        "unknown_authority": lambda: authority.server("127.0.0.1"),
        "old_version": lambda: authority.server("127.0.0.1"),
    }
    tls = contexts[fault]()
    if fault == "old_version":
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            tls.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.warns(DeprecationWarning, match="TLSv1 "):
            tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.set_ciphers("ALL:@SECLEVEL=0")
    trust = None if fault == "unknown_authority" else authority.trust()
    with (
        serving(saying(GOOD), tls) as server,
        client(server.url, tls=trust) as rig,
        pytest.raises(ConfigError) as caught,
    ):
        rig.http.get(URL, {"api_key": "canary-in-query"})
    assert caught.value.cause == "tls"
    assert server.requests == []
    assert server.connections == 1


def test_it_keeps_the_name_for_tls_and_host_while_it_connects_to_the_address_it_judged(authority, monkeypatch):
    """The one hop that cannot be real here is a public address: its socket is led to loopback."""
    connected = []
    plain = httpcore.SyncBackend.connect_tcp
    with serving(saying(GOOD), authority.server("api.example.test")) as server:

        def lead(self, host, port, *rest):
            connected.append((host, port))
            return plain(self, "127.0.0.1", server.port, *rest)

        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lead)
        with client(tls=authority.trust(), resolver=lambda _host, _port: ["142.250.1.1"]) as rig:
            rig.http.get(URL)
        assert connected == [("142.250.1.1", 443)]
        assert server.server_names == ["api.example.test"]
        assert b"host: api.example.test\r\n" in server.requests[0].lower()
