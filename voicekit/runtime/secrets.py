"""Secrets: what a file's keys are, cut out of everything that is told of a call."""

from typing import Final

from voicekit.config.account import SECRETS
from voicekit.config.agent import Agent

# A shorter one is a placeholder, and part of many words.
_SHORTEST: Final = 6
_LONGEST_TEXT: Final = 300


class Mask:
    """Cuts the secrets of a file out of texts, and cuts long ones short.

    Args:
        agent: The file.
    """

    def __init__(self, agent: Agent) -> None:
        of_line = [getattr(agent.transport, key) for key in SECRETS]
        self._secrets = [value for value in of_line if len(value) >= _SHORTEST] + [
            str(value)
            for service in agent.services
            for name, value in service.options.items()
            if (option := service.provider.options.get(name)) and option.secret and len(str(value)) >= _SHORTEST
        ]

    def __call__(self, text: str) -> str:
        """Return a text that may be shown."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
