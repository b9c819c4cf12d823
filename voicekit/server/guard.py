"""Guard: whom an address answers: whoever is on this machine and comes from no other site's page."""

import ipaddress
import re
from typing import Final

from starlette.requests import HTTPConnection

REFUSAL: Final = "this address answers its own page only"
_LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
# What a proxy says of whom it speaks for.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def is_local(request: HTTPConnection) -> bool:
    """Say whether a request, or a WebSocket that is opened, comes from this machine and was meant for this address.

    A page of another site may reach it, and so may whoever comes through a proxy or a tunnel on this machine.
    """
    headers = request.headers
    hosts, origin = headers.getlist("host"), headers.get("origin")
    meant = len(hosts) == 1 and bool(_LOOPBACK.fullmatch(hosts[0]))
    meant = meant and (not origin or origin.partition("://")[2] == hosts[0])
    return meant and _is_here(request) and not any(name in headers for name in _FORWARDED)


def _is_here(request: HTTPConnection) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
