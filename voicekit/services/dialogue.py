"""Dialogue: what `llm: rules` answers. Pure: it knows neither Pipecat nor time, and remembers nothing.

The answer is computed from the whole conversation each time, so that an interruption, a withdrawn guess or
a service that takes over half-way finds the same step, the same open question and the same next variant.

- Rules are tried in order, those of the current step first; the first whose phrase was said answers.
- `ask`: while a slot is missing its question is said, and what follows is read as the answer: by one of the
  rule's own phrases if one brings the slot, else by the kind of the slot. If neither reads it, another rule
  may answer; if none does, the question is said once more, and after that `otherwise`.
- A tool is called with every slot, then `with`. Its `say` follows when it has succeeded, `failed` when it has
  not: a result with an `error`, a call that was cancelled or late. A `say` with a value that is missing
  counts as failed, too. Without `failed`, `otherwise` is said. A rule with a tool and no `say` leaves success
  to the tool's own lines: it is answered by nothing.
- After a tool of `Book.final` nobody listens any more, so the rule's `say` goes out with the call.
- `go` moves when the rule has answered: without a tool at once, with one when it has succeeded; `start`
  leaves a step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from voicekit.config.hearing.phrase import Phrase, Utterance, parse, utterance
from voicekit.config.placeholders import MissingValueError, PlaceholderError, fill
from voicekit.services.book import Book, Line, Rule

__all__ = [
    "Book",
    "Call",
    "Called",
    "Event",
    "Heard",
    "Line",
    "Nothing",
    "Prompted",
    "Reply",
    "Rule",
    "Said",
    "Say",
    "Told",
    "answer",
]

START: Final = "start"
_MOST_TRIES: Final = 2
_NO_VALUES: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller said something."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """The tool that the last answer asked for was started, under an id."""

    call: str
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """A tool gave its result: any JSON value. `failed` for one that was cancelled, late or broken."""

    call: str
    result: Any
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The agent said something: what came before is answered."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """The agent was asked to say something though nobody spoke."""


Event = Heard | Called | Told | Said | Prompted


@dataclass(frozen=True, slots=True)
class Say:
    """Say a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """Run a tool; say `text` first, if there is one."""

    name: str
    arguments: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Everything is answered."""


Reply = Say | Call | Nothing


def answer(book: Book, events: Iterable[Event], values: Mapping[str, object] = _NO_VALUES) -> Reply:
    """Return what the agent answers to a conversation.

    Args:
        book: The rules.
        events: The conversation from its beginning, in order.
        values: What lines may name besides slots and results, such as `caller` and `now`.

    Raises:
        PlaceholderError: The line or the argument that is due is not a template. A checked file has none such.
    """
    talk = _Talk(book, values)
    broken: PlaceholderError | None = None
    for event in events:
        try:
            broken = None
            talk.take(event)
        except PlaceholderError as error:
            # It spoils the answer to this event, not to those that follow.
            broken, talk.owed = error, None
    if broken is not None:
        raise broken
    return talk.owed or talk.late or Nothing()


@dataclass(frozen=True, slots=True)
class _Use:
    """A rule that is being carried out."""

    rule: Rule
    slots: Mapping[str, str]
    asked: str = ""
    tries: int = 0

    @property
    def known(self) -> Mapping[str, object]:
        """What its lines may name of its own. A slot that was not heard hides the call's value of that name."""
        slots = (slot for phrase in self.rule.hear for slot in phrase.slots)
        return {**dict.fromkeys((*slots, *self.rule.ask)), **self.slots}


