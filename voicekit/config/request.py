"""Request: what a tool of the kind `http` sends, as the file states it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, InstanceOf, WithJsonSchema
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact
from voicekit.config.options import is_literal
from voicekit.config.placeholders import Placeholder, PlaceholderError, names
from voicekit.config.ranges import formed
from voicekit.config.scalars import Anything, Text, printable, read_template
from voicekit.config.suggestions import listed

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REPEATABLE: Final = ("GET", "HEAD", "PUT", "DELETE")
"""The methods that do no more when they are sent twice."""
WITHOUT_BODY: Final = ("GET", "HEAD", "DELETE")
"""The methods that send arguments in the query."""

_WORD: Final = re.compile("[A-Za-z]+")
_SCHEME: Final = re.compile("https?://")
_AUTHORITY: Final = re.compile(r"((?:https?://)?[^/?#]*).*", re.DOTALL)
_BASE: Final = re.compile(
    r"https?://(?:[^\s/?#@]*@)?(?:[^\s/?#@:\[\]{}]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=[/?]|$)"
)
# A variable and nothing else: nobody can say what it holds while it is unset.
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
# Headers whose value is a secret, by their names.
_SECRET: Final = re.compile(r"(?i)(?:.*[-_])?(?:api-?key|key|token|secret|password|authorization|cookie)")


@dataclass(frozen=True, slots=True)
class Request:
    """A method and an address.

    Attributes:
        method: One of `METHODS`; empty while a variable that holds it is unset.
        base: Scheme, host and port, `https://example.org:8443`; empty while a variable in the address is unset.
        path: What follows up to a `?`, with placeholders.
        query: What follows the `?`, with placeholders.
    """

    method: str
    base: str
    path: str
    query: str

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders of the address."""
        return (*names(self.path), *names(self.query))


def read_request(value: Any) -> Any:
    """Read `METHOD URL`."""
    if isinstance(value, Request):
        return value
    unset = isinstance(value, Scalar) and not value.known
    text = _text(value).strip()
    if unset and _VARIABLE.fullmatch(text):
        return Request("", "", "", "")
    written = value.raw if isinstance(value, Scalar) and value.raw else text
    method, address = _method(text, written)
    base = "" if unset else _base(address)
    try:
        return Request(method, base, *_split(address[len(base) :]))
    except PlaceholderError as error:
        raise _unreadable(error) from None


def _method(text: str, written: str) -> tuple[str, str]:
    """Return method and address of a text; `written` is what stands in the file for it."""
    method, _, address = text.partition(" ")
    if not _WORD.fullmatch(method):
        raise _bad("a method is missing", f"http: GET {written}")
    if method not in METHODS:
        # From the environment: what it is is not to be told.
        named = f"'{printable(method)}'" if written == text else "what stands first"
        upper = method.upper()
        raise _bad(f"{named} is no method", f"write {upper}" if upper in METHODS else listed(METHODS))
    if not address.strip():
        raise _bad("an address is missing", f"http: {method} https://…")
    return method, address.strip()


def _base(address: str) -> str:
    if "{{" in _AUTHORITY.sub(r"\1", address, count=1):
        raise _bad("a tool's host cannot come from an argument", "write the host, or ${NAME}")
    if not _SCHEME.match(address):
        raise _bad("a tool's address begins with https:// or http://", "http: GET https://…")
    found = _BASE.match(address)
    if found is None or not _is_readable(found[0]):
        raise _bad("no host and port can be read in the address", "http: GET https://example.org/orders")
    return found[0]


def _is_readable(base: str) -> bool:
    try:
        return urlsplit(base).port != 0
    except ValueError:
        return False


def _split(target: str) -> tuple[str, str]:
    """Return what stands before and behind the first '?' that is not inside a placeholder."""
    inside = [range(each.start, each.end) for each in names(target)]
    at = next((at for at, sign in enumerate(target) if sign == "?" and not any(at in each for each in inside)), None)
    return (target, "") if at is None else (target[:at], target[at + 1 :])


def _bad(reason: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("bad-request", "bad request", {"reason": reason, "hint": hint})


def _unreadable(error: PlaceholderError) -> PydanticCustomError:
    return PydanticCustomError("bad-placeholder", "bad", {"reason": error.message})


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield from texts(each, (*path, step))


def _readable(value: Any) -> Any:
    try:
        for _, text in texts(value):
            names(text)
    except PlaceholderError as error:
        raise _unreadable(error) from None
    return value


def _text(value: Any) -> Any:
    return value.text if isinstance(value, Scalar) and not value.known else read_template(value)


def _templates(value: Any) -> Any:
    """Return a value whose texts are read as templates are."""
    if isinstance(value, dict):
        return {key: _templates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_templates(each) for each in value]
    return replace(value, text=value.template) if isinstance(value, Scalar) and value.template else value


def _no_secret(headers: Any) -> Any:
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if isinstance(value, Scalar) and _SECRET.fullmatch(name) and is_literal(value) and "{{" not in value.raw:
            raise PydanticCustomError("secret-in-file", "secret", {"name": name})
    return headers


# A text with placeholders; while a variable in it is unset, with the reference to it.
_Template = Annotated[str, BeforeValidator(_text), AfterValidator(_readable), WithJsonSchema({"type": "string"})]

ReadRequest = Annotated[
    InstanceOf[Request],
    BeforeValidator(read_request),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^(?:{'|'.join(METHODS)}) +https?://[^\\s/?#{{}}]+(?:[/?]|$)",
            "patternErrorMessage": "METHOD URL",
            "examples": ["GET https://orders.example.com/orders/{{order_id}}"],
        }
    ),
]
"""`METHOD URL`."""

Body = Annotated[Anything, BeforeValidator(_templates), AfterValidator(_readable)]
"""Any value, with placeholders in its texts."""

# No fact of the schema: a pattern for names would take their values out of an editor's sight.
_HeaderName = Annotated[Text, Fact(formed(r"[A-Za-z0-9_!#$%&'*+.^`|~-]+", "letters, digits and '-'").check, dict)]
Templates = dict[Text, _Template]
"""Names to templates."""

Headers = Annotated[dict[_HeaderName, _Template], Fact(_no_secret, dict, before=True)]
"""Names to templates; none of them holds a secret."""

ResultPath = Annotated[Text, formed(r"\$(?:\.[\w-]+|\[\d{1,6}\])*", "a path such as $.orders[0].status")]
"""Where in a JSON value a part of it is."""
