"""Rules: the dialogue of `llm: rules`, as the file states it."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.hearing.phrase import Phrase, PhraseError, parse
from voicekit.config.lines import Line, Template, not_empty
from voicekit.config.scalars import Text, read_text
from voicekit.config.section import Section


def _read_phrase(value: Any) -> Any:
    if isinstance(value, Phrase):
        return value
    try:
        return parse(read_text(value))
    except PhraseError as error:
        facts = {"reason": error.message, "start": error.start, "end": error.end}
        raise PydanticCustomError("bad-phrase", "bad phrase", facts) from None


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, Scalar | str | Phrase) else value


Heard = Annotated[InstanceOf[Phrase], BeforeValidator(_read_phrase)]


class Rule(Section):
    """What is done when something is heard."""

    hear: Annotated[tuple[Heard, ...], AfterValidator(not_empty), BeforeValidator(_one_or_more)]
    """Phrases found anywhere in what was said."""
    tool: Text = ""
    """The tool that runs, with the slots as its arguments."""
    with_: dict[Text, Template] = Field(default_factory=dict, alias="with")
    """More arguments for the tool."""
    ask: dict[Text, Line] = Field(default_factory=dict)
    """The question for each slot that must be known before the tool runs."""
    say: Line
    """The answer, with `{{slot}}`, `{{result}}` and `{{result.field}}` filled in."""
    failed: Line | None = None
    """The answer when the tool fails."""
    go: Text = ""
    """The step that is heard from now on; `start` leaves a step."""


class Rules(Section):
    """The dialogue: rules tried in order, first match wins."""

    rules: Annotated[tuple[Rule, ...], AfterValidator(not_empty)]
    """Heard at any time, after those of the current step."""
    steps: dict[Text, tuple[Rule, ...]] = Field(default_factory=dict)
    """Heard only inside a step."""
    otherwise: Line = ()
    """Said when nothing matches; the language's own line by default."""
