"""Syntax: what is said of text that is not YAML. Knows no key of the language and imports no other part of it.

PyYAML's two parsers word their errors differently and agree on the places; what is said here follows from
the place and the text around it, so that both give one answer. `_FAULTS` is the list of all kinds.
"""

import re
from collections.abc import Callable
from typing import Final

import yaml

from voicekit.config import brackets, quoting
from voicekit.config.fault import Fault, fault_of, word
from voicekit.config.misreading import NO_DASH_SPACE
from voicekit.problems import Problem

_SENTENCE: Final = "indent it, if it goes on with the text above"
_NO_SPACE: Final = r" *(?:- +)*(?P<key>[\w.-]*\w):(?P<value>[^\s/:].*)"


def explain(error: yaml.YAMLError, text: str, file: str, last: yaml.Event | None) -> Problem:
    """Return the problem of a text that a parser gave up.

    Args:
        error: What the parser raised, that in C or that in Python.
        text: The document.
        file: What places call it.
        last: The last event before the error.
    """
    fault = fault_of(error, text, file, last)
    for wanted, tell in _FAULTS:
        if re.search(wanted, fault.found) and (problem := tell(fault)):
            return problem
    said = f"this is not YAML: {fault.found} {fault.context}".rstrip()
    return fault.problem(said, (fault.line, fault.column))


def _merge_conflict(fault: Fault) -> Problem | None:
    for number, line in enumerate(fault.lines):
        if re.match(r"<{7}( |$)", line):
            said = "a merge conflict stands in the file"
            return fault.problem(
                said, (number, 0), 7, "keep one side, and remove the lines '<<<<<<<', '=======', '>>>>>>>'"
            )
    return None


def _tab(fault: Fault) -> Problem | None:
    indent = re.match(r"[ \t]*", fault.text)
    if indent and "\t" in indent[0] and fault.column <= indent.end():
        at = (fault.line, indent[0].index("\t"))
        return fault.problem("a tab indents this line; YAML allows spaces only", at, 1, "replace it by 2 spaces")
    if fault.sign == "\t":
        said = "a tab stands here; YAML allows spaces only"
        return fault.problem(said, (fault.line, fault.column), 1, "replace it by a space")
    return None


def _colon(fault: Fault) -> Problem:
    """A ':' where no key can be: inside a value, or behind a key that goes on with the value above."""
    before = fault.text[: fault.column]
    if fault.begun[0] == fault.line or re.search(r"[^\s-].*: ", before):
        return fault.problem(
            "a ': ' inside a value needs quotes", (fault.line, fault.column), 1, fault.quoted(fault.line)
        )
    return _entry_above(fault) or _deeper(fault)


def _entry_above(fault: Fault) -> Problem | None:
    """The line above was meant to be an entry, and is read as text that goes on here."""
    above = fault.above(fault.line)
    if above < 0:
        return None
    if problem := _no_space(fault, above):
        return problem
    begun, column = fault.begun
    if begun == above and not fault.text[:column].strip(" ") and fault.at(above)[:column].strip(" -") == "":
        return _no_colon_on(fault, above)
    return None


def _no_space(fault: Fault, number: int) -> Problem | None:
    line = fault.at(number)
    if found := re.match(NO_DASH_SPACE, line):
        hint = fault.corrected(number, f"- {quoting.without_comment(found['value'])}", "write '- '")
        return fault.problem("a space is missing after '-'", (number, found.start("dash")), 1, hint)
    if found := re.match(_NO_SPACE, line):
        hint = fault.corrected(number, f"{found['key']}: {quoting.without_comment(found['value'])}", "write ': '")
        return fault.problem("a space is missing after ':'", (number, found.end("key")), 1, hint)
    return None


def _no_colon_on(fault: Fault, number: int) -> Problem:
    line = fault.at(number)
    if "\N{FULLWIDTH COLON}" in line:
        column = line.index("\N{FULLWIDTH COLON}")
        hint = fault.corrected(number, line.strip().replace("\N{FULLWIDTH COLON}", ": ", 1), "write ': '")
        return fault.problem("this colon is the wide one: a key ends with ':' and a space", (number, column), 1, hint)
    begin, words = len(line) - len(line.lstrip(" -")), quoting.without_comment(line.strip(" -"))
    if re.fullmatch(r"[\w.-]+", words):
        return fault.problem(f"'{words}' has no ':' behind it", (number, begin), len(words), f"{words}: …")
    return fault.problem("this line has no key: there is no ': ' in it", (number, begin), len(words), _SENTENCE)


