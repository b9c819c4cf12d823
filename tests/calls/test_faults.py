"""The table of faults holds: what is heard and told of each, that nobody waits too long, and that no turn is lost."""

import re

import pytest

from tests.calls.faults import TABLE, UNREACHABLE, Row, held, rows, written
from tests.services.embedded import needs_flite
from voicekit.config.failure import Failure

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone,
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

# A silence is counted from the caller's last word, and the promise from the end of his turn; the machine may be slow.
LONGEST_MS = Failure.model_fields["within_ms"].default + 3000
# Between two cells; a bar inside of one has a backslash before it.
_BAR = re.compile(r"(?<!\\)\|")


def held_of(table: str) -> list[tuple[str, ...]]:
    """Return of each row whose fault it is, what ended the wait, and whether anything was reported.

    How much was said before, and which of two errors of one fault came first, is not the same every time.
    """
    found = []
    for line in table.splitlines():
        if line.startswith("| "):
            emulator, fault, who, heard, _, kept, told = (cell.strip() for cell in _BAR.split(line)[1:-1])
            ends = [each for each in heard.split(", ") if each not in ("part", "filler")]
            # One alone may be well again by the time that its caller has been told.
            kept = "" if who == "alone" else kept
            found.append((emulator, fault, who, *ends[:1], kept, "reported" if told else ""))
    return found


def test_the_table_is_what_is_heard() -> None:
    found = held(rows())
    assert held_of(written(found)) == held_of(TABLE.read_text(encoding="utf-8"))
    late = [row for row in found if row.silence_ms > LONGEST_MS]
    assert len(late) < len(found) / 20, late
    assert [row for row in found if not row.heard] == []
    assert [row for row in found if row.listed and not row.kept] == []


def test_a_row_is_a_line() -> None:
    row = Row("openai", UNREACHABLE, listed=True, heard=("filler", "answer"), silence_ms=900, told=("a|b", "c"))
    assert row.cells() == ("openai", "unreachable", "first of two", "filler, answer", "900", "yes", r"a\|b<br>c")
