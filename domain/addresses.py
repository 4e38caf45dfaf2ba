"""Network addresses, shortened before anything keeps or shows them."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

#: Letters of an address: IPv6 has 45 at most, and a zone behind.
_LONGEST = 64


def truncate_address(address: str) -> str:
    """The network of an address: /24 for IPv4, /48 for IPv6; "" for what is no address.

    >>> truncate_address("203.0.113.77")
    '203.0.113.0/24'
    >>> truncate_address("2001:db8:1:2:3::77")
    '2001:db8:1::/48'
    >>> truncate_address("::ffff:203.0.113.77")
    '203.0.113.0/24'
    >>> truncate_address("somebody")
    ''
    """
    try:
        parsed = ip_address(plain_address(address.strip().strip("[]")))
    except ValueError:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def plain_address(address: str) -> str:
    """IPv4 in its own spelling, also where a socket that takes both versions writes it as IPv6.

    >>> plain_address("::ffff:127.0.0.1"), plain_address("::1"), plain_address("somebody")
    ('127.0.0.1', '::1', 'somebody')
    """
    return _read(address) or address


def _read(address: str) -> str:
    """The plain spelling; "" for what is no address. Long strangers' words are not kept in mind either."""
    return _known(address) if len(address) <= _LONGEST else ""


@lru_cache(maxsize=1024)
def _known(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def client_address(peer: str, forwarded: list[str], trusted: tuple[str, ...]) -> str:
    """The visitor's address: the right-most forwarded one that no trusted proxy holds, else the peer.

    `forwarded` are the X-Forwarded-For values in the order received; `trusted` are addresses or networks.

    >>> client_address("10.0.0.1", ["1.2.3.4, 203.0.113.9"], ("10.0.0.0/8",))
    '203.0.113.9'
    >>> client_address("198.51.100.7", ["1.2.3.4"], ("10.0.0.0/8",))
    '198.51.100.7'
    """
    chain = [part.strip() for value in forwarded for part in value.split(",") if part.strip()]
    found = plain_address(peer)
    while chain and _is_within(found, trusted):
        candidate = _read(chain.pop())
        if not candidate:
            return found
        found = candidate
    return found


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    return bool(networks) and _is_in(address, networks)


@lru_cache(maxsize=1024)
def _is_in(address: str, networks: tuple[str, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in ip_network(network, strict=False) for network in networks)
