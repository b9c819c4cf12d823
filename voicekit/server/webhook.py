"""Webhook: what Twilio asks when somebody telephones, and the TwiML that it is answered with.

https://www.twilio.com/docs/usage/webhooks/webhooks-security: the signature is over the address as Twilio knows it,
and over what it posts. The account's token makes it, which nobody else has.
"""

import hashlib
import io
import itertools
import json
import wave
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse

from voicekit.config.lines import spoken
from voicekit.problems import Refused, refuse
from voicekit.records.events import Listener, Trouble
from voicekit.runtime.host import Host
from voicekit.runtime.numbers import shown
from voicekit.runtime.sockets import TELEPHONE_HZ
from voicekit.runtime.values import local_time, values_of_file
from voicekit.server.tickets import TICKET, Tickets, refusal

PATH: Final = "/twilio"
"""Where Twilio posts its webhook, and opens the stream of a call."""
# Twilio's own are some 2 KB.
_MOST_BYTES: Final = 65536
# What of the stream's other parameters is written on its ticket: they are as long as they like.
_BESIDE: Final = "beside"
# What Twilio tells of a call, and the names under which a line takes it.
_GIVEN: Final = {"From": "from_number", "To": "to_number", "CallerName": "caller_name"}


class Webhook:
    """The webhook of one host.

    Args:
        host: Who answers; its file has a Twilio account and a public address.
        listen: Returns the listener of a new call.
    """

    def __init__(self, host: Host, listen: Callable[[], Listener]) -> None:
        self._host = host
        self._tickets = Tickets(host.agent.transport.auth_token)
        self._listen = listen
        self._address = host.agent.server.public_url.rstrip("/") + PATH
        self._account = host.agent.transport.account_sid
        self._validator = RequestValidator(host.agent.transport.auth_token)
        self._variants = itertools.cycle(range(len(host.agent.limits.full_say)))

    async def answer(self, request: Request) -> Response:
        """Answer somebody who telephones: with the agent, or with the words that all lines are busy.

        Raises:
            Refused: It is not Twilio that asks, or not about a call that may come.
        """
        form = await _form(request)
        self._verify(request, form)
        call = form.get("CallSid", "")
        if form.get("AccountSid") != self._account or not call:
            raise refuse("bad-webhook", "this is no call of the account")
        if self._tickets.used(call):
            raise refuse("bad-webhook", "the call has had its stream")
        given = {name: form[key] for key, name in _GIVEN.items() if form.get(key)}
        try:
            self._host.admission.reserve(call, shown(given.get("from_number", "")))
        except Refused as refused:
            self._listen()(Trouble("call", refused.problems[0].text))
            return await self._busy()
        ticket = self._tickets.issue(call, {_BESIDE: _digest(given)})
        return _twiml(self._connected({TICKET: ticket, **given}))

    def let_in(self, call: str, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """Let in the stream of a call, and return what came with it.

        Args:
            call: Its SID.
            parameters: The stream's `<Parameter>`s.

        Raises:
            Refused: It has no ticket that is good, or not with these parameters.
        """
        given = {name: value for name, value in parameters.items() if name != TICKET}
        ticket = self._tickets.read(parameters.get(TICKET, ""))
        if ticket.call != call:
            raise refusal("its 'token' is another call's")
        if ticket.said[_BESIDE] != _digest(given):
            raise refusal("its 'token' was given with other parameters")
        self._tickets.use(ticket)
        return given

    async def busy_sound(self, variant: int) -> bytes:
        """Return the words that all lines are busy, as a WAV.

        Args:
            variant: Which of them, from 0.

        Raises:
            Refused: There is no such variant, or nobody can say it.
        """
        words = spoken(self._host.agent.limits.full_say, values_of_file(self._host.agent, local_time()))
        sound = await self._host.sound(words[variant], TELEPHONE_HZ) if variant < len(words) else None
        if not sound:
            raise refuse("no-sound", "there is no such sound")
        held = io.BytesIO()
        with wave.open(held, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(TELEPHONE_HZ)
            file.writeframes(sound)
        return held.getvalue()

    def _verify(self, request: Request, form: Mapping[str, str]) -> None:
        query = f"?{request.url.query}" if request.url.query else ""
        signature = request.headers.get("x-twilio-signature", "")
        if not self._validator.validate(self._address + query, form, signature):
            hint = "is server.public_url the address that Twilio calls, and auth_token that of the account?"
            raise refuse("bad-signature", "this is not signed by Twilio", hint)

    def _connected(self, parameters: Mapping[str, str]) -> VoiceResponse:
        stream = Stream(url=self._address.replace("https", "wss", 1))
        for name, value in parameters.items():
            stream.parameter(name=name, value=value)
        return VoiceResponse().append(Connect().append(stream))

    async def _busy(self) -> Response:
        """Return the words, or the tone of a busy line where nobody can say them."""
        twiml, variant = VoiceResponse(), next(self._variants)
        try:
            await self.busy_sound(variant)
        except Refused:
            twiml.reject(reason="busy")
        else:
            twiml.play(f"{self._address}/full/{variant}.wav")
        return _twiml(twiml)


async def _form(request: Request) -> Mapping[str, str]:
    """Return what was posted.

    Raises:
        Refused: It is too much, or no form.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise refuse("too-large", f"this is more than {_MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=200))
    except ValueError:
        raise refuse("bad-webhook", "this is no form") from None


def _digest(given: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(given.items())).encode()).hexdigest()


def _twiml(twiml: VoiceResponse) -> Response:
    return Response(str(twiml), media_type="text/xml")
