"""Which addresses a platform's name may lead to: public ones, and nothing inside this machine or its network."""

import ipaddress
import socket
import threading
from collections.abc import Callable

from connectors.errors import ConfigError, Transient

Resolver = Callable[[str, int], list[str]]

#: IANA special-purpose ranges; IPv6 forms that carry an IPv4 address (mapped, NAT64, 6to4) are refused whole.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


def is_public(address: str) -> bool:
    """Whether we may connect to this IP address. Anything that is not plainly an IP address is not public.

    >>> is_public("142.250.1.1"), is_public("169.254.169.254"), is_public("::ffff:8.8.8.8"), is_public("0177.0.0.1")
    (True, False, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not any(parsed.version == network.version and parsed in network for network in _REFUSED)


def is_loopback(address: str) -> bool:
    """Whether this is a literal loopback address; a name never is.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def resolve(host: str, port: int) -> list[str]:
    """All addresses the system knows for a name, in the order to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public_addresses(host: str, port: int, resolver: Resolver, timeout: float) -> list[str]:
    """The addresses of `host`, all of them public. One bad answer spoils the lot: names can be rebound.

    Raises ConfigError (blocked_address), or Transient when the name cannot be resolved within `timeout` seconds.
    """
    addresses = _within(lambda: resolver(host, port), timeout, host)
    if not addresses:
        raise Transient(f"the name {host} has no address", was_sent=False)
    refused = [address for address in addresses if not is_public(address)]
    if refused:
        raise ConfigError(f"{host} leads to {refused[0]}", cause="blocked_address")
    return addresses


def _within(work: Callable[[], list[str]], timeout: float, host: str) -> list[str]:
    """Run a system call that knows no deadline in a thread of its own, and stop waiting for it in time."""
    answer: list[str] = []
    failure: list[OSError] = []

    def run() -> None:
        try:
            answer.extend(work())
        except OSError as error:
            failure.append(error)
        except UnicodeError as error:
            failure.append(OSError(str(error)))

    thread = threading.Thread(target=run, name="resolve", daemon=True)
    thread.start()
    thread.join(max(timeout, 0.001))
    if thread.is_alive():
        raise Transient(f"the name {host} was not resolved in time", cause="timeout", was_sent=False)
    if failure:
        raise Transient(f"the name {host} could not be resolved", was_sent=False)
    return answer
