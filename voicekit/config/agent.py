"""Agent: the sections of a voicekit file and the type, default and range of each key.

This is the one description of the language; `Agent` is what a checked file becomes. A key's docstring is what
a user reads about it. A tool is in `voicekit.config.tool`, the transport in `voicekit.config.transport`; services
(asr, llm, tts, realtime) are read by `voicekit.config.services`.
"""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo
from pydantic_core import PydanticCustomError

from voicekit.config.failure import Failure, Fallback
from voicekit.config.limits import Limits
from voicekit.config.lines import Line, Template
from voicekit.config.memory import Memory
from voicekit.config.ranges import LANGUAGE, NAME, between, formed
from voicekit.config.scalars import Bool, Int, Num, Text, read_text
from voicekit.config.section import Section, absent
from voicekit.config.server import Server
from voicekit.config.services import Service
from voicekit.config.silence import Silence
from voicekit.config.switch import FALSE_IS_NONE
from voicekit.config.telephony import Dtmf, Telephony
from voicekit.config.tool import CheckedTool, ToolName
from voicekit.config.transport import TELEPHONY, Transport
from voicekit.config.turn import End, Turn

if TYPE_CHECKING:
    from voicekit.config.rules import Rules


class Greeting(Section):
    """The first thing the agent says."""

    say: Annotated[Line, Field(examples=["Hello, this is Acme. How can I help?"])]
    """The words."""
    interruptible: Bool = True
    """Whether the caller may cut it short."""
    delay_ms: Annotated[Int, between(0, 5000)] = 0
    """Milliseconds after the line is open."""


class Vad(Section):
    """Who hears that somebody speaks, in Pipecat's words."""

    provider: Annotated[Literal["silero"], BeforeValidator(read_text)] = "silero"
    """Which detector."""
    confidence: Annotated[Num, between(0, 1)] = 0.7
    """How sure it must be; lower is more sensitive."""
    start_secs: Annotated[Num, between(0.05, 2)] = 0.2
    """Seconds of speech before it counts."""
    stop_secs: Annotated[Num, between(0.05, 2)] = 0.2
    """Seconds of silence before speech has stopped."""
    min_volume: Annotated[Num, between(0, 1)] = 0.6
    """Quieter is not speech."""


class Fillers(Section):
    """What is said when the answer is late."""

    say: Annotated[Line, Field(json_schema_extra=absent("the language's own"), examples=["One moment."])]
    """The words, which take turns; the item `builtin` stands for the language's own. None of it reaches the model,
    and the answer cuts it off."""
    after_ms: Annotated[Int, between(200, 10000)] = 900
    """Milliseconds of waiting: since the caller's turn ended, or since a tool started."""
    again_ms: Annotated[Int, between(200, 10000)] = 4000
    """Milliseconds until the next one, while the caller still waits."""
    per_turn: Annotated[Int, between(1, 5)] = 2
    """The most in one turn."""


CASCADE: Final = ("asr", "llm", "tts")
"""The services that a call passes one after another, where no `realtime` is all of them."""
_WITHOUT_REALTIME: Final = "required without realtime"


def _all_three(realtime: Service | None, info: ValidationInfo) -> Service | None:
    missing = [kind for kind in CASCADE if not info.data.get(kind)]
    if realtime is None and missing:
        raise PydanticCustomError("incomplete-cascade", "incomplete cascade", {"missing": missing})
    return realtime


# What a call may cost where the file does not say and everything in it has a list price, in US dollars.
_USUAL_COST: Final = 5.0


def _costed(limits: Limits, info: ValidationInfo) -> Limits:
    named = [service for kind in CASCADE for service in info.data.get(kind, ())]
    named += [realtime] if (realtime := info.data.get("realtime")) else []
    if "cost_usd" in limits.model_fields_set or any(service.price is None for service in named):
        return limits
    return limits.model_copy(update={"cost_usd": _USUAL_COST})


