"""Characters: which may stand in a file, and what is said of those that may not. Knows no YAML."""

import re
from typing import Final

from voicekit.problems import Place, Problem, source_lines

# YAML 1.1 has no place for these; a byte order mark is allowed at the start of a file only, where it is dropped.
_REFUSED: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_NAMES: Final = {
    "\x00": "NUL",
    "\x07": "BEL",
    "\x08": "backspace",
    "\x0b": "a vertical tab",
    "\x0c": "a form feed",
    "\x1b": "ESC, which begins a terminal's colours",
    "\x7f": "DEL",
}
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def refused(text: str, file: str) -> Problem | None:
    """Return the problem of the first character that no file may hold, or None."""
    match = _REFUSED.search(text)
    if match is None:
        return None
    place = _place(text[: match.start()], file)
    if match[0] == "\ufeff":
        said = "a byte order mark (U+FEFF) stands in the middle of the file"
        return Problem("bad-character", said, place, "remove it: it often comes from joining two files")
    name = f" ({_NAMES[match[0]]})" if match[0] in _NAMES else ""
    return Problem(
        "bad-character", f"the character U+{ord(match[0]):04X}{name} cannot stand in a file", place, "remove it"
    )


def not_utf8(error: UnicodeDecodeError, file: str) -> Problem:
    """Return the problem of a file whose bytes are not UTF-8."""
    data: bytes = error.object
    if data.startswith(_UTF_16):
        return Problem("not-utf8", "the file is UTF-16, not UTF-8", Place(file), "save it as UTF-8")
    place = _place(data[: error.start].decode("utf-8-sig"), file)
    said = f"the file is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}"
    return Problem("not-utf8", said, place, "save it as UTF-8")


def _place(before: str, file: str) -> Place:
    lines = source_lines(before)
    column = len(lines[-1]) + 1
    return Place(file, len(lines), column, column + 1)
