"""The table of faults holds: what is heard and told of each, that nobody waits too long, and that no turn is lost."""

import pytest

from tests.calls.faults import TABLE, UNREACHABLE, Row, held, rows, written
from tests.services.embedded import needs_flite
from voicekit.config.failure import Failure

pytestmark = [
    pytest.mark.long,
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

# A silence is counted from the caller's last word, and the promise from the end of his turn; the machine may be slow.
LONGEST_MS = Failure.model_fields["within_ms"].default + 3000
TIMES = 4


def timeless(table: str) -> list[list[str]]:
    """Return the cells of a table without the times."""
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [[cell for at, cell in enumerate(row) if at != TIMES] for row in cells]


async def test_the_table_is_what_is_heard() -> None:
    found = await held(rows())
    assert timeless(written(found)) == timeless(TABLE.read_text(encoding="utf-8"))
    assert [row for row in found if row.silence_ms > LONGEST_MS] == []
    assert [row for row in found if not row.heard] == []
    assert [row for row in found if row.listed and not row.kept] == []


def test_a_row_is_a_line() -> None:
    row = Row("openai", UNREACHABLE, listed=True, heard=("filler", "answer"), silence_ms=900, told=("a|b", "c"))
    assert row.cells() == ("openai", "unreachable", "first of two", "filler, answer", "900", "yes", r"a\|b<br>c")
