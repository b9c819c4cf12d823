"""Numbers: whose number a carrier tells, or nobody's where it is withheld."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\+?[0-9]{5,15}")
# "Anonymous", "blocked", "restricted", "unavailable" and "unknown" on a keypad: Twilio's word for a withheld number.
_WITHHELD: Final = frozenset({"+266696687", "+2562533", "+7378742833", "+86282452253", "+8656696"})


def shown(number: str) -> str:
    """Return the number of who calls, or nothing: else all who withhold theirs would be one caller."""
    return number if _NUMBER.fullmatch(number) and number not in _WITHHELD else ""
