"""Numerals: numbers and digit strings as people say and write them. Pure.

A reader looks at the words from one index on and gives the index after what it read, and the value as text.
It looks at a bounded number of words, so that matching a phrase stays linear.

Numbers are read in English and Chinese words, and in digits of any script: "25", "1,250", "2.5", "minus
three", "twenty five", "a hundred and one", "two point five million", "三百零五". A comma before three digits
groups thousands; before any other number of digits it is a decimal comma.

Digit strings are read word by word: "one two oh double three" is 12033, "twenty five" is 25, "nineteen eighty
four" is 1984, "five hundred" is 500, "12-034" is 12034, "幺二三" is 123.
"""

from decimal import Decimal

from voicekit.config.hearing.utterance import Utterance

Read = tuple[int, str]
_Counted = tuple[int, int]

_SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
SMALL = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: value * 10 for value, word in enumerate(_TENS_WORDS.split(), start=2)}
ZEROS = ("oh", "o", "nought", "naught", "nil")
TIMES = {"double": 2, "triple": 3, "treble": 3}
SCALES = {"million": 1_000_000, "thousand": 1_000}
HAN_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {
    "\u3007": 0,
    "两": 2,
    "幺": 1,
}
HAN_SCALES = {"十": 10, "百": 100, "千": 1_000}

_MOST_GROUPS = 4
_MOST_DECIMALS = 10
_MOST_HAN = 12

_SAME = {word: str(value) for word, value in (SMALL | TENS).items()}
_SAME |= {char: str(value) for char, value in HAN_DIGITS.items()}
_SPELLED = {str(value): word for word, value in (SMALL | TENS).items()}


def same_words(text: str) -> tuple[str, ...]:
    """Every form of a word that counts as the same, such as "one" and "1"; the spoken form first."""
    if text in _SAME:
        return (text, _SAME[text])
    return (_SPELLED[text], text) if text in _SPELLED else (text,)


def read_number(heard: Utterance, start: int) -> Read | None:
    """Read one number, as many words as it takes, as plain digits with a point and a minus if need be."""
    minus = heard.text(start) == "minus"
    first = start + minus
    read = _written(heard, first) or _spoken(heard, first) or _han(heard, first)
    if read is None:
        return None
    end, value = read
    return end, _plain(-value if minus or _has_minus(heard, first) else value)


def read_digits(heard: Utterance, start: int) -> Read | None:
    """Read the next piece of a digit string: "five", "twenty five", "double three", "five hundred"."""
    word = heard.text(start)
    if word.isdecimal():
        return start + 1, "".join(str(int(digit)) for digit in word)
    if word in TIMES:
        digit = _digit(heard.text(start + 1))
        return None if digit is None else (start + 2, digit * TIMES[word])
    digit = _digit(word)
    large = _spoken(heard, start)
    if large and large[1] >= 100 and large[1] == large[1].to_integral_value():
        return large[0], _plain(large[1])
    if digit is not None:
        return start + 1, digit
    pair = under_hundred(heard, start)
    return None if pair is None else (pair[0], str(pair[1]))


def under_hundred(heard: Utterance, start: int) -> _Counted | None:
    """Read an English number from zero to ninety-nine."""
    word = heard.text(start)
    if word in SMALL:
        return start + 1, SMALL[word]
    if word not in TENS:
        return None
    unit = SMALL.get(heard.text(start + 1), 0)
    return (start + 2, TENS[word] + unit) if 0 < unit < 10 else (start + 1, TENS[word])


def _digit(word: str) -> str | None:
    if word in ZEROS:
        return "0"
    value = SMALL.get(word, HAN_DIGITS.get(word, 10))
    return str(value) if value < 10 else None


def _under_thousand(heard: Utterance, start: int) -> _Counted | None:
    if heard.text(start) == "a" and heard.text(start + 1) in {"hundred", *SCALES}:
        counted: _Counted | None = (start + 1, 1)
    else:
        counted = under_hundred(heard, start)
    if counted is None or counted[1] == 0 or heard.text(counted[0]) != "hundred":
        return counted
    end, hundreds = counted[0] + 1, counted[1] * 100
    rest = under_hundred(heard, end + (heard.text(end) == "and"))
    return (rest[0], hundreds + rest[1]) if rest else (end, hundreds)


def _spoken(heard: Utterance, start: int) -> tuple[int, Decimal] | None:
    group = _under_thousand(heard, start)
    if group is None:
        return None
    end, value = group
    if heard.text(end) == "point":
        return _scaled(heard, _decimals(heard, end, value))
    total = 0
    for scale, size in SCALES.items():
        if heard.text(end) != scale:
            continue
        total += value * size
        rest = _under_thousand(heard, end + 1 + (heard.text(end + 1) == "and"))
        end, value = rest or (end + 1, 0)
        if rest is None:
            break
    return end, Decimal(total + value)


def _decimals(heard: Utterance, point: int, whole: int) -> tuple[int, Decimal]:
    end, digits = point + 1, ""
    while len(digits) < _MOST_DECIMALS:
        word = heard.text(end)
        digit = word if word.isdecimal() else _digit(word)
        if digit is None:
            break
        end, digits = end + 1, digits + digit
    return (end, Decimal(f"{whole}.{digits}")) if digits else (point, Decimal(whole))


def _written(heard: Utterance, start: int) -> tuple[int, Decimal] | None:
    if not heard.text(start).isdecimal():
        return None
    end, text = start + 1, str(int(heard.text(start)))
    while end < start + _MOST_GROUPS and heard.text(end).isdecimal():
        gap, group = heard.words[end].gap, heard.text(end)
        if gap == "," and len(group) == 3:
            text += group
        elif gap in {".", ","}:
            end, text = end + 1, f"{text}.{group}"
            break
        else:
            break
        end += 1
    return _scaled(heard, (end, Decimal(text)))


def _scaled(heard: Utterance, read: tuple[int, Decimal]) -> tuple[int, Decimal]:
    end, value = read
    size = {"hundred": 100, **SCALES}.get(heard.text(end))
    return (end + 1, value * size) if size else read


def _has_minus(heard: Utterance, start: int) -> bool:
    # "5-3" is a range or a number in groups; a sign stands after a space or at the very beginning.
    gap = heard.words[start].gap
    return gap[-1:] in {"-", "\u2212"} and (gap[-2:-1].isspace() or heard.words[start].start == len(gap))


def _han(heard: Utterance, start: int) -> tuple[int, Decimal] | None:
    end, total, part, digit = start, 0, 0, 0
    while end < start + _MOST_HAN:
        char = heard.text(end)
        if char in HAN_DIGITS:
            digit = digit * 10 + HAN_DIGITS[char]
        elif char in HAN_SCALES:
            part, digit = part + (digit or 1) * HAN_SCALES[char], 0
        elif char == "万" and end > start:
            total, part, digit = (part + digit) * 10_000, 0, 0
        else:
            break
        end += 1
    return (end, Decimal(total + part + digit)) if end > start else None


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
