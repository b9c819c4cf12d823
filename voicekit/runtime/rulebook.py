"""Rulebook: the rules of a file as the dialogue follows them, with what its tools say of their parameters."""

from collections.abc import Mapping
from typing import Any

from voicekit.config.agent import Agent
from voicekit.config.rules import Rule as Written
from voicekit.config.rules import Rules
from voicekit.services.book import Book, Rule, slot_kind


def rulebook(agent: Agent, rules: Rules) -> Book:
    """Return the book of `llm: rules`."""
    return Book(
        rules=tuple(_rule(agent, rule) for rule in rules.rules),
        steps={step: tuple(_rule(agent, rule) for rule in within) for step, within in rules.steps.items()},
        otherwise=rules.otherwise,
        final=frozenset(name for name, tool in agent.tools.items() if tool.builtin == "end_call"),
    )


def _rule(agent: Agent, rule: Written) -> Rule:
    return Rule(
        hear=rule.hear,
        tool=rule.tool,
        with_=rule.with_,
        ask=rule.ask,
        say=rule.say,
        failed=rule.failed or (),
        go=rule.go,
        kinds={name: slot_kind(schema) for name, schema in _parameters(agent, rule.tool).items()},
    )


def _parameters(agent: Agent, tool: str) -> Mapping[str, Mapping[str, Any]]:
    written = agent.tools[tool].parameters if tool in agent.tools else None
    return {name: {"type": schema} if isinstance(schema, str) else schema for name, schema in (written or {}).items()}
