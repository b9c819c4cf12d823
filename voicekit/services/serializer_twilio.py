"""Twilio's serializer, Pipecat's, with a hang-up that has a time limit and says when it fails."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from pipecat.serializers.twilio import TwilioFrameSerializer

HANG_UP_SECS: Final = 5.0


class TwilioSerializer(TwilioFrameSerializer):
    """Twilio's Media Streams, https://www.twilio.com/docs/voice/media-streams/websocket-messages.

    Args:
        tell: Told in a sentence why a call could not be ended.
        arguments: Pipecat's.
    """

    def __init__(self, tell: Callable[[str], None], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._tell = tell
        root = self._base_url.rstrip("/") if self._base_url else f"https://{_host(self._region, self._edge)}"
        self._call_url = f"{root}/2010-04-01/Accounts/{self._account_sid}/Calls/{self._call_sid}.json"

    async def _hang_up_call(self) -> None:
        """End the call at Twilio; one that has ended already is right as it is (error 20404)."""
        try:
            async with asyncio.timeout(HANG_UP_SECS):
                status = await self._complete()
        except TimeoutError:
            self._tell(f"Twilio did not end the call within {HANG_UP_SECS:g} s")
        except (aiohttp.ClientError, OSError) as error:
            self._tell(f"Twilio was not reached to end the call: {type(error).__name__}")
        else:
            if status not in (200, 404):
                self._tell(f"Twilio did not end the call: it answered {status}")

    async def _complete(self) -> int:
        login, password = self._account_sid or "", self._auth_token or ""
        if not password:
            login, password = self._api_key_sid or "", self._api_key_secret or ""
        headers = {"Authorization": aiohttp.encode_basic_auth(login, password)}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(self._call_url, data={"Status": "completed"}) as response,
        ):
            return response.status


def _host(region: str | None, edge: str | None) -> str:
    """Return the API's host, https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations."""
    return ".".join(["api", *(part for part in (edge, region) if part), "twilio.com"])
