"""Beside: where the tests of an agent's file are, FILE.test.yaml."""

from pathlib import Path
from typing import Final

SUFFIX: Final = ".test.yaml"


def tests_of(agent: Path) -> Path:
    """Return where the tests of an agent's file are, whether or not there are any."""
    return agent.with_name(agent.stem + SUFFIX)


def agent_of(tests: Path) -> Path:
    """Return the agent's file that a file of tests belongs to."""
    plain_name = tests.name.removesuffix(SUFFIX)
    other = tests.with_name(f"{plain_name}.yml")
    return other if other.exists() else tests.with_name(f"{plain_name}.yaml")
