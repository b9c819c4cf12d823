"""Checks: rules across sections. Each is a generator of problems, named as its code; none changes anything."""

from collections.abc import Callable, Iterator
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.call_values import CALL_VALUES, begins_call_value
from voicekit.config.failure_checks import FAILURE_CHECKS
from voicekit.config.limit_checks import LIMIT_CHECKS
from voicekit.config.memory_checks import MEMORY_CHECKS
from voicekit.config.messages import Places
from voicekit.config.placeholders import Placeholder
from voicekit.config.realtime_checks import REALTIME_CHECKS
from voicekit.config.request_checks import REQUEST_CHECKS
from voicekit.config.services import service_path
from voicekit.config.suggestions import listed, suggest
from voicekit.config.templates import Templated, templates
from voicekit.config.transport_checks import TRANSPORT_CHECKS
from voicekit.config.turn_checks import TURN_CHECKS
from voicekit.problems import Problem, Severity

Check = Callable[[Agent, Places], Iterator[Problem]]

# The embedded engines that know only some languages. None of them hears anything but English.
_SPEAKS_ONLY: Final = {("asr", "pocketsphinx"): "en", ("tts", "flite"): "en"}


def check(agent: Agent, places: Places) -> Iterator[Problem]:
    """Yield what is wrong between the sections of a file whose sections are right.

    Args:
        agent: The file.
        places: Where its keys and values stand.
    """
    for one in CHECKS:
        yield from one(agent, places)


def missing_prompt(agent: Agent, places: Places) -> Iterator[Problem]:
    """A model without instructions is nobody; rules read none."""
    by_rules = agent.rules is not None
    if not agent.prompt and not by_rules:
        yield Problem(
            "missing-key",
            "'prompt' is missing: the model's instructions",
            agent.services[-1].place if agent.realtime else places.key("llm"),
            "prompt: |",
        )
    if agent.prompt and by_rules:
        text = "'llm: rules' reads no prompt"
        yield Problem("unused-key", text, places.key("prompt"), "remove it, or name a model", Severity.WARNING)


def language_mismatch(agent: Agent, places: Places) -> Iterator[Problem]:
    """An engine that does not know the file's language would produce noise."""
    for service in agent.services:
        known = _SPEAKS_ONLY.get((service.kind, service.provider.name))
        language = str(service.options.get("language") or agent.language)
        if known and language.partition("-")[0].lower() != known:
            does = "hears" if service.kind == "asr" else "speaks"
            text = f"{service.provider.name} {does} English only, and the language is '{language}'"
            yield Problem("language-mismatch", text, service.place, _for_language(service.kind))


def _for_language(kind: str) -> str:
    return "tts: espeak" if kind == "tts" else "no embedded asr knows another language: name a provider"


def tools_named(agent: Agent, places: Places) -> Iterator[Problem]:
    """Rules name the tools they run; a tool that no rule runs is never used."""
    rules = agent.rules
    if rules is None:
        return
    used = set()
    for path, rule in rules.each():
        used.add(rule.tool)
        if rule.tool and rule.tool not in agent.tools:
            text = f"no tool is named '{rule.tool}'"
            yield Problem("missing-tool", text, places.value("llm", *path, "tool"), suggest(rule.tool, agent.tools))
    for name in agent.tools:
        if name not in used:
            text = f"no rule uses the tool '{name}'"
            yield Problem("unused-tool", text, places.key("tools", name), severity=Severity.WARNING)


def steps_named(agent: Agent, places: Places) -> Iterator[Problem]:
    """Rules go to steps that exist."""
    rules = agent.rules
    for path, rule in rules.each() if rules else ():
        if rule.go not in ("", "start") and rules and rule.go not in rules.steps:
            hint = suggest(rule.go, [*rules.steps, "start"])
            yield Problem("missing-step", f"no step is named '{rule.go}'", places.value("llm", *path, "go"), hint)


def placeholders_known(agent: Agent, places: Places) -> Iterator[Problem]:
    """A placeholder names what is known where it stands: a slot, an argument, or a value of the call."""
    for template in templates(agent):
        for placeholder in template.placeholders:
            if not template.knows(placeholder):
                whole = begins_call_value(placeholder.root) or not template.own
                told = f"no value is named '{placeholder.name if whole else placeholder.root}' here"
                has = f": {', '.join(template.own)}" if template.own else ""
                hint = _help(template, placeholder)
                yield Problem("unknown-placeholder", told + has, places.words(template.text, *template.path), hint)


def _help(template: Templated, placeholder: Placeholder) -> str:
    if meant := suggest(placeholder.root, template.own) or suggest(placeholder.name, CALL_VALUES):
        return meant
    if begins_call_value(placeholder.root):
        return listed(CALL_VALUES, most=len(CALL_VALUES))
    return template.help.replace("NAME", placeholder.root)


def grammar_of_rules(agent: Agent, places: Places) -> Iterator[Problem]:
    """A recogniser that listens for the rules needs some."""
    for number, service in enumerate(agent.asr):
        if service.options.get("grammar") == "rules" and not agent.rules:
            text = "'grammar: rules' needs 'llm: rules'"
            place = places.value(*service_path(agent.asr, number), "grammar")
            yield Problem("grammar-without-rules", text, place, "write grammar: open")


def builtin_parameters(agent: Agent, places: Places) -> Iterator[Problem]:
    """A built-in tool has its own parameters."""
    for name, tool in agent.tools.items():
        if tool.builtin and tool.parameters is not None:
            text = f"the built-in tool '{tool.builtin}' takes no parameters of yours"
            yield Problem("unused-key", text, places.key("tools", name, "parameters"), "remove them")


def tool_lines(agent: Agent, places: Places) -> Iterator[Problem]:
    """A line about a late tool is said before the tool is given up, and its wait is for that line alone."""
    for name, tool in agent.tools.items():
        within = tool.timeout_secs * 1000
        if tool.say.late is None and "late_ms" in tool.model_fields_set:
            text = "late_ms does nothing without a line to say"
            yield Problem("unused-key", text, places.key("tools", name, "late_ms"), "add say: {late: …}")
        elif tool.say.late is not None and tool.late_ms >= within:
            text = f"'{name}' is given up after {within:g} ms, before its late line is said ({tool.late_ms} ms)"
            set_here = "late_ms" if "late_ms" in tool.model_fields_set else "timeout_secs"
            place = places.key("tools", name, set_here)
            hint = f"late_ms: {round(within / 2)}, or a longer timeout_secs"
            yield Problem("filler-order", text, place, hint, Severity.WARNING)


CHECKS: Final[tuple[Check, ...]] = (
    missing_prompt,
    language_mismatch,
    tools_named,
    steps_named,
    placeholders_known,
    grammar_of_rules,
    builtin_parameters,
    tool_lines,
    *FAILURE_CHECKS,
    *LIMIT_CHECKS,
    *MEMORY_CHECKS,
    *REALTIME_CHECKS,
    *REQUEST_CHECKS,
    *TRANSPORT_CHECKS,
    *TURN_CHECKS,
)
