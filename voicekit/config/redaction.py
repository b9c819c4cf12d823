"""Redaction: what looks like a secret in a text, blacked out sign by sign, so that columns stay where they are.

It reads text and not values, because a problem prints the line it stands on, whether or not that line is YAML.
"""

import re
from collections.abc import Iterator
from typing import Final

# A key whose value is never printed, whether or not the catalogue knows it.
_NAMED: Final = re.compile(
    r"""(?i)(?<![\w-])[\w-]*(?:key|key_id|secret|token|passwo?r?d|credentials?|authorization)["']?[ \t]*:[ \t]*"""
)
# A value that is a reference to the environment and nothing else; one with a default is not.
_REFERENCE: Final = re.compile(
    r"""["']?(?:bearer )?(?:\$\{\w+(?::\?[^}"']*)?\}|(?-i:\$[A-Z_][A-Z0-9_]*))["']?(?=[ \t]*(?:[#,}\]\n]|\Z))""",
    re.IGNORECASE,
)
# A value inside {…} or […]: in quotes, or up to the next comma or bracket.
_IN_FLOW: Final = re.compile(r""" *(?:"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|\[[^\]\n]*\]?|[^,}\n]*)""")
# Secrets by their shape, wherever they stand: what comes before one, and the secret.
_SHAPES: Final = (
    re.compile(r"(?i)(\bbearer[ \t]+)([^\s,}\"']+)"),
    re.compile(r"(://)([^\s/@]+)(?=@)"),
    re.compile(
        r"((?<![\w-]))((?:sk|pk|rk|gsk|hf|ghp|xai|r8|xi)[-_][\w-]{12,}|AIza[\w-]{20,}|AKIA[0-9A-Z]{12,}|eyJ[\w-]{10,}\.[\w.-]+|[0-9a-f]{32,})"
    ),
)


# Where a line ends, as one sign: so a text keeps its length when its lines are looked at.
_BREAKS: Final = str.maketrans(dict.fromkeys("\r\x85\u2028\u2029", "\n"))
_LINE: Final = re.compile(r"\n([ \t]*)([^\n]*)")
# How far back on its line a value looks for the bracket that it stands in.
_NEAR: Final = 300


def redacted(text: str) -> str:
    """Return the text of a file with every secret in it blacked out; its lines keep their lengths."""
    parts, at = [], 0
    for start, end in _values(text.translate(_BREAKS)):
        parts += [text[at:start], _black(text[start:end])]
        at = end
    return masked("".join([*parts, text[at:]]))


def masked(text: str) -> str:
    """Return a text with what has the shape of a secret blacked out, whatever stands before it."""
    for shape in _SHAPES:
        text = shape.sub(lambda match: match[0] if "${" in match[2] else match[1] + _black(match[2]), text)
    return text


def _values(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where the values of secret keys go, in order and apart."""
    done, line, ends = 0, 0, _line_end(text, 0)
    for key in _NAMED.finditer(text):
        while ends < key.start():
            line, ends = ends + 1, _line_end(text, ends + 1)
        if key.start() < done:
            continue
        if reference := _REFERENCE.match(text, key.end()):
            done = reference.end()
        else:
            done = _end(text, key, line, ends)
            yield key.end(), done


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _end(text: str, key: re.Match[str], line: int, ends: int) -> int:
    """Return where the value of a key ends that stands on the line from `line` to `ends`."""
    before = text[max(line, key.start() - _NEAR) : key.start()]
    if "{" in before or "[" in before:
        inside = _IN_FLOW.match(text, key.end())
        if inside and inside.end() < ends:
            return inside.end()
    # Lines that are empty or stand further right than the key go on with its value.
    while (more := _LINE.match(text, ends)) and (not more[2] or len(more[1]) > key.start() - line):
        ends = more.end()
    return ends


def _black(text: str) -> str:
    return re.sub(r"\S", "*", text)
