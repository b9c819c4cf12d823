"""Suggestions: what a wrong word was meant to be. Known words first, similarity after."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

# Words of other systems, and where ours stands. Similarity alone would answer 'tts' to 'stt'.
KNOWN: Final = {
    "stt": "asr",
    "transcriber": "asr",
    "speech_to_text": "asr",
    "text_to_speech": "tts",
    "system_prompt": "prompt",
    "instructions": "prompt",
    "first_message": "greeting",
    "functions": "tools",
    "base_url": "endpoint",
    "url": "endpoint",
    "voice_id": "voice",
    "timeout": "timeout_secs",
}


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return the help for a wrong word, `did you mean 'x'?`, or an empty text."""
    names = sorted(choices)
    known = KNOWN.get(word)
    if known in names:
        return f"voicekit calls it '{known}'"
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def listed(choices: Iterable[str], most: int = 8) -> str:
    """Return a few choices for a help line: `one of: a, b, c, …`."""
    names = list(choices)
    shown = ", ".join(names[:most])
    return f"one of: {shown}, …" if len(names) > most else f"one of: {shown}"
