"""Stage: a file whose providers are emulated on this machine, so that it can be called with no key and no network."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from voicekit.calls.scene import Scene
from voicekit.calls.stand_ins import STAND_INS, StandIn, cast, stand_in
from voicekit.config.account import VARIABLES
from voicekit.config.agent import CASCADE, Agent
from voicekit.config.services import Service
from voicekit.config.suggestions import listed, suggest
from voicekit.config.transport import Transport
from voicekit.emulators.server import Actor, Hearing, serve
from voicekit.emulators.side_channel import SideChannel
from voicekit.emulators.twilio_rest import TwilioRest
from voicekit.problems import Refused, refuse

KEY: Final = "emulated-key"
"""The key that the emulators of a stage take, and no vendor does."""

ACCOUNT: Final = f"AC{'0' * 32}"
"""The account of a stage's telephone carrier."""
_CARRIER: Final = "twilio"


@dataclass(frozen=True, slots=True)
class Stage:
    """A file that is ready to be called.

    Attributes:
        agent: The file, with `endpoint` and the keys of its services and of its carrier replaced and nothing else.
        emulators: Those that stand in for its providers, by name.
        address: Where they are, `127.0.0.1:PORT`; for other processes the side channel is there too.
    """

    agent: Agent
    emulators: Mapping[str, Actor]
    address: str

    @property
    def hears(self) -> bool:
        """Whether an emulator hears the caller, and has to be told what is said."""
        return any(isinstance(emulator, Hearing) for emulator in self.emulators.values())

    def announce(self, text: str, secs: float = 0.0) -> None:
        """Tell the emulator that hears what the caller is about to say, as it cannot recognise it.

        Nothing happens where an engine of this machine hears: that one has to recognise the words.

        Args:
            text: The words.
            secs: How long the speech is: no pause within it ends it.
        """
        for emulator in self.emulators.values():
            if isinstance(emulator, Hearing):
                emulator.announce(text, secs)


def stage_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the key of each provider that can be emulated is the emulators'.

    A file then needs no key, and a real one cannot leave. All else is as it was.

    Args:
        variables: The environment.
    """
    keys = {
        variable: KEY
        for entry in (each.entry() for each in STAND_INS)
        for name, variable in entry.environment.items()
        if entry.options[name].secret
    }
    carrier = dict.fromkeys(VARIABLES.values(), KEY) | {VARIABLES["account_sid"]: ACCOUNT}
    return {**variables, **keys, **carrier}


@asynccontextmanager
async def staged(agent: Agent, scene: Scene | None = None) -> AsyncIterator[Stage]:
    """Emulate the providers of a file for as long as the context is open.

    Args:
        agent: The file, loaded with `stage_variables`.
        scene: How the emulators behave; well and at once where it is left out.

    Raises:
        Refused: A provider has no emulator (`no-emulator`), or the scene tells one that is not there what to do
            (`unknown-emulator`).
    """
    scene = scene or Scene()
    roles = cast(agent.services)
    emulators = {each.emulator: make(each, KEY, scene, services) for each, services in roles.items()}
    if agent.transport.type == _CARRIER and agent.transport.hang_up:
        latency, faults = scene.latency_of(_CARRIER), iter(scene.faults.get(_CARRIER, ()))
        emulators[_CARRIER] = TwilioRest(ACCOUNT, KEY, latency=latency, faults=faults)
    for name in (*scene.latency, *scene.faults):
        if name not in emulators:
            raise unknown(name, emulators)
    async with serve([*emulators.values(), SideChannel(emulators)]) as address:
        yield Stage(_reaching(agent, address), emulators, address)


def make(who: StandIn, key: str, scene: Scene, services: Sequence[Service]) -> Actor:
    """Return an emulator that behaves as the scene says.

    Args:
        who: Which.
        key: The only key it takes.
        scene: How it behaves.
        services: For which services of a file it stands in.
    """
    emulator = who.make(key, scene, services)
    emulator.latency = scene.latency_of(who.emulator)
    emulator.faults = iter(scene.faults.get(who.emulator, ()))
    return emulator


def unknown(name: str, names: Iterable[str]) -> Refused:
    """Return the problem of a name that is none of these emulators', ready to be raised."""
    known = list(names)
    hint = suggest(name, known) or (listed(known) if known else "")
    return refuse("unknown-emulator", f"no emulator here is named '{name}'", hint)


def _reaching(agent: Agent, address: str) -> Agent:
    """Return a file whose services reach their stand-ins."""

    def reach(service: Service) -> Service:
        found = stand_in(service)
        return found.instead_of(service, address, KEY) if found else service

    reached = {kind: tuple(map(reach, getattr(agent, kind))) for kind in CASCADE}
    realtime = reach(agent.realtime) if agent.realtime else None
    return agent.model_copy(
        update={**reached, "realtime": realtime, "transport": _hung_up_at(agent.transport, address)}
    )


def _hung_up_at(transport: Transport, address: str) -> Transport:
    """Return a section whose calls are ended at the carrier's stand-in, with its account and no other."""
    if transport.type != _CARRIER or not transport.hang_up:
        return transport
    account = {"account_sid": ACCOUNT, "auth_token": KEY, "endpoint": f"http://{address}"}
    return transport.model_copy(update=dict.fromkeys(("api_key", "api_secret", "region", "edge"), "") | account)
