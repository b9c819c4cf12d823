"""Own lines: what an agent says that its file does not, in its language; and what a file must write without them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from voicekit.config.document import Scalar
from voicekit.config.phrasebook import Phrasebook
from voicekit.config.switch import is_false

if TYPE_CHECKING:
    from voicekit.config.agent import Agent

# Stands for the language's own list, as an item or as the whole line.
BUILTIN: Final = "builtin"
# What stands for a line that is not there, where it is not one silent variant.
_NOTHING: Final[Mapping[str, tuple[str, ...]]] = {"nudges": (), "never": (), "always": ()}


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line that a language brings.

    Attributes:
        path: Where it stands: its sections, and its key.
        phrases: The field of a phrasebook that has it.
        off: What a file may write to do without it; empty where it must be written if its language has none.
        switches: The keys of the section that switch it off with `false`.
        listed: Whether `builtin` may stand in the file's own.
        said: Whether the agent says it; else it is what a caller says.
        spare: Whether a language that has none does without.
    """

    path: tuple[str, ...]
    phrases: str
    off: str = ""
    switches: tuple[str, ...] = ()
    listed: bool = False
    said: bool = True
    spare: bool = False

    @property
    def key(self) -> str:
        """Its key in its section."""
        return self.path[-1]

    def of(self, agent: "Agent") -> tuple[str, ...]:
        """Return what a checked file has of it; nothing where its section is switched off."""
        section: Any = agent
        for key in self.path[:-1]:
            section = getattr(section, key)
        return getattr(section, self.key) if section else ()

    def asked(self, written: dict[str, Any]) -> list[Any]:
        """Return what its section has of it, `builtin` where that says nothing."""
        say = written.get(self.key, BUILTIN)
        return say if isinstance(say, list) and self.listed else [say]

    def needed(self, written: dict[str, Any]) -> bool:
        """Say whether its section must have it where its language has none."""
        return not self.spare and (not self.off or self.key in written or (self._of_fillers and bool(written)))

    def silenced(self, written: dict[str, Any]) -> bool:
        """Say whether its section does without it."""
        return self.spare or any(is_false(written.get(key)) for key in self.switches)

    @property
    def _of_fillers(self) -> bool:
        return self.path[0] == "fillers"


OWN_LINES: Final = (
    OwnLine(("fillers", "say"), "fillers", off="fillers: false", listed=True),
    OwnLine(("silence", "nudges"), "nudges", off="silence: {nudges: []}", listed=True),
    OwnLine(("silence", "goodbye"), "silence_goodbye"),
    OwnLine(("failure", "say"), "failure"),
    OwnLine(("failure", "goodbye"), "failure_goodbye"),
    OwnLine(
        ("limits", "warn_say"),
        "limits_warning",
        off="limits: {warn_secs: false}",
        switches=("warn_secs", "call_secs"),
    ),
    OwnLine(("limits", "goodbye"), "limits_goodbye"),
    OwnLine(("limits", "full_say"), "limits_full", spare=True),
    OwnLine(("turn", "interruption", "never"), "backchannels", listed=True, said=False, spare=True),
    OwnLine(("turn", "interruption", "always"), "stop_words", listed=True, said=False, spare=True),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """The lines of a file for which its language has none.

    Attributes:
        needed: What the file must write.
        off: What is not said, unless the file writes it.
    """

    needed: tuple[str, ...] = ()
    off: tuple[OwnLine, ...] = ()


def fill_in(values: dict[str, Any], phrases: Phrasebook | None, *, fillers: bool) -> Missing:
    """Give a file the lines of its language that it asks for or leaves out; return those that there are none for.

    Args:
        values: The sections of the file, by name; what is missing is put in.
        phrases: The lines of its language.
        fillers: Whether a file that says nothing of fillers has some.
    """
    needed, off = [], []
    for line in OWN_LINES:
        written = _section(values, line.path[:-1])
        if written is None or (line.path[0] == "fillers" and not (fillers or written)):
            continue
        items = line.asked(written)
        if not any(_is_builtin(item, line) for item in items):
            continue
        if phrases is None and line.needed(written):
            needed.append(".".join(line.path))
        elif phrases is None and not line.silenced(written):
            off.append(line)
        if phrases or written or line.path[0] != "fillers":
            own = getattr(phrases, line.phrases) if phrases else _NOTHING.get(line.key, ("",))
            filled = [each for item in items for each in (own if _is_builtin(item, line) else [item])]
            _put(values, line.path, filled)
    return Missing(tuple(needed), tuple(off))


def _section(values: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Return what a file has of a section, and None where that is no mapping."""
    found: Any = values
    for key in path:
        found = found.get(key, {}) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _put(values: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    key, *rest = path
    if rest:
        inner = dict(values.get(key, {}))
        _put(inner, tuple(rest), value)
        value = inner
    values[key] = value


def _is_builtin(item: object, line: OwnLine) -> bool:
    if item == BUILTIN:
        return True
    return line.listed and isinstance(item, Scalar) and item.plain and item.text == BUILTIN
