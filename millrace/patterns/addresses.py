"""IP addresses in event patterns."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from millrace.patterns.errors import InvalidPatternError

_V4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_V6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_MOST_BITS = {4: 31, 6: 127}

Address = IPv4Address | IPv6Address


def address(text: str) -> Address | None:
    """The address in a text, or None. Octets are decimal and can have leading zeros."""
    if _V4.fullmatch(text):
        text = ".".join(str(int(octet)) for octet in text.split("."))
    elif not _V6.fullmatch(text):
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def within(block: str) -> Callable[[str], bool]:
    """A test for addresses in a CIDR block. AWS rejects blocks of a single address (/32 and /128)."""
    base, slash, bits = block.partition("/")
    if not slash or "/" in bits:
        raise InvalidPatternError("Malformed CIDR, one '/' required")
    if not re.fullmatch(r"[+-]?[0-9]+", bits):
        raise InvalidPatternError("Malformed CIDR, mask bits must be an integer")
    network = ip_network((_checked(base, int(bits)), int(bits)), strict=False)

    def contains(text: str) -> bool:
        found = address(text)
        return found is not None and found.version == network.version and found in network

    return contains


def _checked(base: str, bits: int) -> Address:
    if bits < 0:
        raise InvalidPatternError("Malformed CIDR, mask bits must not be negative")
    found = address(base)
    if found is None:
        raise InvalidPatternError(f"Nonstandard IP address: {base}")
    most = _MOST_BITS[found.version]
    if bits > most:
        raise InvalidPatternError(f"IPv{found.version} mask bits must be < {most + 1}")
    return found
