"""Sockets: a WebSocket as a line, by who speaks on it. An app's, a telephone call's, or that of Pipecat's evals."""

from collections.abc import Callable, Mapping
from typing import Final

from pipecat.evals.fastapi_transport import EvalFastAPIWebsocketTransport
from pipecat.evals.serializer import EvalConnectionFlags, EvalSerializer
from pipecat.evals.transport import EvalTransportParams
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from starlette.websockets import WebSocket

from voicekit.config.transport import Transport
from voicekit.runtime.line import Line
from voicekit.services.serializer_app import AppProtobufSerializer, RtviSerializer
from voicekit.services.serializer_twilio import TwilioSerializer

# A telephone's. At any other, Pipecat's resamplers hold sound back for some 100 ms in each direction.
TELEPHONE_HZ: Final = 8000
# The names under which TwiML hands the two numbers and the caller's name over, as `<Parameter>`s of the stream.
_CALLER: Final = ("from_number", "from")
_CALLER_NAME: Final = ("caller_name",)
_CALLED: Final = ("to_number", "to")


def eval_params() -> EvalTransportParams:
    """Return the parameters of a talk with Pipecat's eval harness."""
    return EvalTransportParams(audio_in_enabled=True, audio_out_enabled=True)


def eval_line(socket: WebSocket, flags: EvalConnectionFlags) -> Line:
    """Return the line to Pipecat's eval harness, whose first message has been read."""
    params = eval_params()
    params.serializer = EvalSerializer()
    return Line(EvalFastAPIWebsocketTransport(socket, params, flags))


def app_line(transport: Transport, socket: WebSocket, given: Mapping[str, str]) -> Line:
    """Return the line to an app or a device; `given` are the values that came with the call."""
    rtvi = transport.protocol == "rtvi"
    return Line(_carried(socket, RtviSerializer() if rtvi else AppProtobufSerializer()), given=given)


def twilio_line(
    transport: Transport,
    socket: WebSocket,
    *,
    stream: str,
    call: str,
    given: Mapping[str, str],
    tell: Callable[[str], None],
) -> Line:
    """Return the line to a telephone call.

    Args:
        transport: The file's section, with the account that hangs up.
        socket: The connection, whose start has been read.
        stream: The stream's SID.
        call: The call's SID.
        given: The `<Parameter>`s of the stream.
        tell: Told in a sentence why a call could not be ended.
    """
    serializer = TwilioSerializer(
        tell,
        stream_sid=stream,
        call_sid=call,
        account_sid=transport.account_sid or None,
        # Beside an API key the token is there to know Twilio's signature by.
        auth_token=None if transport.api_key else transport.auth_token or None,
        api_key_sid=transport.api_key or None,
        api_key_secret=transport.api_secret or None,
        region=transport.region or None,
        edge=transport.edge or None,
        base_url=transport.endpoint or None,
        params=TwilioFrameSerializer.InputParams(auto_hang_up=transport.hang_up),
    )
    return Line(
        _carried(socket, serializer),
        in_hz=TELEPHONE_HZ,
        out_hz=TELEPHONE_HZ,
        id=call,
        caller=_first(given, _CALLER),
        caller_name=_first(given, _CALLER_NAME),
        called=_first(given, _CALLED),
        given=given,
    )


def _carried(socket: WebSocket, serializer: FrameSerializer) -> FastAPIWebsocketTransport:
    # Who may connect, the server has decided; Pipecat would ask a variable of its own.
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, serializer=serializer, allowed_origins=[]
    )
    return FastAPIWebsocketTransport(socket, params)


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((given[name] for name in names if given.get(name)), "")
