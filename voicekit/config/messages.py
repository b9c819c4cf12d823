"""Messages: errors of pydantic as problems with places. The text of a wrong value is written here once."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Facts
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from voicekit.config.document import Mapping, Node, Scalar, Sequence
from voicekit.config.homes import Path, homes_of, keys, model_at
from voicekit.config.redaction import masked
from voicekit.config.scalars import BOOL, INT, NUM, printable, quoted, shown
from voicekit.config.suggestions import Answer, Homes, answer, listed, suggest
from voicekit.problems import Place, Problem

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "sec": 1.0, "secs": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
# Nobody reads on after so many, and each costs.
_MOST: Final = 500
# One line of plain words, which needs no quotes as the value of a key.
_WORDS: Final = re.compile(r"[\w./+](?:[\w ./+,!?'-]|:(?=\S)){0,59}")
# What pydantic calls a key that a model does not have.
_UNKNOWN: Final = "extra_forbidden"
# What `Agent` says of a file that has neither all of asr, llm and tts nor realtime.
_INCOMPLETE: Final = "incomplete-cascade"
# What pydantic says of a default that depends on a key which is wrong itself.
_WAITS: Final = "default_factory_not_called"
# What can be wrong around a variable, whatever that holds.
_SEEN_ANYWAY: Final = frozenset({"bad-request", "bad-placeholder"})
# What pydantic puts at the end of a path to a key.
_KEY: Final = "[key]"
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|secs?|m|min|h)")
# What other notations write for true and false.
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0"), "false"),
}
_TRUE: Final = re.compile("true|false")
_INT: Final = re.compile(r"[-+]?[0-9]{1,18}")
_NUM: Final = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?")
_NAMED: Final = "a mapping of names"
# What a section is that somebody has written as one value.
_SECTIONS: Final = {
    "failure": "failure: {say: I am sorry.}",
    "fallback": "fallback: {llm_ms: 2000}",
    "limits": "limits: {call_secs: 600}; false lifts one of them, as in {call_secs: false}",
    "silence": "silence: {after_secs: 10, nudges: [Are you there?]}",
}
# What a line is switched off with.
_UNSAID: Final = {"nudges": "nudges: []", "warn_say": "warn_secs: false"}
_SHAPES: Final = {
    "model_type": "a mapping",
    "dict_type": _NAMED,
    "tuple_type": "a list",
    "list_type": "a list",
}


def plain(node: Node) -> Any:
    """Return a tree as dicts, lists and `Scalar` leaves: what pydantic takes."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node


def find(root: Node, path: Iterable[str | int]) -> Node:
    """Return the node at a path, or the last one on the way to it."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node


def key_place(root: Node, path: Path) -> Place:
    """Return the place of the key that a path ends with, or of the value where there is none."""
    parent = find(root, path[:-1])
    if path and isinstance(parent, Mapping) and path[-1] in parent.keys:
        return parent.keys[str(path[-1])]
    return find(root, path).place


class Places:
    """Where the keys and values of a tree stand, by their paths. What is not there is where its parent is."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def key(self, *path: str | int) -> Place:
        """Return the place of a key."""
        return key_place(self._root, path)

    def value(self, *path: str | int) -> Place:
        """Return the place of a value."""
        return find(self._root, path).place

    def has(self, *path: str | int) -> bool:
        """Say whether a key is in the file."""
        parent = find(self._root, path[:-1])
        return isinstance(parent, Mapping) and path[-1] in parent.entries

    def words(self, text: str, *path: str | int) -> Place:
        """Return the place of a text of a list, by what it says: an item that stands for several shifts the others."""
        around = find(self._root, path[:-1])
        # A line with a manner of saying it.
        around = around.entries.get("say", around) if isinstance(around, Mapping) else around
        items = around.items if isinstance(around, Sequence) else ()
        same = (item for item in items if isinstance(item, Scalar) and text in (item.text, item.template))
        return next((item.place for item in same), self.value(*path))


