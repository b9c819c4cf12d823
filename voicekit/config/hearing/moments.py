"""Moments: times of day and dates as people say and write them. Pure: nothing here knows what day it is.

A time is read as 24-hour "HH:MM": "15:30", "3:30 pm", "3.30", "15h30", "3pm", "three thirty", "three oh
five", "half past three", "quarter to four", "twenty five past six", "three o'clock", "seven in the evening",
"noon", "midnight". Without am, pm or a part of the day the hour is taken as said: "at three" is 03:00.

A date that names its year is read as ISO 8601: "2026-03-05", "5 March 2026", "March 5th, 2026", "the fifth of
March twenty twenty six", "5.3.2026" and "25/12/2026" (a numeric date with slashes only where no month can be
meant by the first number). Any other date keeps its words: "today", "the day after tomorrow", "next Friday",
"5 March", "3/5/2026".
"""

import re
from datetime import date

from voicekit.config.hearing.numerals import SMALL, TENS, Read, under_hundred
from voicekit.config.hearing.utterance import Utterance

_CLOCK = re.compile(r"(\d{1,2})(?:[:\uff1a.h](\d{2}))?(?:\s?([ap])\.?\s?m\b)?", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_NUMERIC = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})")
_ORDINAL_DIGITS = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")
_PARTS = {
    ("in", "the", "morning"): "a",
    ("in", "the", "afternoon"): "p",
    ("in", "the", "evening"): "p",
    ("at", "night"): "night",
    ("a", "m"): "a",
    ("p", "m"): "p",
    ("am",): "a",
    ("pm",): "p",
}
WHOLE = {"noon": "12:00", "midday": "12:00", "midnight": "00:00"}
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = tuple(_MONTH_NAMES.split())
_MONTHS = {name: index for index, name in enumerate(MONTHS, start=1)} | {
    name[:3]: index for index, name in enumerate(MONTHS, start=1)
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
ORDINALS = {word: day for day, word in enumerate(_ORDINAL_WORDS.split(), start=1)} | {
    "twentieth": 20,
    "thirtieth": 30,
}
DAYS = ("today", "tonight", "tomorrow", "yesterday")
_AFTER = {
    ("the", "day", "after", "tomorrow"),
    ("day", "after", "tomorrow"),
    ("the", "day", "before", "yesterday"),
}


def read_time(heard: Utterance, start: int) -> Read | None:
    """Read a time of day as "HH:MM"."""
    word = heard.text(start)
    if word in WHOLE:
        return start + 1, WHOLE[word]
    clock = _past(heard, start) or _written_clock(heard, start) or _spoken_clock(heard, start)
    if clock is None:
        return None
    end, hour, minute, part = clock
    if not part:
        end, part = _part_of_day(heard, end)
    return end, f"{_hour(hour, part):02}:{minute:02}"


def read_date(heard: Utterance, start: int) -> Read | None:
    """Read a date: ISO 8601 where its year was said, its own words otherwise."""
    return _numeric_date(heard, start) or _named_date(heard, start) or _near_date(heard, start)


_Clock = tuple[int, int, int, str]


def _past(heard: Utterance, start: int) -> _Clock | None:
    first = start + (heard.text(start) == "a")
    fractions = {"half": 30, "quarter": 15}
    word = heard.text(first)
    minutes = (first + 1, fractions[word]) if word in fractions else _count(heard, first)
    if minutes is None or not 0 < minutes[1] < 60:
        return None
    end = minutes[0] + (heard.text(minutes[0]) in {"minutes", "minute"})
    direction = heard.text(end)
    hour = _count(heard, end + 1) if direction in {"past", "after", "to", "before"} else None
    if hour is None or hour[1] > 23:
        return None
    if direction in {"past", "after"}:
        return hour[0], hour[1], minutes[1], ""
    return hour[0], (hour[1] - 1) % 24 or 12, 60 - minutes[1], ""


def _written_clock(heard: Utterance, start: int) -> _Clock | None:
    if start >= len(heard.words):
        return None
    match = _CLOCK.match(heard.said, heard.words[start].start)
    end = heard.index_of_end(match.end(), start) if match else None
    if match is None or end is None:
        return None
    hour, minute, part = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if not match[2]:
        end += heard.text(end) == "oclock"
    return (end, hour, minute, part) if hour < 24 and minute < 60 else None


def _spoken_clock(heard: Utterance, start: int) -> _Clock | None:
    hour = under_hundred(heard, start)
    if hour is None or hour[1] > 23:
        return None
    end = hour[0]
    if heard.text(end) == "oclock":
        return end + 1, hour[1], 0, ""
    if heard.text(end) == "hundred":
        return end + 1 + (heard.text(end + 1) == "hours"), hour[1], 0, ""
    is_small = heard.text(end) in {"oh", "zero", "o"}
    minute = under_hundred(heard, end + is_small)
    if minute and (0 < minute[1] < 10 if is_small else 9 < minute[1] < 60):
        return minute[0], hour[1], minute[1], ""
    return end, hour[1], 0, ""


def _part_of_day(heard: Utterance, start: int) -> tuple[int, str]:
    for words, part in _PARTS.items():
        if all(heard.text(start + offset) == word for offset, word in enumerate(words)):
            return start + len(words), part
    return start, ""


def _hour(hour: int, part: str) -> int:
    if not part or hour > 12 or hour == 0:
        return hour
    is_late = part == "p" or (part == "night" and 6 <= hour < 12)
    return hour % 12 + 12 * is_late


def _count(heard: Utterance, start: int) -> tuple[int, int] | None:
    word = heard.text(start)
    if word.isdecimal() and len(word) < 3:
        return start + 1, int(word)
    return under_hundred(heard, start)


def _numeric_date(heard: Utterance, start: int) -> Read | None:
    if start >= len(heard.words):
        return None
    offset = heard.words[start].start
    match = _ISO.match(heard.said, offset)
    if match:
        year, month, day = (int(part) for part in match.groups())
    else:
        match = _NUMERIC.match(heard.said, offset)
        if match is None:
            return None
        day, month, year = int(match[1]), int(match[3]), int(match[4])
    end = heard.index_of_end(match.end(), start)
    if end is None:
        return None
    if match.re is _NUMERIC and match[2] == "/" and day <= 12:
        return end, match[0]
    value = _iso(year, month, day)
    return (end, value) if value else None


def _named_date(heard: Utterance, start: int) -> Read | None:
    first = start + (heard.text(start) == "the")
    parts = _day_month(heard, first) or _month_day(heard, first)
    if parts is None:
        return None
    end, month, day = parts
    year = _year(heard, end)
    if year:
        value = _iso(year[1], month, day)
        return (year[0], value) if value else None
    return end, heard.between(first, end)


def _day_month(heard: Utterance, start: int) -> tuple[int, int, int] | None:
    day = _day(heard, start)
    if day is None:
        return None
    end = day[0] + (heard.text(day[0]) == "of")
    month = _MONTHS.get(heard.text(end))
    return (end + 1, month, day[1]) if month else None


def _month_day(heard: Utterance, start: int) -> tuple[int, int, int] | None:
    month = _MONTHS.get(heard.text(start))
    day = _day(heard, start + 1 + (heard.text(start + 1) == "the")) if month else None
    return (day[0], month, day[1]) if month and day else None


def _day(heard: Utterance, start: int) -> tuple[int, int] | None:
    word = heard.text(start)
    if word in TENS and ORDINALS.get(heard.text(start + 1), 10) < 10:
        day = (start + 2, TENS[word] + ORDINALS[heard.text(start + 1)])
    elif word in ORDINALS:
        day = (start + 1, ORDINALS[word])
    elif match := _ORDINAL_DIGITS.fullmatch(word):
        day = (start + 1, int(match[1]))
    else:
        day = under_hundred(heard, start) or (start, 0)
    return day if 0 < day[1] <= 31 else None


def _year(heard: Utterance, start: int) -> tuple[int, int] | None:
    word = heard.text(start)
    if word.isdecimal() and len(word) == 4:
        return start + 1, int(word)
    if heard.text(start + 1) == "thousand" and word in SMALL:
        rest = under_hundred(heard, start + 2 + (heard.text(start + 2) == "and"))
        return (rest[0], SMALL[word] * 1000 + rest[1]) if rest else (start + 2, SMALL[word] * 1000)
    century = under_hundred(heard, start)
    rest = under_hundred(heard, century[0]) if century and 10 < century[1] < 22 else None
    return (rest[0], century[1] * 100 + rest[1]) if century and rest else None


def _near_date(heard: Utterance, start: int) -> Read | None:
    for words in _AFTER:
        if all(heard.text(start + offset) == word for offset, word in enumerate(words)):
            return start + len(words), " ".join(words)
    word = heard.text(start)
    if word in DAYS or word in WEEKDAYS:
        return start + 1, heard.between(start, start + 1)
    if word in {"next", "this", "last"} and heard.text(start + 1) in {*WEEKDAYS, "week", "month", "year"}:
        return start + 2, heard.between(start, start + 2)
    return None


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