def _deeper(fault: Fault) -> Problem:
    """A key further right than the keys it belongs to, below one that has its value already."""
    indent = len(fault.text) - len(fault.text.lstrip(" "))
    above = fault.at(fault.begun[0])
    column = len(above) - len(above.lstrip(" -"))
    key = fault.text[indent : fault.column]
    said = f"this key is indented by {quoting.spaces(indent)}, below one that has a value already"
    return fault.problem(said, (fault.line, indent), len(key), f"begin it in column {column + 1}")


def _no_colon(fault: Fault) -> Problem:
    number = fault.opened[0] if fault.opened else fault.line
    return _no_space(fault, number) or _no_colon_on(fault, number)


def _left_over(fault: Fault) -> Problem | None:
    """Something that fits nowhere: behind a value that is complete, or in a wrong column."""
    for tell in (brackets.closes_nothing, _behind_quotes, _behind_braces, _below_block, _misplaced):
        if problem := tell(fault):
            return problem
    return None


def _behind_quotes(fault: Fault) -> Problem | None:
    if not isinstance(fault.last, yaml.ScalarEvent) or fault.last.style not in ("'", '"'):
        return None
    line, column = fault.begun
    if line < fault.line:
        said = f"the quote that opens here is closed only on line {fault.line + 1}"
        hint = fault.corrected(line, quoting.close_quote(fault.at(line)), "close it on its own line")
        return fault.problem(said, (line, column), 1, hint)
    rest = quoting.without_comment(fault.text[fault.column :])
    said = "text stands behind the closing quote"
    return fault.problem(said, (fault.line, fault.column), len(rest), fault.quoted(line))


def _behind_braces(fault: Fault) -> Problem | None:
    closed = isinstance(fault.last, yaml.MappingEndEvent | yaml.SequenceEndEvent)
    value = quoting.value_start(fault.text)
    if not closed or fault.text[value : value + 1] not in ("{", "[") or value >= fault.column:
        return None
    said = f"a value that begins with '{fault.text[value]}' needs quotes"
    length = len(quoting.without_comment(fault.text[value:]))
    return fault.problem(said, (fault.line, value), length, fault.quoted(fault.line))


def _below_block(fault: Fault) -> Problem | None:
    if not isinstance(fault.last, yaml.ScalarEvent) or fault.last.style not in ("|", ">"):
        return None
    first = next((line for line in fault.lines[fault.begun[0] + 1 :] if line.strip()), "")
    indent = len(first) - len(first.lstrip(" "))
    said = f"this line is indented less than the first line of the text that begins on line {fault.begun[0] + 1}"
    length = len(fault.text.strip())
    return fault.problem(said, (fault.line, fault.column), length, f"indent it by {quoting.spaces(indent)}")


def _misplaced(fault: Fault) -> Problem | None:
    indent = len(fault.text) - len(fault.text.lstrip(" "))
    if indent != fault.column or not fault.text.strip():
        return None
    at, length = (fault.line, indent), len(word(fault.text[indent:]))
    if problem := _no_space(fault, fault.line):
        return problem
    around = [level for level in _levels(fault) if level != indent]
    item = fault.text[indent:].startswith("- ")
    if indent in _levels(fault):
        said = "a list item stands among keys" if item else "a key stands among the items of a list"
        return fault.problem(said, at, length, "one or the other: a list or a mapping")
    if not around:
        return None
    noun, columns = "item" if item else "key", " or ".join(str(level) for level in around[-2:])
    said = f"this {noun} is indented by {quoting.spaces(indent)}; the lines it belongs to by {columns}"
    return fault.problem(said, at, length, f"indent it by {columns}")


def _levels(fault: Fault) -> list[int]:
    """Return by how many spaces the open mappings and lists above a line are indented, outermost first."""
    levels: list[int] = []
    for line in fault.lines[: fault.line]:
        begin = len(line) - len(line.lstrip(" "))
        if re.match(r"- |-$|[^#\s][^#]*:(\s|$)", line[begin:]):
            levels = [*(level for level in levels if level < begin), begin]
    return levels


