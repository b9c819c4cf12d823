"""What Pipecat's docstrings say of each parameter: a line of help, a range, and whether it is going to be dropped.

Texts only: it looks at no class. A range is read from the few forms that can mean nothing else.
"""

import re
import textwrap
from dataclasses import dataclass

Range = tuple[float | None, float | None]

OPEN: Range = (None, None)

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SPAN = rf"{_NUMBER}(?: to |[-\u2013]){_NUMBER}"
_RANGES = (
    rf"\((?:range:? )?{_SPAN}(?: ?ms| dB)?(?:, [^)]*)?\)",  # (0.0 to 1.0), (0.25 to 4.0, default 1.0), (50-2000ms)
    rf"\b[Rr]ange:? (?:of )?{_SPAN}(?=\W)",  # in the range 0.7-1.3
    rf"\b(?:[Rr]ange|in) \[{_NUMBER}, {_NUMBER}\]",  # range [0.25, 2.0], in [0, 100]
    rf"\b(?:from|accepts) {_SPAN}(?=\W)",  # from 0.7 to 1.5
    rf"\bbetween {_NUMBER} and {_NUMBER}(?=\W)",
    rf"(?:^|[.,] ){_SPAN}(?=[.;] )",  # 0.5-0.9; its default is 0.8
)
_SECTION = re.compile(r"^ *(?:Args|Parameters):\n(.*?)(?=^ *(?:Returns|Raises|Yields|Example|Note)s?:|\Z)", re.S | re.M)
_DEPRECATED = re.compile(r"\.\. deprecated:: *([\d.]+)(.*)", re.S)


@dataclass(frozen=True, slots=True)
class Said:
    """What a docstring says of one parameter.

    Attributes:
        summary: Its first sentences, on one line.
        range: The lowest and the highest value, each None where nothing is said.
        since: The release that deprecated it, or empty.
        instead: What to use in its place, as Pipecat words it, or empty.
    """

    summary: str = ""
    range: Range = OPEN
    since: str = ""
    instead: str = ""


NOTHING = Said()


def documented(docstring: str) -> dict[str, Said]:
    """Return what a Google docstring says of each parameter."""
    match = _SECTION.search(docstring)
    if match is None:
        return {}
    found: dict[str, list[str]] = {}
    name = ""
    for line in textwrap.dedent(match.group(1)).splitlines():
        head = re.match(r"(\w+)(?: \([^)]*\))?: *(.*)", line)
        if head:
            name = head.group(1)
            found[name] = [head.group(2)]
        elif name:
            found[name].append(line.strip())
    return {name: _said(lines) for name, lines in found.items()}


def range_in(text: str) -> Range:
    """Return the range that a text names, or `OPEN` when it names none or several."""
    spans = {(float(low), float(high)) for pattern in _RANGES for low, high in re.findall(pattern, text)}
    [span] = spans if len(spans) == 1 else [OPEN]
    return span if span == OPEN or _rises(span) else OPEN


def widest(one: Range, other: Range) -> Range:
    """Return the range that allows what either does: where two sources differ, one of them is out of date."""
    if OPEN in (one, other):
        return other if one == OPEN else one
    lows, highs = zip(one, other, strict=True)
    low = None if None in lows else min(low for low in lows if low is not None)
    return low, None if None in highs else max(high for high in highs if high is not None)


def _rises(span: Range) -> bool:
    return span[0] is not None and span[1] is not None and span[0] < span[1]


def _said(lines: list[str]) -> Said:
    text = " ".join(lines)
    deprecated = _DEPRECATED.search(text)
    current = text[: deprecated.start()] if deprecated else text
    since, rest = deprecated.groups() if deprecated else ("", "")
    instead = re.sub(r" *Will be removed in .*", "", rest).strip()
    return Said(_summary(lines), range_in(f"{current} "), since, instead)


def _summary(lines: list[str]) -> str:
    """Return the first paragraph, cut after a sentence once it is long enough for one line of help."""
    paragraph: list[str] = []
    for line in lines:
        if not line or line.startswith(".. "):
            break
        paragraph.append(line)
    sentences = re.split(r"(?<=[.!?]) +(?=[A-Z])", " ".join(paragraph))
    text = sentences[0]
    for sentence in sentences[1:]:
        if len(text) + len(sentence) > 120:
            break
        text += " " + sentence
    # A reference stands for the last of its names: :class:`~pipecat.frames.frames.EndFrame`.
    return re.sub(r"``|:\w+:`~(?:\w+\.)*|:\w+:(?=`)", "", text).replace("`", "")
