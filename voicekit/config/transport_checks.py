"""Transport checks: rules across the keys of the section `transport`. Generators of problems; they change nothing."""

from collections.abc import Iterator
from typing import Final

from voicekit.config.account import SECRETS
from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.config.server import is_loopback
from voicekit.config.transport import TELEPHONE_KEYS, TELEPHONY, TRANSPORT_KEYS, WEB_KEYS
from voicekit.problems import Problem, Severity

_SHOWN: Final = 'server: {token: "${VOICEKIT_TOKEN}"}, or origins: [https://app.example.com]'


def keys_of_transports(agent: Agent, places: Places) -> Iterator[Problem]:
    """A key of one type does nothing beside another."""
    here = agent.transport.type
    for kind, keys in TRANSPORT_KEYS.items():
        for key in keys if kind != here else ():
            if key in agent.transport.model_fields_set:
                text = f"'{key}' does nothing beside 'type: {here}': it is a key of '{kind}'"
                yield Problem("unused-key", text, places.key("transport", key), f"remove it, or write type: {kind}")


def one_credential(agent: Agent, places: Places) -> Iterator[Problem]:
    """A token beside an API key would stay in use unseen, unless it is what Twilio signs with."""
    given = agent.transport.model_fields_set
    if not agent.is_reached and "auth_token" in given and not given.isdisjoint(("api_key", "api_secret")):
        text = "'auth_token' and an API key are given; Twilio takes one of them"
        yield Problem("two-credentials", text, places.key("transport", "auth_token"), "keep the API key")


def whole_host(agent: Agent, places: Places) -> Iterator[Problem]:
    """Twilio's host is named by region and edge, or by neither; an endpoint names it alone."""
    transport = agent.transport
    given = [key for key in ("region", "edge") if getattr(transport, key)]
    if transport.endpoint and given:
        text = f"'{given[0]}' does nothing beside 'endpoint', which is the whole address"
        yield Problem("unused-key", text, places.key("transport", given[0]), "keep one of them")
    elif len(given) == 1:
        missing, hint = ("edge", "edge: dublin") if given == ["region"] else ("region", "region: ie1")
        text = f"'{missing}' is missing in transport: '{given[0]}' names no host of Twilio's by itself"
        yield Problem("missing-key", text, places.key("transport", given[0]), hint)


def unused_account(agent: Agent, places: Places) -> Iterator[Problem]:
    """The account is there to hang up with, and to know Twilio by."""
    if agent.transport.type != "twilio" or agent.transport.hang_up:
        return
    signs = ("account_sid", "auth_token") if agent.is_reached else ()
    for key in ("account_sid", *SECRETS, "region", "edge", "endpoint"):
        if key not in signs and key in agent.transport.model_fields_set:
            text = f"'{key}' does nothing with 'hang_up: false'"
            yield Problem("unused-key", text, places.key("transport", key), "remove it")


def telephone_only(agent: Agent, places: Places) -> Iterator[Problem]:
    """What a telephone has does nothing on another transport."""
    here = agent.transport.type
    away = () if agent.server.is_open else (("server", "public_url"),)
    for path in (*TELEPHONE_KEYS, *away) if here not in TELEPHONY else ():
        if places.has(*path):
            text = f"'{'.'.join(path)}' does nothing beside 'type: {here}', which is no telephone"
            hint = f"remove it, or write transport: {min(TELEPHONY)}"
            hint += f"; for apps and pages, {_SHOWN}" if path in away else ""
            yield Problem("telephony-only", text, places.key(*path), hint)


def web_only(agent: Agent, places: Places) -> Iterator[Problem]:
    """Who telephones has no token, and comes from no page."""
    for path in WEB_KEYS if agent.transport.type in TELEPHONY else ():
        if places.has(*path):
            text = f"'{'.'.join(path)}' does nothing beside 'type: {agent.transport.type}': no page or app is answered"
            yield Problem("unused-key", text, places.key(*path), "remove it")


def unprotected(agent: Agent, places: Places) -> Iterator[Problem]:
    """Off this machine a page or an app must show something."""
    server = agent.server
    if agent.transport.type not in TELEPHONY and not (is_loopback(server.host) or server.is_open):
        text = f"nobody is answered at '{server.host}': there is no token, and there are no origins"
        yield Problem("unprotected", text, places.value("server", "host"), _SHOWN)


def answered(agent: Agent, places: Places) -> Iterator[Problem]:
    """Who is called says something first: a caller who hears nothing hangs up."""
    if agent.transport.type in TELEPHONY and "greeting" not in agent.model_fields_set:
        text = "a call is answered without a word: there is no greeting"
        hint = "greeting: Hello. How can I help? Or, if it is meant, greeting: false"
        yield Problem("no-greeting", text, places.value("transport", "type"), hint, Severity.WARNING)


TRANSPORT_CHECKS = (
    keys_of_transports,
    one_credential,
    whole_host,
    unused_account,
    telephone_only,
    web_only,
    unprotected,
    answered,
)
