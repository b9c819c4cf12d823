"""Stand-ins: which emulator answers in place of which provider of a file, and at which address."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from voicekit.calls.scene import Scene
from voicekit.config.services import Service
from voicekit.emulators.anthropic_messages import AnthropicMessages
from voicekit.emulators.deepgram_flux import DeepgramFlux
from voicekit.emulators.deepgram_listen import DeepgramListen
from voicekit.emulators.elevenlabs_stream import VOICES, ElevenLabsStream
from voicekit.emulators.openai_chat import OpenAIChat
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.openai_speech import OpenAISpeech
from voicekit.emulators.openai_transcriptions import OpenAITranscriptions
from voicekit.emulators.server import Actor
from voicekit.problems import Problem, Refused
from voicekit.providers.catalog import Kind, Provider, catalog

# What makes an emulator: the key it takes, what it is told, and the services of a file for which it stands in.
Make: TypeAlias = Callable[[str, Scene, Sequence[Service]], Actor]


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """One emulator in the place of one provider.

    Attributes:
        kind: The section.
        provider: Its name there.
        emulator: The emulator's name.
        endpoint: What `endpoint` becomes; `{address}` stands for host and port.
        make: Makes the emulator.
        unset: What stands for an option whose variable is unset, where nothing is right and the emulator knows one.
    """

    kind: Kind
    provider: str
    emulator: str
    endpoint: str
    make: Make
    unset: Mapping[str, str] = field(default_factory=dict)

    def entry(self) -> Provider:
        """Return the provider's entry in the catalogue."""
        found = catalog().find(self.kind, self.provider)
        if found is None:
            raise LookupError(self.provider)
        return found

    def instead_of(self, service: Service, address: str, key: str) -> Service:
        """Return a service that reaches the emulator at this address with this key, and is otherwise the same."""
        unset = {name: text for name, text in self.unset.items() if not service.options.get(name)}
        secrets = {option.name: key for option in service.provider.options.values() if option.secret}
        endpoint = {"endpoint": self.endpoint.format(address=address)}
        return replace(service, options={**service.options, **unset, **secrets, **endpoint})


def _deepgram(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return DeepgramListen(key, unannounced=scene.unannounced)


def _deepgram_flux(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return DeepgramFlux(key, unannounced=scene.unannounced)


def _openai_asr(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return OpenAITranscriptions(key, unannounced=scene.unannounced)


def _openai(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return OpenAIChat(key, scene.script)


def _openai_compatible(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return OpenAIChat(key, scene.script, models=re.compile(".+"), path="/compatible/v1")


def _anthropic(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return AnthropicMessages(key, scene.script)


def _elevenlabs(key: str, scene: Scene, services: Sequence[Service]) -> Actor:
    # An account has voices of its own that nobody else can know: the file's are among them.
    named = {str(service.options["voice"]) for service in services if service.options.get("voice")}
    return ElevenLabsStream(key, voices=VOICES | named | scene.voices)


def _openai_tts(key: str, _scene: Scene, _services: Sequence[Service]) -> Actor:
    return OpenAISpeech(key)


def _openai_realtime(key: str, scene: Scene, _services: Sequence[Service]) -> Actor:
    return OpenAIRealtime(key, scene.script, unannounced=scene.unannounced)


STAND_INS: Final = (
    StandIn("asr", "deepgram", "deepgram", "ws://{address}", _deepgram),
    StandIn("asr", "deepgram-flux", "deepgram-flux", "ws://{address}/v2/listen", _deepgram_flux),
    StandIn("asr", "openai", "openai-asr", "http://{address}/v1", _openai_asr),
    StandIn("llm", "openai", "openai", "http://{address}/v1", _openai),
    StandIn("llm", "openai-compatible", "openai-compatible", "http://{address}/compatible/v1", _openai_compatible),
    StandIn("llm", "anthropic", "anthropic", "http://{address}", _anthropic),
    StandIn("tts", "elevenlabs", "elevenlabs", "ws://{address}", _elevenlabs, {"voice": min(VOICES)}),
    StandIn("tts", "openai", "openai-tts", "http://{address}/v1", _openai_tts),
    StandIn("realtime", "openai", "openai-realtime", "ws://{address}/v1/realtime", _openai_realtime),
)

# What runs on this machine needs none.
EMBEDDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "asr": ("pocketsphinx",),
    "llm": ("rules",),
    "tts": ("auto", "espeak", "flite"),
}


def stand_in(service: Service) -> StandIn | None:
    """Return who stands in for a service, or None for one that runs on this machine.

    Raises:
        Refused: Nobody can.
    """
    name = service.provider.name
    if name in EMBEDDED.get(service.kind, ()):
        return None
    for each in STAND_INS:
        if (each.kind, each.provider) == (service.kind, name):
            return each
    what = f"the class '{name}'" if service.written else f"{service.kind} '{name}'"
    raise Refused([Problem("no-emulator", f"no emulator stands in for {what}", service.place, _possible())])


def cast(services: Iterable[Service]) -> dict[StandIn, list[Service]]:
    """Return who stands in for which of some services.

    Raises:
        Refused: Nobody can for some of them: a problem for each.
    """
    roles: dict[StandIn, list[Service]] = {}
    problems: list[Problem] = []
    for service in services:
        try:
            if found := stand_in(service):
                roles.setdefault(found, []).append(service)
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    return roles


def _possible() -> str:
    return f"there are emulators for {'; '.join(_by_kind())}; {_joined(EMBEDDED)} need none"


def _by_kind() -> Iterator[str]:
    for kind in dict.fromkeys(each.kind for each in STAND_INS):
        yield f"{kind} {', '.join(each.provider for each in STAND_INS if each.kind == kind)}"


def _joined(names: Mapping[Kind, tuple[str, ...]]) -> str:
    return ", ".join(name for group in names.values() for name in group)
