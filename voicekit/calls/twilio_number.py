"""Twilio number: what Twilio's network does between somebody who telephones and the webhook of a number.

Signatures: https://www.twilio.com/docs/usage/webhooks/webhooks-security. What a stream may be:
https://www.twilio.com/docs/voice/twiml/stream ("wss is the only supported protocol", no query, a `<Parameter>`'s name
and value below 500 characters together). Errors: https://www.twilio.com/docs/api/errors.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

import aiohttp

from voicekit.calls.caller import CONNECT_SECS, CallFailed
from voicekit.calls.twilio_caller import ACCOUNT, TwilioCaller
from voicekit.emulators.twilio_rest import TwilioRest

CALLER: Final = "+15550100001"
CALLED: Final = "+15550100002"
_LONGEST_PARAMETER: Final = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered."""

    status: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TwilioNumber:
    """A number whose calls go to a webhook.

    Attributes:
        webhook: Its address as it was pasted into the console, `https://…/twilio`.
        address: Where that leads, `http://host:port`.
        token: The account's auth token.
        account: The account's SID.
    """

    webhook: str
    address: str
    token: str
    account: str = ACCOUNT

    async def call(
        self,
        caller: str = CALLER,
        *,
        more: Mapping[str, str] | None = None,
        rest: TwilioRest | None = None,
        record: Path | None = None,
    ) -> TwilioCaller:
        """Telephone the number, and speak with whoever its webhook connects.

        Args:
            caller: The caller's number.
            more: What Twilio tells besides, as `CallerName`.
            rest: The API by which the agent ends the call, or None where it cannot.
            record: A WAV to write when the call is over.

        Raises:
            CallFailed: Nobody is connected: Twilio reads something out, gives the tone of a busy line, or an error.
        """
        sid = f"CA{secrets.token_hex(16)}"
        answer = await self.ask(self.form(sid, caller, more or {}))
        stream = _stream(answer)
        url, own = str(stream.get("url")), urlsplit(self.webhook)
        if urlsplit(url).netloc != own.netloc:
            raise CallFailed(f"the stream leads to another host: {url}")
        given = {str(each.get("name")): str(each.get("value")) for each in stream.findall("Parameter")}
        talk = TwilioCaller(given, account=self.account, rest=rest, record=record, sid=sid)
        return await talk.dial(f"{self.address.replace('http', 'ws', 1)}{urlsplit(url).path}")

    def form(self, sid: str, caller: str = CALLER, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what Twilio posts of a call, https://www.twilio.com/docs/voice/twiml#request-parameters."""
        told = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "CallSid": sid,
            "CallStatus": "ringing",
            "Called": CALLED,
            "Caller": caller,
            "Direction": "inbound",
            "From": caller,
            "To": CALLED,
        }
        return {**told, **(more or {})}

    def signature(self, form: Mapping[str, str]) -> str:
        """Return what Twilio signs a webhook with."""
        signed = self.webhook + "".join(name + form[name] for name in sorted(form))
        return base64.b64encode(hmac.new(self.token.encode(), signed.encode(), hashlib.sha1).digest()).decode()

    async def ask(self, form: Mapping[str, str], signature: str | None = None) -> Answer:
        """Post to the webhook, as its host knows it from a proxy.

        Args:
            form: What is posted.
            signature: In place of the right one.
        """
        own = urlsplit(self.webhook)
        headers = {
            "Host": own.netloc,
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": own.scheme,
            "X-Twilio-Signature": self.signature(form) if signature is None else signature,
        }
        url = f"{self.address}{own.path}{f'?{own.query}' if own.query else ''}"
        timeout = aiohttp.ClientTimeout(total=CONNECT_SECS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=dict(form), headers=headers) as response,
        ):
            return Answer(response.status, response.content_type, await response.text())


def _stream(answer: Answer) -> ElementTree.Element:
    """Return the stream that a webhook's answer connects a caller to.

    Raises:
        CallFailed: It connects him to none, or Twilio would not take it.
    """
    if answer.status != 200:
        raise CallFailed(f"11200: the webhook answers {answer.status}: {answer.text}")
    if answer.kind not in ("text/xml", "application/xml", "text/html"):
        raise CallFailed(f"12300: the webhook's answer is {answer.kind}")
    try:
        twiml = ElementTree.fromstring(answer.text)  # noqa: S314 - our own server's answer
    except ElementTree.ParseError as error:
        raise CallFailed(f"12100: the webhook's answer cannot be read: {error}") from error
    stream = twiml.find("Connect/Stream")
    if twiml.tag != "Response" or stream is None:
        first = next(iter(twiml), twiml)
        raise CallFailed(f"nobody is connected: {first.tag} {first.text or dict(first.attrib)}")
    url = str(stream.get("url"))
    if urlsplit(url).scheme != "wss" or urlsplit(url).query:
        raise CallFailed(f"31921: no stream is opened to {url}")
    for each in stream.findall("Parameter"):
        if len(str(each.get("name"))) + len(str(each.get("value"))) > _LONGEST_PARAMETER:
            raise CallFailed(f"31103: the parameter '{each.get('name')}' is too long")
    return stream
