"""Where the client may connect to, in every spelling somebody could try."""

import socket

import pytest

from connectors.addresses import is_public
from connectors.errors import ConfigError, Transient
from connectors.http import Options, open_http
from connectors.wire import Deadline, Reach
from tests.connectors.rig import NOW, Probe, client
from tests.connectors.scripted import answer, saying, serving

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "",
]
URLS = [
    "http://api.example.test/v1",
    "https://api.example.test:8443/v1",
    "https://api.example.test:80/v1",
    "https://api.example.test.:443/v1",
    "https://api.example.test@evil.test/v1",
    "https://user:secret@api.example.test/v1",
    "https://evil.test#@api.example.test/",
    "https://evil.test\\@api.example.test/",
    "https://api.example.test.evil.test/v1",
    "https://evil.test/api.example.test",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://localhost/",
    "https://169.254.169.254/latest/meta-data/",
    "https://аpi.example.test/",
    "https://api.exam\tple.test/",
    "https://api.example.test\n.evil.test/",
    "file:///etc/passwd",
    "ftp://api.example.test/",
    "//api.example.test/v1",
    "/v1",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_it_calls_no_address_inside(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_it_calls_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("with_sandbox", [False, True])
def test_it_refuses_every_url_that_is_not_its_platforms(url, with_sandbox):
    looked_up = []
    with serving(saying(answer(b"{}"))) as server:
        options = {"resolver": lambda host, _port: looked_up.append(host) or ["127.0.0.1"]}
        with client(server.url if with_sandbox else "", **options) as rig, pytest.raises(ConfigError) as caught:
            rig.http.get(url)
        assert server.connections == 0
    assert caught.value.cause == "blocked_address"
    assert looked_up == []
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", PRIVATE)
def test_it_refuses_a_name_that_leads_inside(address):
    with client(resolver=lambda _host, _port: ["142.250.1.1", address]) as rig, pytest.raises(ConfigError) as caught:
        rig.http.get("https://api.example.test/v1")
    assert caught.value.cause == "blocked_address"


def test_it_judges_anew_when_a_name_is_bound_to_another_address():
    answers = [["142.250.1.1"], ["127.0.0.1"]]
    reach = Reach(frozenset({"api.example.test"}), lambda _host, _port: answers.pop(0), deadline=Deadline())
    assert reach.addresses("api.example.test", 443) == ["142.250.1.1"]
    with pytest.raises(ConfigError):
        reach.addresses("api.example.test", 443)


def test_it_reaches_nothing_but_the_sandbox_when_there_is_one():
    reach = Reach(frozenset({"api.example.test"}), lambda _host, _port: ["142.250.1.1"], ("127.0.0.1", 8601))
    assert reach.addresses("127.0.0.1", 8601) == ["127.0.0.1"]
    for host, port in (("127.0.0.1", 8602), ("api.example.test", 443), ("127.0.0.2", 8601)):
        with pytest.raises(ConfigError):
            reach.addresses(host, port)


@pytest.mark.parametrize("url", ["http://10.0.0.1:80", "http://localhost:8601", "https://evil.test", "ftp://127.0.0.1"])
def test_it_takes_no_sandbox_outside_this_machine(url):
    with pytest.raises(ConfigError) as caught:
        open_http(Probe, spend=lambda: None, pause=lambda _seconds: None, options=Options(sandbox_url=url))
    assert caught.value.cause == "blocked_address"


def test_it_says_that_a_name_cannot_be_resolved():
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with client(resolver=unknown, now=lambda: NOW) as rig, pytest.raises(Transient) as caught:
        rig.http.get("https://api.example.test/v1")
    assert caught.value.cause == "unreachable"
