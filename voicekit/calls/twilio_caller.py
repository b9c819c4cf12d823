"""Twilio caller: a program that calls an agent as Twilio's network does, by Media Streams.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Twilio plays what it is sent at real time out of a
buffer that `clear` empties; a mark comes back when it has been played, or at once when the buffer is emptied.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from voicekit.calls import mulaw
from voicekit.calls.microphone import FRAME_SECS, Samples
from voicekit.calls.socket_caller import SocketCaller
from voicekit.emulators.twilio_rest import TwilioRest

ACCOUNT: Final = f"AC{'0' * 32}"
_KEYS: Final = frozenset("0123456789*#ABCD")


class TwilioCaller(SocketCaller):
    """One call. `async with await TwilioCaller.call(url) as caller:` connects it and hangs up at the end.

    Args:
        given: The stream's `<Parameter>`s.
        account: The account's SID.
        rest: The API by which the agent ends the call, or None where it cannot.
        record: A WAV to write when the call is over.
        sid: The call's SID; by default a new one.

    Attributes:
        sid: The call's SID.
        given: The stream's `<Parameter>`s.
        invalid: What was sent that Twilio does not take, each in a sentence; it ends the stream.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        *,
        account: str = ACCOUNT,
        rest: TwilioRest | None = None,
        record: Path | None = None,
        sid: str = "",
    ) -> None:
        super().__init__(mulaw.HZ, mulaw.HZ, record)
        self.sid = sid or f"CA{secrets.token_hex(16)}"
        self.invalid: list[str] = []
        self._stream = f"MZ{secrets.token_hex(16)}"
        self.given = given
        self._account = account
        self._rest = rest
        self._sent = 0
        self._chunks = 0

    @classmethod
    async def call(
        cls,
        url: str,
        given: Mapping[str, str] | None = None,
        *,
        account: str = ACCOUNT,
        rest: TwilioRest | None = None,
        record: Path | None = None,
    ) -> Self:
        """Call the agent at an address, `http://host:port`.

        Raises:
            CallFailed: It did not answer.
        """
        caller = cls(given or {}, account=account, rest=rest, record=record)
        return await caller.dial(f"{url.replace('http', 'ws', 1)}/twilio")

    async def press(self, keys: str) -> None:
        """Press keys of the telephone.

        Raises:
            ValueError: It has no such key.
        """
        if not _KEYS.issuperset(keys):
            raise ValueError(f"a telephone has no such keys: {keys}")
        for key in keys:
            await self._tell("dtmf", {"track": "inbound_track", "digit": key})

    async def _greet(self) -> None:
        await self._send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        sound = {"encoding": "audio/x-mulaw", "sampleRate": mulaw.HZ, "channels": 1}
        start = {
            "accountSid": self._account,
            "streamSid": self._stream,
            "callSid": self.sid,
            "tracks": ["inbound"],
            "mediaFormat": sound,
            "customParameters": dict(self.given),
        }
        await self._tell("start", start)
        if self._rest is not None:
            self._rest.connect(self.sid)
            self._do(self._until_completed(self._rest))

    async def _until_completed(self, rest: TwilioRest) -> None:
        """End the stream when the agent has ended the call."""
        await rest.until_completed(self.sid)
        await self._leave()
        if self._socket is not None:
            await self._socket.close()

    async def _leave(self) -> None:
        await self._tell("stop", {"accountSid": self._account, "callSid": self.sid})
        if self._rest is not None:
            self._rest.hang_up(self.sid)

    async def _say(self, samples: Samples) -> None:
        self._chunks += 1
        sound = base64.b64encode(mulaw.encoded(samples)).decode("ascii")
        timestamp = round((self._chunks - 1) * FRAME_SECS * 1000)
        await self._tell(
            "media", {"track": "inbound", "chunk": str(self._chunks), "timestamp": str(timestamp), "payload": sound}
        )

    async def _tell(self, event: str, data: dict[str, Any]) -> None:
        self._sent += 1
        message = {"event": event, "sequenceNumber": str(self._sent), event: data, "streamSid": self._stream}
        await self._send(json.dumps(message))

    async def _hear(self, message: str | bytes) -> None:
        try:
            await self._obey(json.loads(message))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            self.invalid.append(f"{type(error).__name__}: {error}")
            if self._socket is not None:
                await self._socket.close(1008)

    async def _obey(self, told: dict[str, Any]) -> None:
        """Do what a message asks for.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: Twilio would not take it.
        """
        if told["streamSid"] != self._stream:
            raise ValueError("another stream's SID")
        if told["event"] == "media":
            self._playout.add(mulaw.decoded(base64.b64decode(told["media"]["payload"], validate=True)))
        elif told["event"] == "mark":
            self._playout.mark(str(told["mark"]["name"]))
        elif told["event"] == "clear":
            self._cut_off()
            for name in self._playout.clear():
                await self._reached(name)
        else:
            raise ValueError(f"no event '{told['event']}'")

    async def _reached(self, name: str) -> None:
        await self._tell("mark", {"name": name})