def translate(
    error: ValidationError,
    root: Node,
    model: type[BaseModel],
    within: Path = (),
    *,
    homes: Homes | None = None,
    given: Iterable[str] = (),
) -> Iterator[Problem]:
    """Yield a problem for each error of a validation.

    Args:
        error: What pydantic found.
        root: The tree that was validated.
        model: The model it was validated against.
        within: The path of that tree in the file, for messages.
        homes: Where the keys of the language stand; that of the model by default.
        given: Keys that stand in a wrong place, which has been told: they are not missing.
    """
    items = error.errors(include_url=False)[:_MOST]
    known = homes if homes is not None else homes_of(model)
    answers = {item["loc"]: _answer(item["loc"], root, model, known) for item in items if item["type"] == _UNKNOWN}
    # A misspelt key is one mistake: it is told where it stands.
    meant = {(*path[:-1], reply.meant) for path, reply in answers.items() if reply.meant}
    meant |= {(key,) for key in (*given, *(reply.moved for reply in answers.values()))}
    for item in items:
        path: Path = tuple(item["loc"])
        node = find(root, path)
        kind, facts = item["type"], item.get("ctx", {})
        key = str(path[-1]) if path else _section(within)
        if kind == _WAITS or (kind not in _SEEN_ANYWAY and key != _KEY and _is_told(kind, node)):
            continue
        section = _section(within + path[:-1])
        if kind == _UNKNOWN:
            yield unknown_key(f"no key '{printable(key)}'{_in(section)}", answers[path], key_place(root, path))
        elif key == _KEY:
            text = f"'{printable(str(path[-2]))}' cannot be a name here"
            yield Problem(kind, text, key_place(root, path[:-1]), f"it takes {facts['form']}")
        elif kind == "missing":
            if not meant & {path, (*path[:-1], "*")} and _is_missing(root, path):
                yield Problem("missing-key", f"'{key}' is missing{_in(section)}", node.place)
        elif kind == _INCOMPLETE:
            yield from _incomplete(facts["missing"], root, {str(names[0]) for names in meant if len(names) == 1})
        else:
            yield wrong_value(kind, facts, _last_name(path) or key, node)


def _is_told(kind: str, node: Node) -> bool:
    """Say whether what is wrong with a value has been told when it was read."""
    if isinstance(node, Scalar) and not node.known:
        # A key that means nothing is wrong whatever it holds, and no variable holds a section.
        return kind != _UNKNOWN and not (kind in _SHAPES and "${" in node.text)
    return isinstance(node, Mapping) and node.broken


def _is_missing(root: Node, path: Path) -> bool:
    """Say whether a key is not in the file; one that is there and wrong has been reported."""
    parent = find(root, path[:-1])
    return find(root, path) is parent and path[-1] not in getattr(parent, "entries", ())


def _incomplete(missing: list[str], root: Node, meant: set[str]) -> Iterator[Problem]:
    """Yield the problem of a file in which somebody is missing, unless its key is there under another word."""
    absent = [kind for kind in missing if kind not in meant and _is_missing(root, (kind,))]
    if not absent or meant & {"realtime", "*"} or not _is_missing(root, ("realtime",)):
        return
    *others, last = (f"'{kind}'" for kind in absent)
    text = f"{', '.join(others)} and {last} are missing" if others else f"{last} is missing"
    code = _INCOMPLETE if len(absent) < 3 else "missing-key"
    hint = f"add {'it' if not others else 'them'}, or name one 'realtime' in place of asr, llm and tts"
    yield Problem(code, text, root.place, hint)


def _answer(path: Path, root: Node, model: type[BaseModel], homes: Homes) -> Answer:
    section = model_at(model, path[:-1])
    name = section.__name__.lower() if section else ""
    return answer(str(path[-1]), name, keys(section), homes=homes, value=short(find(root, path)))


def short(node: Node) -> str:
    """Return a value that can be repeated in a help line: a few plain words, and no secret; else an empty text."""
    is_plain = isinstance(node, Scalar) and node.plain and node.raw == node.text and _WORDS.fullmatch(node.text)
    return node.text if isinstance(node, Scalar) and is_plain and masked(node.text) == node.text else ""


