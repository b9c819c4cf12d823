"""Realtime: a speech-to-speech service in a call: how the talk with it begins, and how it is made to say a line."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    TranscriptionFrame,
    TTSStartedFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService

from voicekit.config.lines import said
from voicekit.runtime.journal import EXACTLY
from voicekit.runtime.tool_lines import ToolLine
from voicekit.services.llm_rules import Values

if TYPE_CHECKING:
    from pipecat.services.openai.realtime.events import ClientEvent

# What says that a line is on its way, or will not come.
_BEGUN: Final = (TTSStartedFrame, LLMFullResponseEndFrame, InterruptionFrame, ErrorFrame)


class Bypass(FrameProcessor):
    """Takes what is written to the agent past the user aggregator, which would keep it from a realtime service.

    Args:
        service: The service.
    """

    def __init__(self, service: LLMService[Any]) -> None:
        super().__init__()
        self._service = service

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Hand messages to the service, and pass on everything else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMMessagesAppendFrame) and direction is FrameDirection.DOWNSTREAM:
            await self._service.queue_frame(frame)
        else:
            await self.push_frame(frame, direction)


class ToolVoice(FrameProcessor):
    """Has a realtime service say the lines of tools, behind it.

    Args:
        service: The service.
        values: Gives the values of the call, with which lines are filled in.
    """

    def __init__(self, service: LLMService[Any], values: Values) -> None:
        super().__init__()
        self._service = cast("Any", service)
        self._values = values
        self._announced = False
        # One waits for the response that called the tool, which ends just after; then it waits to be heard.
        self._owed: ToolLine | None = None
        self._asked: ToolLine | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the lines of tools, and pass on everything else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, ToolLine):
            await self._take(frame)
            return
        self._heed(frame)
        await self.push_frame(frame, direction)
        if self._owed and isinstance(frame, LLMFullResponseEndFrame):
            owed, self._owed = self._owed, None
            self.create_task(self._say(owed))

    def _heed(self, frame: Frame) -> None:
        if isinstance(frame, LLMFullResponseStartFrame | UserStartedSpeakingFrame):
            self._announced = False
        elif isinstance(frame, TTSTextFrame):
            self._announced = True
        if self._asked and isinstance(frame, _BEGUN):
            self._asked.begun.set()
            self._asked = None

    async def _take(self, line: ToolLine) -> None:
        if self._owed or self._asked or (line.opening and self._announced):
            line.begun.set()
        elif self._service._response_active:
            self._owed = line
        else:
            await self._say(line)

    async def _say(self, line: ToolLine) -> None:
        """Ask for a response to nothing: the next one, behind it, is that to the tool's result."""
        if self._service._response_active or (line.opening and self._announced):
            line.begun.set()
            return
        self._announced = self._announced or line.opening
        self._asked = line
        self._service._response_active = True
        words = EXACTLY.format(line=said(line.line, self._values()))
        await self._service.send_client_event(_response(words))


def _response(instructions: str) -> "ClientEvent":
    from pipecat.services.openai.realtime import events  # noqa: PLC0415 - an extra of Pipecat's

    return events.ResponseCreateEvent(response=events.ResponseProperties(instructions=instructions, tool_choice="none"))


class Realtime:
    """One call's service, and the context it talks in.

    OpenAI's service and those made after it take the first context for the wish to answer it, and the session has no
    tools before: a caller who speaks first would be answered without them, and then a second time. Such a service is
    given its context beforehand, so that the session begins with tools and instructions, and listens.

    Args:
        service: The service, not yet connected.
        context: The call's context, with the tools.
        keypad: What writes to it the keys that the caller presses.
    """

    def __init__(self, service: LLMService[Any], context: LLMContext, keypad: Sequence[FrameProcessor] = ()) -> None:
        # It is asked for what is Pipecat's own, and differs from class to class.
        self._service = cast("Any", service)
        self._context = context
        self._keypad = keypad
        self._answers_first = hasattr(service, "_llm_needs_conversation_setup")
        if self._answers_first:
            self._service._context, self._service._llm_needs_conversation_setup = context, False

    @property
    def tells_turns(self) -> bool:
        """Whether it tells when the caller begins and ends; else a detector of ours must."""
        return self._service.service_metadata_frame().user_turn_strategies is not None

    def on_heard(self, tell: Callable[[str], None]) -> None:
        """Tell the caller's words once they are known; Pipecat's aggregator keeps them until the answer is over."""

        async def pushed(_service: object, frame: Frame) -> None:
            if isinstance(frame, TranscriptionFrame) and frame.text.strip():
                tell(frame.text.strip())

        async def wrote(_keypad: object, frame: Frame) -> None:
            if isinstance(frame, LLMMessagesAppendFrame):
                tell(str(cast("Any", frame.messages[-1])["content"]))

        self._service.add_event_handler("on_before_push_frame", pushed)
        for keypad in self._keypad:
            keypad.add_event_handler("on_before_push_frame", wrote)

    async def open(self) -> None:
        """The line is open: whoever speaks now is answered."""
        if self._answers_first:
            # It takes the handlers of the tools from this.
            await self._service.queue_frame(LLMContextFrame(self._context))

    async def begin(self, greeting: str) -> None:
        """Begin the talk: with the first words, or by listening where they are empty."""
        if greeting:
            self._context.add_message(_instruction(greeting))
        if not self._answers_first:
            await self._service.queue_frame(LLMContextFrame(self._context))
        elif greeting:
            self._service._llm_needs_conversation_setup = True
            await self._service._create_response()

    async def say(self, line: str) -> None:
        """Have the model say a line: once nobody speaks, and only while the session lives."""
        # Past the user aggregator, which would keep the message from the service.
        await self._service.queue_frame(LLMMessagesAppendFrame([_instruction(line)], run_llm=True))


def _instruction(line: str) -> Any:
    # Not the user's: what he says is shown.
    return {"role": "developer", "content": EXACTLY.format(line=line)}
