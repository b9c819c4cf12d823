"""Addresses: which of them are those of the public internet. Pure: no name is looked up."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

# Addresses that stand for IPv4 ones behind a translator (RFC 6052).
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Say whether an address is one of the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour
        if ip in _TRANSLATED:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = embedded or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_plainly_private(base: str) -> bool:
    """Say whether the host of a URL is seen, without looking a name up, to be on a private network or this machine."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False