def _beginning(fault: Fault) -> Problem | None:
    """A character that begins no value."""
    if not fault.sign:
        return None
    at, before = (fault.line, fault.column), fault.text[: fault.column].rstrip()
    said = f"a {'value' if before else 'key'} that begins with '{fault.sign}' needs quotes"
    whole = quoting.value_start(fault.text) == fault.column
    return fault.problem(said, at, 1, fault.quoted(fault.line) if whole else "write it in quotes")


def _escape(fault: Fault) -> Problem | None:
    column = fault.text.rfind("\\", 0, fault.column + 1)
    if column < 0:
        return None
    sign = fault.text[column + 1 : column + 2]
    digits = {"x": 2, "u": 4, "U": 8}.get(sign)
    said = f'"\\{sign}" is not an escape in double quotes'
    if digits:
        said = f'"\\{sign}" in double quotes wants {digits} hexadecimal digits'
    written = quoting.single_quote_value(fault.text)
    hint = f"use single quotes: {written}" if written else "use single quotes"
    return fault.problem(said, (fault.line, column), 2, fault.corrected(fault.line, hint, "use single quotes"))


def _end_of_text(fault: Fault) -> Problem | None:
    line, column = fault.opened or fault.begun
    if fault.at(line)[column : column + 1] not in ("'", '"'):
        return None
    hint = fault.corrected(line, quoting.close_quote(fault.at(line)), "close it")
    return fault.problem("the quote that opens here is never closed", (line, column), 1, hint)


def _name_expected(fault: Fault) -> Problem | None:
    """An alias, an anchor or a directive without a name: nearly always text."""
    line, column = fault.opened or (fault.line, fault.column)
    sign = fault.at(line)[column : column + 1]
    means = {"*": "an alias", "&": "an anchor", "%": "a directive"}.get(sign)
    if means is None:
        return None
    whole = quoting.value_start(fault.at(line)) == column
    hint = fault.quoted(line) if whole else f'write "{sign}" in quotes'
    return fault.problem(f"'{sign}' begins {means} here", (line, column), 1, hint)


def _block_header(fault: Fault) -> Problem | None:
    line, column = fault.opened or (fault.line, fault.column)
    sign = fault.at(line)[column : column + 1]
    if sign not in ("|", ">"):
        return None
    value = quoting.without_comment(fault.at(line)[column:])
    said = f"'{sign}' begins a block of text, which stands on the lines below"
    # `| text` was meant to be text, and `>0.5` a value that begins with the sign.
    written = quoting.quote_value(fault.at(line)[:column] + value[1:].lstrip()) if value[1:2] == " " else ""
    hint = fault.corrected(line, written, 'write the whole value in "…"') if written else fault.quoted(line)
    return fault.problem(said, (line, column), len(value), hint)


def _list_on_line(fault: Fault) -> Problem:
    said = "a list with '- ' begins on the line below its key"
    item = quoting.without_comment(fault.text[fault.column :])
    hint = fault.corrected(fault.line, f"put '{item}' on the line below", "put it there")
    return fault.problem(said, (fault.line, fault.column), 1, hint)


def _document(fault: Fault) -> Problem:
    length = len(word(fault.text[fault.column :]))
    at = (fault.line, fault.column)
    ended = [number for number, line in enumerate(fault.lines[: fault.line + 1]) if line.startswith("...")]
    if ended:
        return fault.problem("'...' ends the document, and more stands below", (ended[-1], 0), 3, "remove it")
    return fault.problem("this is indented less than what the file begins with", at, length, "begin both in one column")


# The words of both parsers to what is asked then. Patterns are compiled when a file is wrong, and not at every start.
_FAULTS: Final[tuple[tuple[str, Callable[[Fault], Problem | None]], ...]] = (
    ("", _merge_conflict),
    ("", _tab),
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _no_colon),
    ("expected key|expected <block end>|expected '-'", _left_over),
    ("expected ','", brackets.inside),
    ("cannot start any token|mapping keys are not allowed", _beginning),
    ("escape|hexa?deci?mal", _escape),
    ("unexpected end of stream|unexpected document separator", _end_of_text),
    ("alphabetic", _name_expected),
    ("node content", brackets.no_content),
    ("line break|indentation indicator", _block_header),
    ("entries are not allowed", _list_on_line),
    ("<?document start>?", _document),
)
