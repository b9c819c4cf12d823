"""Grammar: the phrases of `llm: rules` for a recogniser that hears nothing else."""

import functools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from voicekit.config.agent import Agent
from voicekit.config.hearing.phrase import Phrase, grammar, parse, unknown_words
from voicekit.problems import Refused, refuse
from voicekit.runtime.rulebook import rulebook
from voicekit.services.book import Book


def rules_grammar(agent: Agent) -> str:
    """Return the phrases of a file's rules, and the answers to their questions, as JSGF.

    Raises:
        Refused: There are no rules, or a phrase cannot be in a grammar.
    """
    rules = agent.rules
    if rules is None:
        raise refuse("no-grammar", "'grammar: rules' needs 'llm: rules'", "write grammar: open")
    phrases = list(_phrases(rulebook(agent, rules)))
    known = _dictionary()
    lost = [phrase for phrase in phrases if phrase.jsgf(known) is None]
    if lost:
        raise _cannot_be_heard(lost[0], known)
    return grammar(phrases, known)


def _phrases(book: Book) -> Iterator[Phrase]:
    for rule in (rule for rules in (book.rules, *book.steps.values()) for rule in rules):
        yield from rule.hear
        declared = {name: kind for phrase in rule.hear for name, kind in phrase.slots.items()}
        for name in rule.ask:
            yield parse(f"{{{name}:{declared.get(name) or rule.kinds.get(name) or 'text'}}}")


def _cannot_be_heard(phrase: Phrase, known: frozenset[str]) -> Refused:
    words = unknown_words([phrase], known)
    reason = f"the recogniser does not know {', '.join(map(repr, words))}" if words else "its slot takes any words"
    text = f"'{phrase.text}' cannot be in a grammar: {reason}"
    return refuse("no-grammar", text, "put it in other words, or write grammar: open")


@functools.cache
def _dictionary() -> frozenset[str]:
    """Return the words that pocketsphinx can recognise, from the dictionary in its package."""
    package = find_spec("pocketsphinx")
    if package is None or package.origin is None:
        return frozenset()
    path = Path(package.origin).parent / "model" / "en-us" / "cmudict-en-us.dict"
    return frozenset(line.partition(" ")[0] for line in path.read_text(encoding="utf-8").splitlines())
