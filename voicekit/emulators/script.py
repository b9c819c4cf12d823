"""Script: the brain of an emulated model, a table of what was heard and what is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model asks for."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: words, tool calls, or both. `{{heard}}` in the words stands for what was heard."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


_FINISHED: Final = "●"
# Finished, cut off, and in need of time: `pipecat.turns.user_turn_completion_mixin`.
_MARKS: Final = (_FINISHED, "◐", "○")
_LOST: Final = Reply("I have no answer to that.")


@dataclass(frozen=True, slots=True)
class Script:
    """What is answered to what.

    Attributes:
        lines: By regular expression, looked for anywhere and in either case; the first that is found answers.
        otherwise: The answer where none is found.
    """

    lines: Mapping[str, Reply] = field(default_factory=dict)
    otherwise: Reply = _LOST

    def answer(self, heard: str, instructions: str = "") -> Reply:
        """Return the answer to what was said, or to the results of tools.

        Args:
            heard: That.
            instructions: What the model was told before. One that is told to begin with a mark of Pipecat's, which says
                whether the caller has finished, calls him finished where the script says nothing else.
        """
        found = (reply for pattern, reply in self.lines.items() if re.search(pattern, heard, re.IGNORECASE))
        reply = next(found, self.otherwise)
        text = reply.text.replace("{{heard}}", heard)
        if _FINISHED in instructions and text and not text.startswith(_MARKS):
            text = f"{_FINISHED} {text}"
        return replace(reply, text=text)