class _Talk:
    """A conversation as far as it was read."""

    def __init__(self, book: Book, values: Mapping[str, object]) -> None:
        self.book = book
        self.values = values
        self.step = ""
        self.asking: _Use | None = None
        self.placing: _Use | None = None
        self.calls: dict[str, _Use] = {}
        self.turns: dict[Line, int] = {}
        self.owed: Reply | None = None
        # A result may be written before a later turn of the caller, into the place of its call.
        self.late: Reply | None = None
        self.is_told = False

    def take(self, event: Event) -> None:
        if isinstance(event, Heard):
            self.late = self.owed if self.is_told else None
            self.owed = self.hear(utterance(event.text))
        elif isinstance(event, Called):
            self.owed = None
            if self.placing and self.placing.rule.tool == event.name:
                self.calls[event.call] = self.placing
            self.placing = None
        elif isinstance(event, Told):
            self.owed, self.late = self.tell(event), None
        elif isinstance(event, Said):
            self.owed = None
        elif self.owed is None and self.late is None:
            self.owed = self.again()
        self.is_told = isinstance(event, Told)

    def hear(self, heard: Utterance) -> Reply:
        asking, self.asking = self.asking, None
        self.placing = None
        found = _answered(asking, heard) if asking else None
        use = found or self.find(heard)
        if use:
            return self.use(use)
        if asking and asking.tries < _MOST_TRIES:
            return self.ask(asking, asking.asked)
        return self.otherwise()

    def find(self, heard: Utterance) -> _Use | None:
        for rule in (*self.book.steps.get(self.step, ()), *self.book.rules):
            for phrase in rule.hear:
                slots = phrase.match(heard)
                if slots is not None:
                    return _Use(rule, slots)
        return None

    def use(self, use: _Use) -> Reply:
        rule = use.rule
        for slot in rule.ask:
            if slot not in use.slots and slot not in rule.with_:
                return self.ask(replace(use, tries=0), slot)
        if rule.tool:
            return self.call(use)
        self.go(rule)
        return self.say(rule.say, use.known) if rule.say else Nothing()

    def ask(self, use: _Use, slot: str) -> Reply:
        self.asking = replace(use, asked=slot, tries=use.tries + 1)
        return self.say(use.rule.ask[slot], use.known)

    def call(self, use: _Use) -> Reply:
        rule = use.rule
        try:
            more = {name: fill(text, {**self.values, **use.known}) for name, text in rule.with_.items()}
        except MissingValueError:
            return self.failed(rule, use.known)
        known = {**use.slots, **more}
        self.placing = replace(use, slots=known)
        spoken = self.say(rule.say, self.placing.known) if rule.say and rule.tool in self.book.final else Nothing()
        return Call(rule.tool, known, spoken.text if isinstance(spoken, Say) else "")

    def tell(self, event: Told) -> Reply:
        use = self.calls.pop(event.call, None)
        if use is None:
            # Another service placed this call and then fell silent.
            return self.otherwise()
        rule, known = use.rule, {**use.known, "result": event.result}
        if event.failed or _is_error(event.result):
            return self.failed(rule, known)
        self.go(rule)
        if not rule.say or rule.tool in self.book.final:
            return Nothing()
        return self.say(rule.say, known, rule.failed)

    def go(self, rule: Rule) -> None:
        if rule.go:
            self.step = "" if rule.go == START else rule.go

    def again(self) -> Reply:
        """Repeat the open question, or ask for anything."""
        if self.asking:
            return self.say(self.asking.rule.ask[self.asking.asked], self.asking.known)
        return self.otherwise()

    def otherwise(self) -> Reply:
        # The last line there is: a hole in it is better than silence.
        return self.line(self.book.otherwise, {}, missing="")

    def failed(self, rule: Rule, known: Mapping[str, object]) -> Reply:
        return self.say(rule.failed, known) if rule.failed else self.otherwise()

    def say(self, line: Line, known: Mapping[str, object], instead: Line = ()) -> Reply:
        """Say a line or, where a value for it is missing, another."""
        try:
            return self.line(line, known)
        except MissingValueError:
            return self.say(instead, known) if instead else self.otherwise()

    def line(self, line: Line, known: Mapping[str, object], missing: str | None = None) -> Reply:
        if not line:
            return Nothing()
        turn = self.turns.get(line, 0)
        text = fill(line[turn % len(line)], {**self.values, **known}, missing)
        self.turns[line] = turn + 1
        return Say(text)


def _answered(asking: _Use, heard: Utterance) -> _Use | None:
    """Read what was heard as the answer to the open question."""
    rule, slot = asking.rule, asking.asked
    for phrase in rule.hear:
        slots = phrase.match(heard) if slot in phrase.slots else None
        if slots and slot in slots:
            return replace(asking, slots={**asking.slots, **slots})
    slots = _wanted(rule, slot).match(heard)
    return replace(asking, slots={**asking.slots, **slots}) if slots else None


def _wanted(rule: Rule, slot: str) -> Phrase:
    declared = (phrase.slots[slot] for phrase in rule.hear if slot in phrase.slots)
    kind = next(declared, rule.kinds.get(slot, ""))
    return parse(f"{{{slot}:{kind or 'text'}}}")


def _is_error(result: object) -> bool:
    return isinstance(result, Mapping) and result.get("error") not in (None, False, "")
