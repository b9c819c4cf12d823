"""The rules as a Pipecat LLM service: a context goes in, words or a tool call come out.

The service keeps nothing between two contexts, see `dialogue`. It therefore needs the whole conversation: a
context that was cut or summarised loses the step and the open question.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipecat.adapters.llm.base_llm_adapter import BaseLLMAdapter
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    Frame,
    FunctionCallFromLLM,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings

from voicekit.services.conversation import events
from voicekit.services.dialogue import Book, Call, Reply, Say, answer

Values = Callable[[], Mapping[str, object]]
"""Gives what lines may name besides slots and results, such as `caller` and `now`, at this moment."""

_PIECE = re.compile(r"\s*\S+\s*")


@dataclass
class RulesLLMSettings(LLMSettings):
    """The settings of every LLM service; the rules heed none of them."""


class RulesAdapter(BaseLLMAdapter[dict[str, Any]]):
    """Hands the context over as it is. Pipecat's default adapter would load the SDK of OpenAI."""

    @property
    def id_for_llm_specific_messages(self) -> str:
        """Name the messages that are meant for the rules alone."""
        return "rules"

    async def get_llm_invocation_params(
        self,
        context: LLMContext,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the messages, unchanged."""
        return {"messages": context.get_messages()}

    def to_provider_tools_format(self, tools_schema: ToolsSchema) -> list[Any]:
        """Return the tools as their own dicts."""
        return [tool.to_default_dict() for tool in tools_schema.standard_tools]

    def get_messages_for_logging(
        self,
        context: LLMContext,
    ) -> list[dict[str, Any]]:
        """Return nothing: what was said does not belong in a log."""
        return []


class RulesLLMService(LLMService[RulesAdapter]):
    """Answers from a book of rules.

    Errors are pushed as an `ErrorFrame` and nothing is said: what is heard then is the pipeline's to decide.
    """

    Settings = RulesLLMSettings
    adapter_class = RulesAdapter
    _settings: RulesLLMSettings

    def __init__(
        self,
        *,
        book: Book,
        values: Values | None = None,
        settings: RulesLLMSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Initialize the service.

        Args:
            book: The rules.
            values: What lines may name besides slots and results; asked for before each answer.
            settings: Changes to the settings, which the rules do not heed.
            **kwargs: Handed on to `LLMService`.
        """
        complete = _settings()
        if settings is not None:
            complete.apply_update(settings)
        super().__init__(settings=complete, **kwargs)
        self._book = book
        self._values = values or dict

    def can_generate_metrics(self) -> bool:
        """Say that the service measures its time, so that it can be compared with a model."""
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; pass on everything else."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        try:
            await self.push_frame(LLMFullResponseStartFrame())
            await self.start_processing_metrics()
            await self._process_context(frame.context)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the pipeline goes on and is told
            # The text of the error stays out: it may quote the caller.
            await self.push_error(f"The rules could not answer: {type(error).__name__}", exception=error)
        finally:
            await self.stop_processing_metrics()
            await self.push_frame(LLMFullResponseEndFrame())

    async def run_inference(
        self,
        context: LLMContext,
        max_tokens: int | None = None,
        system_instruction: str | None = None,
        response_schema: dict[str, Any] | None = None,
    ) -> str | None:
        """Return the text of the answer without saying it or calling a tool; None if it has none."""
        self._check_response_schema(response_schema)
        reply = self._reply(context)
        return reply.text or None if isinstance(reply, Say | Call) else None

    async def _process_context(self, context: LLMContext) -> None:
        await self.start_ttfb_metrics()
        reply = self._reply(context)
        await self.stop_ttfb_metrics()
        if isinstance(reply, Say | Call):
            for piece in _PIECE.findall(reply.text):
                await self._push_llm_text(piece)
        if isinstance(reply, Call):
            await self.stop_ttfat_metrics()
            await self.run_function_calls([_function_call(reply, context)])

    def _reply(self, context: LLMContext) -> Reply:
        return answer(self._book, events(context.get_messages()), self._values())


def _settings() -> RulesLLMSettings:
    return RulesLLMSettings(
        model="rules",
        system_instruction=None,
        temperature=None,
        max_tokens=None,
        top_p=None,
        top_k=None,
        frequency_penalty=None,
        presence_penalty=None,
        seed=None,
        filter_incomplete_user_turns=False,
        user_turn_completion_config=None,
    )


def _function_call(call: Call, context: LLMContext) -> FunctionCallFromLLM:
    tools = context.tools
    schemas = tools.standard_tools if isinstance(tools, ToolsSchema) else []
    schema = next((tool for tool in schemas if tool.name == call.name), None)
    arguments = dict(_typed(call, schema.properties)) if schema else dict(call.arguments)
    return FunctionCallFromLLM(
        function_name=call.name,
        tool_call_id=f"rules_{uuid.uuid4().hex}",
        arguments=arguments,
        context=context,
    )


def _typed(call: Call, parameters: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yield the arguments that the tool takes, texts as the types it declares.

    What a slot caught beyond the tool's parameters is for the lines, not for the tool. What is no value of
    the declared type goes on as text: the tool's own check knows what to say of it.
    """
    for name, text in call.arguments.items():
        if name not in parameters:
            continue
        declared = parameters[name].get("type")
        wanted = _TYPES.get(declared) if isinstance(declared, str) else None
        yield name, _as(text, wanted) if wanted else text


_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _as(text: str, wanted: tuple[type, ...]) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    # A bool is an int to isinstance, not to a schema.
    return value if type(value) in wanted else text
