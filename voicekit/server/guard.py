"""Guard: whom an address on loopback answers. Another site's page may reach it too."""

import re
from typing import Final

from starlette.datastructures import Headers

REFUSAL: Final = "this address answers its own page only"
_LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def is_meant(headers: Headers) -> bool:
    """Say whether a request, or a WebSocket that is opened, was meant for this address and comes from no other site."""
    host, origin = headers.get("host", ""), headers.get("origin")
    return bool(_LOOPBACK.fullmatch(host)) and (not origin or origin.partition("://")[2] == host)
