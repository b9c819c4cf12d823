"""Clients: the vendors' HTTP clients that models hold, which Pipecat leaves open when a call ends."""

import inspect

from pipecat.processors.frame_processor import FrameProcessor


async def close_client(service: FrameProcessor) -> None:
    """Close a model's client, where it has one that can be closed: OpenAI's SDK calls it so, and Anthropic's."""
    close = getattr(getattr(service, "_client", None), "close", None)
    if callable(close) and inspect.isawaitable(closing := close()):
        await closing
