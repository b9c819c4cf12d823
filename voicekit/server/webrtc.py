"""WebRTC: an offer comes, an answer goes, and a call begins."""

import asyncio
from collections.abc import Callable, Mapping

from fastapi import HTTPException
from pipecat.transports.smallwebrtc.connection import IceServer, SmallWebRTCConnection
from pipecat.transports.smallwebrtc.request_handler import (
    SmallWebRTCPatchRequest,
    SmallWebRTCRequest,
    SmallWebRTCRequestHandler,
)
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport

from voicekit.problems import refuse
from voicekit.records.events import Listener
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.transport import transport_params

CONNECT_SECS = 15


class WebRtcLines:
    """The WebRTC connections of one host.

    Args:
        host: Who answers.
        listen: Returns the listener of a new call.
    """

    def __init__(self, host: Host, listen: Callable[[], Listener]) -> None:
        self._host = host
        self._listen = listen
        servers = [IceServer(urls=url) for url in host.agent.transport.ice_servers]
        self._handler = SmallWebRTCRequestHandler(ice_servers=servers or None)
        self._calls: set[asyncio.Task[None]] = set()

    async def offer(self, request: SmallWebRTCRequest, given: Mapping[str, str]) -> dict[str, str]:
        """Answer an offer, and begin a call if it is a new one.

        Args:
            request: The offer.
            given: The values that came with a new call.

        Raises:
            Refused: All lines are busy, the offer cannot be read, or a service cannot be built.
        """
        if request.pc_id is None:
            self._host.admission.check()
        if "\nm=audio " not in request.sdp:
            # aiortc would answer it, and a call without sound neither connects nor ends.
            raise refuse("bad-offer", "the offer has no sound in it")
        refused: list[Exception] = []

        async def begin(connection: SmallWebRTCConnection) -> None:
            # Pipecat waits a minute, in which an offer that nobody means holds a line.
            connection.connection_timeout_secs = CONNECT_SECS
            transport = SmallWebRTCTransport(connection, transport_params())
            try:
                call = self._host.call(Line(transport, given=given), self._listen())
            except Exception as error:
                # The handler only logs what its callback raises.
                refused.append(error)
                await connection.disconnect()
                raise
            task = asyncio.get_running_loop().create_task(self._host.hold(call))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

        try:
            answer = await self._handler.handle_web_request(request, begin)
        except Exception as error:
            # aiortc fails an assertion, or an index, or says what is wrong.
            raise refuse("bad-offer", "the offer cannot be read") from error
        if refused or answer is None:
            raise refused[0] if refused else refuse("no-answer", "the connection could not be made")
        return answer

    async def candidates(self, request: SmallWebRTCPatchRequest) -> None:
        """Take candidates that the caller's side found after its offer.

        Raises:
            Refused: There is no such call, or a candidate cannot be read.
        """
        try:
            await self._handler.handle_patch_request(request)
        except HTTPException as error:
            raise refuse("no-call", "there is no such call") from error
        except Exception as error:
            raise refuse("bad-candidate", "a candidate cannot be read") from error

    async def close(self) -> None:
        """Close every connection and wait for the calls to end."""
        await self._handler.close()
        if self._calls:
            await asyncio.wait(self._calls, timeout=5)
