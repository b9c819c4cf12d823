"""The HTTP clients that services hold: those of a call are closed with it, wherever in its pipeline they are."""

from openai import AsyncOpenAI
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService

from voicekit.runtime.clients import close_clients


async def test_the_clients_of_all_services_are_closed_and_no_others() -> None:
    ear, voice, other = OpenAISTTService(api_key="k"), OpenAITTSService(api_key="k"), IdentityFilter()
    async with AsyncOpenAI(api_key="k") as client:
        other._client = client  # type: ignore[attr-defined] # as a transport has one
        await close_clients(Pipeline([other, ear, ParallelPipeline([voice])]))
        assert [each._client.is_closed() for each in (ear, voice)] == [True, True]
        assert not client.is_closed()
