"""What the tests of the OpenAI Realtime emulator share: a client that takes no event the vendor's types refuse."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect

from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.server import serve

Json: TypeAlias = dict[str, Any]

RATE = 24000
_KINDS = {
    get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(RealtimeServerEvent)[0])
}
# The SDK names no such fields of a session, though its responses to other requests have them.
_UNNAMED = {"id", "object", "expires_at"}


def checked(event: Json) -> Json:
    """Return an event that the SDK has a type for, strictly, and that has no field the type has not."""
    parsed = _KINDS[event["type"]].model_validate(event, strict=True)
    assert not list(_strange(parsed)), event
    return event


def _strange(value: object, path: str = "") -> Any:
    if isinstance(value, BaseModel):
        strange = set(value.model_extra or ()) - (_UNNAMED if path == ".session" else set())
        yield from (f"{path}.{name}" for name in strange)
        for name in type(value).model_fields:
            yield from _strange(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _strange(item, f"{path}[]")


def update(**session: Any) -> Json:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def listen(**settings: Any) -> Json:
    return update(audio={"input": settings})


def append(audio: bytes) -> Json:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


def say(text: str, role: str = "user", **more: Any) -> Json:
    content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
    return {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": role, "content": content, **more},
    }


def respond(**response: Any) -> Json:
    return {"type": "response.create", "response": response}


class Client:
    """A raw connection."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line

    async def send(self, *events: Json) -> None:
        for event in events:
            await self.line.send(json.dumps(event))

    async def next(self) -> Json:
        async with asyncio.timeout(10):
            return checked(json.loads(await self.line.recv()))

    async def until(self, kind: str) -> list[Json]:
        """Return the events up to the first of a kind, which is the last of them."""
        events = [await self.next()]
        while events[-1]["type"] != kind:
            events.append(await self.next())
        return events

    async def ask(self, *events: Json) -> Json:
        """Send events; return what answers the last."""
        await self.send(*events)
        return await self.next()

    async def refused(self, *events: Json) -> Json:
        """Send events; return the error that comes of them."""
        await self.send(*events)
        error: Json = (await self.until("error"))[-1]["error"]
        return error


@asynccontextmanager
async def talking(
    emulator: OpenAIRealtime, query: str = "model=gpt-realtime", key: str = "right", **headers: str
) -> AsyncIterator[Client]:
    """Connect to an emulator and take its `session.created`."""
    async with (
        serve([emulator]) as address,
        connect(
            f"ws://{address}/v1/realtime?{query}",
            additional_headers={"Authorization": f"Bearer {key}", **headers},
        ) as line,
    ):
        client = Client(line)
        assert (await client.next())["type"] in ("session.created", "error")
        yield client


def kinds(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


def transcript(events: list[Json]) -> str:
    return "".join(each["delta"] for each in events if each["type"] == "response.output_audio_transcript.delta")


def audio(events: list[Json]) -> bytes:
    return b"".join(base64.b64decode(each["delta"]) for each in events if each["type"] == "response.output_audio.delta")