class Agent(Section):
    """One file, checked: it has either asr, llm and tts, or realtime, or all four where a check refuses it."""

    version: Annotated[Int, between(1, 1)]
    """Of the language."""
    name: Annotated[Text, formed(r"[a-z0-9-]{1,63}", NAME), Field(examples=["callcenter"])]
    """In records, logs and exports."""
    description: Annotated[Text, Field(examples=["The service line of Acme."])] = ""
    """For people."""
    language: Annotated[Text, formed(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", LANGUAGE), Field(examples=["en-GB"])] = "en"
    """What is spoken: the default of asr and tts, and of built-in phrases."""
    prompt: Annotated[Template, Field(examples=["You are the voice of Acme's service line. Be brief and warm."])] = ""
    """The model's instructions. `{{caller.number}}`, `{{today}}` and the other values of a call are filled in."""
    greeting: Annotated[Greeting | None, FALSE_IS_NONE] = None
    """The first thing said. Absent or `false`: the caller speaks first."""
    transport: Transport = Field(default_factory=Transport)
    """How the caller's sound comes and goes."""
    telephony: Annotated[Telephony, Field(json_schema_extra=absent("on a telephone, keys are heard"))] = Field(
        default_factory=Telephony
    )
    """What a telephone has that a browser has not."""
    server: Server = Field(default_factory=Server)
    """Where calls come in."""
    vad: Vad = Field(default_factory=Vad)
    """Who hears that somebody speaks."""
    turn: Annotated[
        Turn,
        Field(json_schema_extra=absent("as each of its keys says"), examples=[{"end": "fixed", "wait_ms": 600}]),
    ]
    """When the caller has finished, and when he is heard."""
    asr: Annotated[
        tuple[InstanceOf[Service], ...],
        Field(examples=["deepgram/nova-3"], json_schema_extra=absent(_WITHOUT_REALTIME)),
    ] = ()
    """Who hears; several are tried in order."""
    llm: Annotated[
        tuple[InstanceOf[Service], ...],
        Field(examples=["openai/gpt-4o-mini", ["openai", "anthropic"]], json_schema_extra=absent(_WITHOUT_REALTIME)),
    ] = ()
    """Who thinks; several are tried in order."""
    tts: Annotated[
        tuple[InstanceOf[Service], ...],
        Field(
            examples=[{"provider": "elevenlabs", "voice": "21m00Tcm4TlvDq8ikWAM"}],
            json_schema_extra=absent(_WITHOUT_REALTIME),
        ),
    ] = ()
    """Who speaks; several are tried in order."""
    realtime: Annotated[
        InstanceOf[Service] | None,
        AfterValidator(_all_three),
        Field(validate_default=True, examples=["openai/gpt-realtime"]),
    ] = None
    """Who hears, thinks and speaks, in place of asr, llm and tts."""
    tools: dict[ToolName, CheckedTool] = Field(
        default_factory=dict, examples=[{"lookup_order": {"python": "tools:lookup_order"}, "end_call": "builtin"}]
    )
    """What the agent can do."""
    memory: Memory = Field(default_factory=Memory, examples=[{"keep": "window", "turns": 5}])
    """What of a call the model sees."""
    fillers: Annotated[
        Fillers | None,
        FALSE_IS_NONE,
        Field(json_schema_extra=absent("the language's own words, after 900 ms; nothing with realtime")),
    ] = None
    """What is said when the answer is late: words, or how and when. `false`: nothing."""
    silence: Annotated[
        Silence | None,
        FALSE_IS_NONE,
        Field(json_schema_extra=absent("after 10 seconds, in the language's own words")),
    ] = None
    """What happens when the caller says nothing. `false`: the agent waits."""
    fallback: Fallback = Field(default_factory=Fallback)
    """When the next service of a list takes over."""
    failure: Annotated[Failure, Field(json_schema_extra=absent("the language's own words"))]
    """What the caller hears when a turn cannot be answered."""
    limits: Annotated[
        Limits,
        AfterValidator(_costed),
        Field(json_schema_extra=absent("10 minutes, 200 turns, 50 calls of tools, 5 US dollars")),
    ]
    """How much one call may take."""

    @property
    def services(self) -> tuple[Service, ...]:
        """The services of the file, in the order in which a call passes them."""
        return (*self.asr, *self.llm, *self.tts, *((self.realtime,) if self.realtime else ()))

    @property
    def lists(self) -> tuple[tuple[Service, ...], ...]:
        """Who hears, who thinks and who speaks, each in the order in which they are tried."""
        return self.asr, self.llm, self.tts

    @property
    def rules(self) -> "Rules | None":
        """The rules that answer in place of a model; None where a model does."""
        return next((service.rules for service in self.llm if service.rules), None)

    @property
    def dtmf(self) -> Dtmf | None:
        """How the keys that the caller presses are read; None where none are."""
        return self.telephony.dtmf if self.transport.type in TELEPHONY else None

    @property
    def is_reached(self) -> bool:
        """Whether a telephone carrier reaches the server from outside this machine."""
        return bool(self.server.public_url) and self.transport.type in TELEPHONY

    @property
    def turn_end(self) -> End:
        """Who decides that the caller has finished, where the file does not say so, too."""
        own = bool(self.realtime) or any(each.provider.ends_turns(each.options) for each in self.asr[:1])
        return self.turn.end or ("provider" if own else "smart")

    @property
    def has_own_turns(self) -> bool:
        """Whether an asr of the file ends turns itself while it is at work."""
        return any(each.provider.ends_turns(each.options) for each in self.asr)

    @property
    def detects_speech(self) -> bool:
        """Whether `vad` hears that somebody speaks: not where a realtime service does, and tells of it."""
        return not (self.realtime and self.realtime.provider.proposes_turns and self.turn_end == "provider")
