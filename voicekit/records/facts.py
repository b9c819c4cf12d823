"""Facts: what callers have told an agent, kept between calls. A file of SQLite's, and who called only as a hash."""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import platformdirs

MOST_FACTS: Final = 50
"""So many of one caller are kept, the latest."""
MOST_CHARACTERS: Final = 300
"""So long one may be."""

_DAY_SECS: Final = 24 * 3600
# How long one process waits for another that writes.
_BUSY_SECS: Final = 3.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS salt (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fact (
    agent TEXT NOT NULL, caller BLOB NOT NULL, text TEXT NOT NULL, told_at REAL NOT NULL,
    PRIMARY KEY (agent, caller, text)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a caller told, and the day of it here."""

    day: date
    text: str


def facts_path() -> Path:
    """Return where facts are kept: in the platform's folder for data of a user, `$XDG_DATA_HOME` on Linux."""
    return platformdirs.user_data_path("voicekit") / "facts.db"


class Facts:
    """What the callers of one agent have told. Each method opens the file and closes it, from whatever thread.

    Args:
        path: The file; None keeps nothing.
        agent: The agent's name: no other learns of it.
        days: How long a fact is kept after it was told.

    Raises:
        OSError: Its folder cannot be made; from every method.
        sqlite3.Error: It cannot be read or written; from every method.
    """

    def __init__(self, path: Path | None, agent: str, days: int) -> None:
        self._path, self._agent, self._days = path, agent, days

    def add(self, caller: str, text: str) -> None:
        """Keep a fact of a caller's; one that was told before counts from now on."""
        with self._opened() as database:
            whose = self._agent, _hashed(database, caller)
            database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?)", (*whose, text, time.time()))
            database.execute(
                "DELETE FROM fact WHERE agent = ? AND caller = ? AND text NOT IN "
                "(SELECT text FROM fact WHERE agent = ? AND caller = ? ORDER BY told_at DESC LIMIT ?)",
                (*whose, *whose, MOST_FACTS),
            )

    def of(self, caller: str) -> tuple[Fact, ...]:
        """Return what a caller has told, the oldest first."""
        with self._opened() as database:
            rows = database.execute(
                "SELECT told_at, text FROM fact WHERE agent = ? AND caller = ? AND told_at > ? ORDER BY told_at",
                (self._agent, _hashed(database, caller), self._oldest),
            ).fetchall()
        return tuple(Fact(date.fromtimestamp(told_at), text) for told_at, text in rows)

    def expire(self) -> None:
        """Delete what has been kept long enough."""
        with self._opened() as database:
            database.execute("DELETE FROM fact WHERE agent = ? AND told_at <= ?", (self._agent, self._oldest))

    def forget(self, caller: str | None = None) -> int:
        """Delete what a caller has told, or all callers; return how many facts these were."""
        with self._opened() as database:
            if caller is None:
                return database.execute("DELETE FROM fact WHERE agent = ?", (self._agent,)).rowcount
            whose = self._agent, _hashed(database, caller)
            return database.execute("DELETE FROM fact WHERE agent = ? AND caller = ?", whose).rowcount

    @property
    def _oldest(self) -> float:
        return time.time() - self._days * _DAY_SECS

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if self._path:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        # Without a name it is a database of its own, which goes with the connection.
        with contextlib.closing(sqlite3.connect(self._path or "", timeout=_BUSY_SECS)) as database:
            database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; {_TABLES}")
            with database:
                yield database


def _hashed(database: sqlite3.Connection, caller: str) -> bytes:
    """Return what stands for a caller's number. Whoever has the file can still try every number."""
    # Asked for first: to write it takes the file from all others.
    if not (row := database.execute("SELECT value FROM salt").fetchone()):
        database.execute("INSERT INTO salt SELECT randomblob(32) WHERE NOT EXISTS (SELECT 1 FROM salt)")
        row = database.execute("SELECT value FROM salt").fetchone()
    [salt] = row
    return hashlib.blake2b(caller.encode(), key=salt, digest_size=16).digest()
