"""Door: who may call from outside this machine: who has the token, or a ticket, or a page of an origin that is named.

A browser says where its page is from, and cannot be told to lie about it; any other program can. So origins keep other
sites' pages out, and a token everybody else.
"""

import hmac
import secrets
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from voicekit.config.server import Server
from voicekit.problems import refuse
from voicekit.server.guard import is_local
from voicekit.server.tickets import TICKET, Tickets


class Door:
    """The door of one host.

    Args:
        server: The file's section.
    """

    def __init__(self, server: Server) -> None:
        self._token = server.token
        self._origins = frozenset(server.origins)
        self._tickets = Tickets(server.token or secrets.token_hex())

        self.is_open = server.is_open

    def enter(self, request: HTTPConnection) -> Mapping[str, str]:
        """Let in who begins a call, and return what came with his ticket.

        Raises:
            Refused: He may not.
        """
        if is_local(request):
            return {}
        self.pass_by(request)
        shown = _shown(request)
        if not self._token or hmac.compare_digest(shown.encode(), self._token.encode()):
            return {}
        ticket = self._tickets.read(shown)
        self._tickets.use(ticket)
        return ticket.said

    def pass_by(self, request: HTTPConnection) -> None:
        """Let in who goes on with a call whose name he knows: nobody can guess it.

        Raises:
            Refused: He may not.
        """
        origin = request.headers.get("origin")
        if is_local(request):
            return
        if not self.is_open or (self._origins and origin not in self._origins and (origin or not self._token)):
            raise refuse("bad-origin", "this address answers its own pages only")

    def ticket(self, request: HTTPConnection, given: Mapping[str, str]) -> str:
        """Give out a ticket for one call.

        Args:
            request: Of who has the token, or may call anyhow.
            given: What comes with the call.

        Raises:
            Refused: He has not.
        """
        self.pass_by(request)
        right = hmac.compare_digest(_shown(request).encode(), self._token.encode())
        if self._token and not right and not is_local(request):
            raise refuse("no-token", "this needs the token", "Authorization: Bearer …")
        return self._tickets.issue(secrets.token_hex(16), given)


def _shown(request: HTTPConnection) -> str:
    """Return the token or ticket that a request shows; a page's WebSocket can show it in the address only."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else request.query_params.get(TICKET, "")