def wrong_value(kind: str, facts: Facts[str, Any], key: str, node: Node) -> Problem:
    """Return the problem for one value that its key cannot take.

    Args:
        kind: The type of the error, pydantic's or ours.
        facts: What the error says of itself.
        key: The key, as the message names it.
        node: The value.
    """
    found = shown(node)
    if isinstance(node, Scalar) and node.plain and not node.text:
        kind = "no-value"
    if kind in _SHAPES:
        kind, facts = "wrong-type", {"wanted": _SHAPES[kind], "found": found}
    if kind == "wrong-type":
        text, hint = _reading(key, facts["wanted"], node) or (f"{facts['wanted']}, not {facts['found']}", "")
        section = _SECTIONS.get(key, "") if facts["wanted"] == _SHAPES["model_type"] else ""
        return Problem("wrong-type", f"'{key}' is {text}", node.place, hint or section or _duration(key, node))
    if kind == "no-value":
        return _no_value(key, node)
    if kind == "empty-list":
        return Problem("empty-list", f"'{key}' is an empty list", node.place, "give it an item, or remove the line")
    if kind == "out-of-range":
        return _out_of_range(key, facts, node)
    if kind == "wrong-form":
        return Problem("wrong-form", f"'{key}' cannot be {found}", node.place, f"it takes {facts['form']}")
    if kind in ("literal_error", "unknown-choice"):
        choices = facts.get("choices") or re.findall(r"'([^']*)'", facts.get("expected", ""))
        text = f"'{key}' cannot be {found}"
        hint = spaced(key, node) or suggest(found.strip("'"), choices) or listed(choices)
        return Problem("unknown-choice", text, node.place, hint)
    if kind in _OWN:
        return _OWN[kind](key, facts, node)
    return Problem("wrong-value", f"'{key}' cannot be {found}", node.place)


def spaced(key: str, node: Node) -> str:
    """Return the help for `key:value` without a space, which is one word and the value of the key above; or empty."""
    glued = isinstance(node, Scalar) and node.plain and node.text.startswith(f"{key}:")
    return f"write '{key}: …', with a space behind ':'" if glued else ""


def unknown_key(text: str, reply: Answer, place: Place | None) -> Problem:
    """Return the problem for a key that means nothing where it stands."""
    return Problem("unknown-key", f"{text}: {reply.said}" if reply.said else text, place, reply.help)


def _reading(key: str, wanted: str, node: Node) -> tuple[str, str] | None:
    """Return text and help for a value that another notation would read as what is wanted."""
    if isinstance(node, Sequence) and wanted == _NAMED:
        return f"{wanted}, not a list", "give each a name: 'name: …' in place of '- …'"
    if not isinstance(node, Scalar) or node.raw != node.text:
        return None
    word = node.text.lower()
    if BOOL in wanted and word in _BOOLEANS and (node.plain or word not in ("true", "false")):
        return f"{wanted}, and '{node.text}' is text here", f"write {_BOOLEANS[word]}"
    if node.plain:
        return None
    for name, article, reads in ((BOOL, "a word", _TRUE), (INT, "a number", _INT), (NUM, "a number", _NUM)):
        if name in wanted and reads.fullmatch(node.text):
            return f"{wanted}, and {article} in quotes is text", f"{key}: {node.text}"
    return None


def _no_value(key: str, node: Node) -> Problem:
    place = node.place
    comment = node.comment if isinstance(node, Scalar) else ""
    if not comment:
        return Problem("no-value", f"'{key}' has no value", place, "give it one, or remove the line")
    hint = f'{key}: "{comment}"' if len(comment) < 20 and " " not in comment else "give it one, or remove the line"
    # The comment is what the eye sees: it stands right behind the place of the missing value.
    start = place.column + 1
    at = Place(place.file, place.line, start, start + len(comment))
    return Problem("no-value", f"'{key}' has no value: '#' begins a comment", at, hint)


