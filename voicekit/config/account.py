"""Account: what a telephone transport reads from the environment by itself, as a provider reads its key."""

from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Final

from voicekit.config.document import Mapping, Node, Scalar
from voicekit.config.environment import Expansion
from voicekit.config.services import key_not_sent

VARIABLES: Final = {
    "account_sid": "TWILIO_ACCOUNT_SID",
    "auth_token": "TWILIO_AUTH_TOKEN",
    "api_key": "TWILIO_API_KEY",
    "api_secret": "TWILIO_API_SECRET",
}
"""Key of `transport: twilio` to the variable that holds it."""

SECRETS: Final = ("auth_token", "api_key", "api_secret")
_PAIR: Final = ("api_key", "api_secret")


def with_account(root: Mapping, expansion: Expansion) -> Mapping:
    """Return a file with the account of its transport, where it needs one and does not write it itself.

    What is not set, or not sent to an endpoint of the user's own, is recorded in the expansion.
    """
    section = root.entries.get("transport")
    if not isinstance(section, Mapping) or not _is("twilio", section, "type"):
        return root
    found: dict[str, Node] = {}
    place = section.entries["type"].place
    reached = isinstance(server := root.entries.get("server"), Mapping) and "public_url" in server.entries
    hangs_up = not _is("false", section, "hang_up")
    for key in _missing(section.entries, expansion.variables, signed=reached, hangs_up=hangs_up):
        variable = VARIABLES[key]
        if key in SECRETS and "endpoint" in section.entries:
            expansion.problems.append(key_not_sent(variable, key, section.entries["endpoint"], place))
        elif value := expansion.implied(variable, "Twilio", place):
            found[key] = Scalar(value, False, place, raw=f"${{{variable}}}")
    whole = replace(section, entries={**section.entries, **found}, keys={**section.keys, **dict.fromkeys(found, place)})
    return replace(root, entries={**root.entries, "transport": whole})


def _is(text: str, section: Mapping, key: str) -> bool:
    node = section.entries.get(key)
    return isinstance(node, Scalar) and node.text == text


def _missing(given: Table[str, Node], variables: Table[str, str], *, signed: bool, hangs_up: bool) -> Iterator[str]:
    """Yield the keys that the environment must give.

    Args:
        given: What the file has of its transport.
        variables: The environment.
        signed: Whether Twilio calls, which signs with the account's token.
        hangs_up: Whether Twilio is told of the end of a call, by that token or an API key.
    """
    if "account_sid" not in given and (signed or hangs_up):
        yield "account_sid"
    token = signed and "auth_token" not in given
    if hangs_up and "auth_token" not in given:
        has_token = bool(variables.get(VARIABLES["auth_token"]))
        if any(key in given for key in _PAIR) or (not has_token and variables.get(VARIABLES["api_key"])):
            yield from (key for key in _PAIR if key not in given)
        else:
            token = True
    if token:
        yield "auth_token"
