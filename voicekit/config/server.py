"""Server: the section of that name, where calls come in."""

import ipaddress
from typing import Annotated, Final

from pydantic import Field
from pydantic_core import PydanticCustomError

from voicekit.config.fact import Fact
from voicekit.config.lines import ONE_OR_MORE
from voicekit.config.ranges import between, formed
from voicekit.config.scalars import Int, Text
from voicekit.config.secret import secret
from voicekit.config.section import Section, absent

PUBLIC_URL: Final = "VOICEKIT_PUBLIC_URL"
"""The variable that holds the address where the file does not say."""
TOKEN: Final = "VOICEKIT_TOKEN"  # noqa: S105 - the name of the variable that holds it
_ORIGIN: Final = r"https?://[^\s/?#@{}]+"
# Twilio speaks to nothing but https, with a certificate that others trust.
_ADDRESS: Final = r"https://[^\s/?#@{}]+(/[^\s?#{}]*)?"
_HERE: Final = "an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them"


def is_loopback(host: str) -> bool:
    """Say whether an address is reached from this machine only."""
    return ipaddress.ip_address(host).is_loopback


def _is_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise PydanticCustomError("wrong-form", "no address", {"form": _HERE}) from None


class Server(Section):
    """Where calls come in."""

    host: Annotated[Text, Fact(_is_address, lambda words: words), Field(examples=["0.0.0.0"])] = "127.0.0.1"  # noqa: S104 - an example
    """The address to listen on. The talk page is on this machine only."""
    port: Annotated[Int, between(0, 65535)] = 7860
    """The port; `--port` wins. 0: any free one."""
    token: Annotated[Text, formed(r"\S{16,}", "at least 16 characters"), secret(TOKEN)] = ""
    """With `webrtc` and `websocket`: what whoever calls from outside this machine shows, `Authorization: Bearer …`,
    or a ticket for one call that `POST /start` gives for it; VOICEKIT_TOKEN by default."""
    origins: Annotated[
        tuple[Annotated[Text, formed(_ORIGIN, "scheme and host, as in https://app.example.com")], ...],
        ONE_OR_MORE,
        Field(examples=[["https://app.example.com"]]),
    ] = ()
    """With `webrtc` and `websocket`: whose pages may call from outside this machine. Without `token` that is all which
    is asked of them, and a program can say that it is such a page."""
    drain_secs: Annotated[Int, between(0, 86400)] = 300
    """Seconds for which the live calls may go on when the server is told to end (SIGTERM); new ones are refused."""
    public_url: Annotated[
        Text,
        formed(_ADDRESS, "the address as others reach it, https://voice.example.com"),
        Field(json_schema_extra=absent(PUBLIC_URL), examples=["https://voice.example.com"]),
    ] = ""
    """Under which address others reach this server: a reverse proxy's or a tunnel's, which ends TLS."""

    @property
    def is_open(self) -> bool:
        """Whether pages or apps are answered that come from outside this machine."""
        return bool(self.token or self.origins)