def _phrase(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    place = node.place
    # Inside quotes an escape shifts the columns, so only a plain value is pointed into.
    if isinstance(node, Scalar) and node.plain and len(node.text) == place.end - place.column:
        start = place.column + int(facts["start"])
        place = Place(place.file, place.line, start, max(start + 1, place.column + int(facts["end"])))
    return Problem("bad-phrase", f"'{key}' cannot be read: {facts['reason']}", place)


def _placeholder(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    text = f"'{key}' has a placeholder that cannot be read: {facts['reason']}"
    return Problem("bad-placeholder", text, node.place, r"write {{name}}, {{name:-words}}, or \{{ for the signs")


def _tool_kind(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    *others, last = (f"'{kind}'" for kind in facts["kinds"])
    text = f"the tool '{key}' is exactly one of {', '.join(others)} and {last}"
    return Problem("tool-kind", text, node.place, f"{key}: builtin, http: GET https://…, or python: module:function")


def _request(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    return Problem("bad-request", facts["reason"], node.place, facts["hint"])


def _secret_header(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    name = facts["name"]
    at = node.entries[name].place if isinstance(node, Mapping) else node.place
    scheme, variable = ("Bearer ", "TOKEN") if "auth" in name.lower() else ("", name.upper().replace("-", "_"))
    return Problem("secret-in-file", "a secret is written in the file", at, f'{name}: "{scheme}${{{variable}}}"')


def _secret(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    hint = f'{key}: "${{{facts["variable"]}}}", or leave it out: that is the default'
    return Problem("secret-in-file", "a secret is written in the file", node.place, hint)


def _no_switch(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    text = f"'{key}' cannot be {shown(node)}"
    text += ": in quotes it is text" if isinstance(node, Scalar) and quoted(node) else ""
    return Problem(
        "wrong-type", text, node.place, f"{key}: false" if facts["off"] else "give it a value, or remove the line"
    )


def _said_aloud(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    text = f"'{key}' would be heard as the word 'false'"
    return Problem("wrong-type", text, node.place, _UNSAID.get(key, "write the words, or remove the line"))


_OWN: Final = {
    "no-switch": _no_switch,
    "said-aloud": _said_aloud,
    "bad-phrase": _phrase,
    "bad-placeholder": _placeholder,
    "tool-kind": _tool_kind,
    "bad-request": _request,
    "secret-in-file": _secret_header,
    "literal-secret": _secret,
}


def _out_of_range(key: str, facts: Facts[str, Any], node: Node) -> Problem:
    value, low, high = facts["value"], facts["low"], facts["high"]
    if low is None or high is None:
        side, bound = ("below", low) if high is None else ("above", high)
        return Problem("out-of-range", f"{key}: {_number(value)} is {side} {_number(bound)}", node.place)
    if low == high:
        return Problem("out-of-range", f"'{key}' can only be {_number(low)}, not {_number(value)}", node.place)
    text = f"{key}: {_number(value)} is outside {_number(low)} to {_number(high)}"
    hint = ""
    if key.endswith("_ms") and low <= value * 1000 <= high:
        hint = f"did you mean seconds? {key}: {_number(value * 1000)}"
    elif key.endswith("_secs") and low <= value / 1000 <= high:
        hint = f"did you mean milliseconds? {key}: {_number(value / 1000)}"
    return Problem("out-of-range", text, node.place, hint)


def _duration(key: str, node: Node) -> str:
    """Return the number that a text such as `10m` means for a key whose name has a unit."""
    match = _DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
    unit = 0.001 if key.endswith("_ms") else 1.0 if key.endswith("_secs") else 0.0
    if match is None or not unit:
        return ""
    return f"{key}: {_number(round(float(match[1]) * _SECONDS[match[2]] / unit, 3))}"


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else str(int(value))


def _section(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str) and step != _KEY)


def _in(section: str) -> str:
    return f" in {section}" if section else ""


def _last_name(path: Path) -> str:
    """Return the last name of a path: an item of a list is named by its list."""
    names = [step for step in path if isinstance(step, str) and step != _KEY]
    return names[-1] if names else ""
