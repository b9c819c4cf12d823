"""Clients: the vendors' HTTP clients that services hold: they try once, and are closed when a call ends.

Pipecat leaves them open, and the SDKs try again by themselves, behind the back of whoever waits for an answer.
"""

import inspect
from typing import Any

from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.ai_service import AIService


def ask_once(service: FrameProcessor) -> None:
    """Switch off the second attempts of a service's client, where it has one that OpenAI's or Anthropic's SDK made."""
    client: Any = getattr(service, "_client", None)
    if hasattr(client, "max_retries"):
        client.max_retries = 0


async def close_client(service: FrameProcessor) -> None:
    """Close a service's client, where it has one that can be closed: OpenAI's SDK calls it so, and Anthropic's."""
    close = getattr(getattr(service, "_client", None), "close", None)
    if callable(close) and inspect.isawaitable(closing := close()):
        await closing


async def close_clients(processor: FrameProcessor) -> None:
    """Close the clients of the services in a pipeline; a transport's are its own."""
    if isinstance(processor, AIService):
        await close_client(processor)
    for inner in processor.processors:
        await close_clients(inner)
