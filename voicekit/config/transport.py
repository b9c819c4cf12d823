"""Transport: the section of that name, how the caller's sound comes and goes."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from voicekit.config.ranges import formed
from voicekit.config.scalars import Bool, Text, read_text
from voicekit.config.secret import secret
from voicekit.config.section import Section

TRANSPORT_KEYS: Final = {
    "webrtc": ("ice_servers",),
    "websocket": ("protocol",),
    "twilio": ("account_sid", "auth_token", "api_key", "api_secret", "region", "edge", "endpoint", "hang_up"),
}
"""The keys that only one type of transport has."""

TELEPHONY: Final = frozenset({"twilio"})
"""The transports that are telephones."""

TELEPHONE_KEYS: Final = (
    ("telephony",),
    ("limits", "full_say"),
    ("limits", "calls_per_caller_hour"),
)
"""The keys outside of the section that only a telephone has."""

WEB_KEYS: Final = (("server", "token"), ("server", "origins"))
"""The keys that only a page or an app has."""


class Transport(Section):
    """How the caller's sound comes and goes. On this machine the talk page serves every file, whatever its type."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "twilio", "region": "ie1", "edge": "dublin"}]})

    type: Annotated[Literal["webrtc", "websocket", "twilio"], BeforeValidator(read_text)] = "webrtc"
    """Which transport: a browser, an app or device of yours, or a Twilio number."""
    ice_servers: Annotated[tuple[Text, ...], Field(examples=[["stun:stun.example.com:3478"]])] = ()
    """With `webrtc`: STUN or TURN servers, as `stun:host:port`."""
    protocol: Annotated[Literal["rtvi", "protobuf"], BeforeValidator(read_text)] = "rtvi"
    """With `websocket`: `rtvi`, JSON that any program can write, or `protobuf`, Pipecat's own frames, which its
    client libraries speak. Both carry RTVI messages and sound."""
    account_sid: Annotated[
        Text, formed("AC[0-9a-fA-F]{32}", "AC and 32 hexadecimal digits"), Field(examples=[f"AC{'0' * 32}"])
    ] = ""
    """With `twilio`: the account; TWILIO_ACCOUNT_SID by default."""
    auth_token: Annotated[Text, secret("TWILIO_AUTH_TOKEN")] = ""
    """With `twilio`: the account's token; TWILIO_AUTH_TOKEN by default."""
    api_key: Annotated[Text, secret("TWILIO_API_KEY")] = ""
    """With `twilio`: an API key in place of the token; TWILIO_API_KEY by default, where there is no token."""
    api_secret: Annotated[Text, secret("TWILIO_API_SECRET")] = ""
    """With `twilio`: the API key's secret; TWILIO_API_SECRET by default."""
    region: Annotated[Text, Field(examples=["ie1"])] = ""
    """With `twilio`: where the account's calls are processed; `edge` stands beside it."""
    edge: Annotated[Text, Field(examples=["dublin"])] = ""
    """With `twilio`: where Twilio's network is entered; `region` stands beside it."""
    endpoint: Annotated[
        Text,
        formed(r"https?://[^\s/?#{}]+/?", "scheme and host, as in https://api.twilio.com"),
        Field(examples=["https://api.twilio.com"]),
    ] = ""
    """With `twilio`: the root of its REST API, in place of the vendor's."""
    hang_up: Bool = True
    """With `twilio`: whether the telephone call is ended, through Twilio's API, when the agent ends it; else what
    follows in the TwiML goes on. `false` needs no account."""
