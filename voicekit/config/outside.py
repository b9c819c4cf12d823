"""Outside: what the section `server` reads from the environment by itself, for whoever comes from outside."""

from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import replace
from typing import Final

from voicekit.config.document import Mapping, Node, Scalar
from voicekit.config.server import PUBLIC_URL, TOKEN
from voicekit.config.transport import TELEPHONY

VARIABLES: Final = {"public_url": PUBLIC_URL, "token": TOKEN}
"""Key of `server` to the variable that holds it."""


def with_outside(root: Mapping, variables: Table[str, str]) -> Mapping:
    """Return a file with its public address and its token, as far as its transport uses them and it writes none.

    Args:
        root: The file.
        variables: The environment.
    """
    transport, server = root.entries.get("transport"), root.entries.get("server", Mapping({}, {}, root.place))
    if not isinstance(server, Mapping):
        return root
    place = transport.place if transport else root.place
    kind = transport.entries.get("type") if isinstance(transport, Mapping) else None
    telephone = isinstance(kind, Scalar) and kind.text in TELEPHONY
    found: dict[str, Node] = {}
    for key in _used(telephone, server, variables):
        variable = VARIABLES[key]
        if variables.get(variable) and key not in server.entries:
            found[key] = Scalar(variables[variable], False, place, raw=f"${{{variable}}}")
    if not found:
        return root
    keys = {**server.keys, **dict.fromkeys(found, place)}
    server = replace(server, entries={**server.entries, **found}, keys=keys)
    return replace(root, entries={**root.entries, "server": server}, keys={"server": place, **root.keys})


def _used(telephone: bool, server: Mapping, variables: Table[str, str]) -> Iterator[str]:
    if not telephone:
        yield "token"
    if telephone or {"token", "origins"} & server.entries.keys() or variables.get(TOKEN):
        yield "public_url"
