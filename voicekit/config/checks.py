"""Checks: rules across sections. Each is a generator of problems, named as its code; none changes anything."""

from collections.abc import Callable, Iterator
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.call_values import CALL_VALUES, begins_call_value
from voicekit.config.failure_checks import FAILURE_CHECKS
from voicekit.config.limit_checks import LIMIT_CHECKS
from voicekit.config.messages import Places
from voicekit.config.placeholders import Placeholder
from voicekit.config.realtime_checks import REALTIME_CHECKS
from voicekit.config.request_checks import REQUEST_CHECKS
from voicekit.config.services import Service
from voicekit.config.suggestions import listed, suggest
from voicekit.config.templates import Templated, templates
from voicekit.config.transport_checks import TRANSPORT_CHECKS
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


def wait_shorter_than_vad(agent: Agent, places: Places) -> Iterator[Problem]:
    """Silence since the last speech cannot end a turn before the detector has noticed the silence."""
    if agent.turn.end == "fixed" and agent.turn.wait_ms < agent.vad.stop_secs * 1000:
        stop = round(agent.vad.stop_secs * 1000)
        text = f"wait_ms: {agent.turn.wait_ms} is shorter than vad.stop_secs, which it includes ({stop} ms)"
        yield Problem("wait-shorter-than-vad", text, places.key("turn", "wait_ms"), f"at least wait_ms: {stop}")


def wait_without_fixed(agent: Agent, places: Places) -> Iterator[Problem]:
    """A strategy's keys with another strategy would do nothing."""
    if agent.turn.end is None and "wait_ms" in agent.turn.model_fields_set:
        yield Problem(
            "unused-key",
            "wait_ms does nothing without 'end: fixed'",
            places.key("turn", "wait_ms"),
            "add 'end: fixed'",
        )


def two_turn_detectors(agent: Agent, places: Places) -> Iterator[Problem]:
    """An asr that ends turns itself, and a timer beside it, would both end them."""
    for service in agent.asr:
        provider = service.provider
        if agent.turn.end is not None and provider.ends_turns(service.options):
            text = f"{provider.name} ends the turn itself; 'end: {agent.turn.end}' beside it would end it too"
            hint = f"remove it: what ends a turn are {provider.name}'s own options"
            yield Problem("two-turn-detectors", text, places.value("turn", "end"), hint)


def endpointing_is_not_turn_end(agent: Agent, places: Places) -> Iterator[Problem]:
    """Deepgram's endpointing is taken for the end of a turn by nearly everybody."""
    for number, service in enumerate(agent.asr):
        if service.provider.name == "deepgram" and service.options.get("endpointing"):
            text = "'endpointing' says when words are final; when the turn ends, 'turn' says"
            place = places.key(*_path(agent.asr, number), "endpointing")
            yield Problem("endpointing-is-not-turn-end", text, place, severity=Severity.NOTE)


def _path(services: tuple[Service, ...], number: int) -> tuple[str | int, ...]:
    """Return where a service of a list stands; a list of one is written as its item."""
    kind = services[number].kind
    return (kind, number) if len(services) > 1 else (kind,)


def asr_never_final(agent: Agent, places: Places) -> Iterator[Problem]:
    """Words that are never called final are waited for: it is the longest pause of most slow agents."""
    for service in agent.asr:
        provider, options = service.provider, service.options
        if not provider.never_final or provider.ends_turns(options) or "ttfs_p99_latency" in options:
            continue
        secs = provider.options["ttfs_p99_latency"].default
        text = f"{provider.name} never says that words are final: every turn waits {secs} s for more"
        hint = "set the wait yourself, 'ttfs_p99_latency:' in seconds, or name an asr that says it"
        yield Problem("asr-never-final", text, service.place, hint, Severity.WARNING)


def missing_prompt(agent: Agent, places: Places) -> Iterator[Problem]:
    """A model without instructions is nobody; rules read none."""
    by_rules = any(service.rules for service in agent.llm)
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
    rules = next((service.rules for service in agent.llm if service.rules), None)
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
    rules = next((service.rules for service in agent.llm if service.rules), None)
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
        if service.options.get("grammar") == "rules" and not any(model.rules for model in agent.llm):
            text = "'grammar: rules' needs 'llm: rules'"
            place = places.value(*_path(agent.asr, number), "grammar")
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
    wait_shorter_than_vad,
    wait_without_fixed,
    two_turn_detectors,
    endpointing_is_not_turn_end,
    asr_never_final,
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
    *REALTIME_CHECKS,
    *REQUEST_CHECKS,
    *TRANSPORT_CHECKS,
)
