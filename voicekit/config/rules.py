"""Rules: the dialogue of `llm: rules`, as the file states it."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema
from pydantic_core import PydanticCustomError

from voicekit.config.hearing.phrase import Phrase, PhraseError, parse
from voicekit.config.lines import NOT_EMPTY, ONE_OR_MORE, Line, Template
from voicekit.config.scalars import Text, read_text
from voicekit.config.section import Section, absent


def _read_phrase(value: Any) -> Any:
    if isinstance(value, Phrase):
        return value
    try:
        return parse(read_text(value))
    except PhraseError as error:
        facts = {"reason": error.message, "start": error.start, "end": error.end}
        raise PydanticCustomError("bad-phrase", "bad phrase", facts) from None


Heard = Annotated[InstanceOf[Phrase], BeforeValidator(_read_phrase), WithJsonSchema({"type": "string"})]


class Rule(Section):
    """What is done when something is heard."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hear": "goodbye", "say": "Goodbye."}]})

    hear: Annotated[tuple[Heard, ...], NOT_EMPTY, ONE_OR_MORE, Field(examples=["where is order {order_id:digits}"])]
    """Phrases found anywhere in what was said."""
    tool: Annotated[Text, Field(examples=["lookup_order"])] = ""
    """The tool that runs, with the slots as its arguments."""
    with_: dict[Text, Template] = Field(default_factory=dict, alias="with", examples=[{"desk": "north"}])
    """More arguments for the tool."""
    ask: dict[Text, Line] = Field(default_factory=dict, examples=[{"order_id": "Which order number?"}])
    """The question for each slot that must be known before the tool runs."""
    say: Annotated[Line, Field(examples=["Order {{order_id}} is on its way."])]
    """The answer, with `{{slot}}`, `{{result}}` and `{{result.field}}` filled in."""
    failed: Annotated[Line, Field(examples=["I cannot reach the order desk just now."])] | None = None
    """The answer when the tool fails."""
    go: Annotated[Text, Field(examples=["start"])] = ""
    """The step that is heard from now on; `start` leaves a step."""

    @property
    def names(self) -> frozenset[str]:
        """Everything that its answer may name, besides the result: what it hears, asks for and adds."""
        return frozenset({slot for phrase in self.hear for slot in phrase.slots} | {*self.ask, *self.with_})


class Rules(Section):
    """The dialogue: rules tried in order, first match wins."""

    rules: Annotated[tuple[Rule, ...], NOT_EMPTY]
    """With `provider: rules`: what is heard at any time, after the rules of the current step."""
    steps: dict[Text, tuple[Rule, ...]] = Field(
        default_factory=dict, examples=[{"orders": [{"hear": "back", "say": "All right.", "go": "start"}]}]
    )
    """With `provider: rules`: what is heard only inside a step."""
    otherwise: Annotated[
        Line, Field(examples=["Once more, please?"], json_schema_extra=absent("the language's own words"))
    ] = ()
    """With `provider: rules`: said when nothing matches."""

    def each(self) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
        """Yield every rule with its path."""
        for index, rule in enumerate(self.rules):
            yield ("rules", index), rule
        for step, within in self.steps.items():
            for index, rule in enumerate(within):
                yield ("steps", step, index), rule
