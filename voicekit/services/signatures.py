"""What a service class says of itself: its constructor's arguments, its settings, their defaults and texts.

Read from signatures, annotations, docstrings and the source, without making an instance.
"""

import ast
import dataclasses
import datetime
import enum
import functools
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from annotated_types import Ge, Le
from pipecat.turns.user_turn_completion_mixin import UserTurnCompletionConfig
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voicekit.services.docstrings import NOTHING, OPEN, Range, Said, documented, widest

PLUMBING = re.compile(
    r"(?!pipecat\.services\.)(pipecat|typing|abc|builtins)\b|pipecat\.services\.(settings|\w+_service)$"
)
"""Modules of what lies under all services: what is said there is between Pipecat's own parts."""

MISSING = object()
UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Argument:
    """A constructor's argument or a settings field.

    Its default is `MISSING` for an argument without one, and `UNKNOWN` for a field whose value is computed.
    Its bounds are the lowest and the highest number it takes, where the docstring or the code says so.
    """

    name: str
    annotation: object
    default: object = MISSING
    said: Said = NOTHING
    bounds: Range = OPEN
    plumbing: bool = False

    @property
    def required(self) -> bool:
        """Whether the constructor cannot be called without it."""
        return self.default is MISSING


def constructor(cls: type) -> dict[str, Argument]:
    """Return the arguments of a service's constructor, with those it hands on to its bases by `**kwargs`."""
    found: dict[str, Argument] = {}
    fixed: set[str] = set()
    for base in _constructors(cls):
        function = vars(base)["__init__"]
        annotations, docs = annotations_of(function, cls), documented(function.__doc__ or "")
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            if parameter.name in found or parameter.name in fixed:
                continue
            said = docs.get(parameter.name, NOTHING)
            found[parameter.name] = Argument(
                parameter.name,
                annotations.get(parameter.name, typing.Any),
                MISSING if parameter.default is parameter.empty else parameter.default,
                said,
                said.range,
                plumbing=bool(PLUMBING.match(base.__module__)),
            )
        fixed |= _handed_on(base)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def settings(cls: type) -> dict[str, Argument]:
    """Return the fields of a service's `Settings`, each with the default that the constructor gives it.

    Fields that every service of its kind inherits but that this one never reads are left out: Pipecat takes
    them without a word, and nothing would come of them.
    """
    kind = settings_class(cls)
    if kind is None:
        return {}
    unread = {name for name in _inherited(kind) if not _is_read(name, cls, kind)}
    docs: dict[str, Said] = {}
    for base in reversed(kind.__mro__):
        docs.update(documented(base.__doc__ or ""))
    annotations, defaults, checked = annotations_of(kind, cls), _defaults(cls), _checked(cls)
    return {
        field.name: Argument(
            field.name,
            annotations.get(field.name, typing.Any),
            defaults.get(field.name, UNKNOWN),
            said := docs.get(field.name, NOTHING),
            widest(said.range, checked.get(field.name, OPEN)),
        )
        for field in dataclasses.fields(kind)
        if field.name not in unread
    }


def settings_class(cls: type) -> type | None:
    """Return a service's `Settings`, or None when it has none of its own kind."""
    kind = getattr(cls, "Settings", None)
    return kind if isinstance(kind, type) and dataclasses.is_dataclass(kind) else None


def bounds(field: FieldInfo) -> Range:
    """Return the lowest and the highest number that a field of a pydantic model takes."""
    lows = [_number(each.ge) for each in field.metadata if isinstance(each, Ge)]
    highs = [_number(each.le) for each in field.metadata if isinstance(each, Le)]
    return next(iter(lows), None), next(iter(highs), None)


def _number(bound: object) -> float:
    return bound.total_seconds() if isinstance(bound, datetime.timedelta) else float(str(bound))


def passes_on_extra(cls: type) -> bool:
    """Return whether a service hands what stands in `extra` of its settings on to the provider's API."""
    sources = [_class_source(base) for base in cls.__mro__ if not PLUMBING.match(base.__module__)]
    return any(re.search(r"\b(?:_settings|settings|s)\.extra\b(?! =|\.update)", source) for source in sources)


def annotations_of(owner: Callable[..., object] | type, cls: type) -> dict[str, object]:
    """Return evaluated annotations of a function or of a dataclass that belongs to the service `cls`.

    Names that only type checkers import are supplied here. What still has no meaning stays a string.
    """
    names: dict[str, object] = {"UserTurnCompletionConfig": UserTurnCompletionConfig}
    names.update({base.__name__: base for base in cls.__mro__})
    try:
        return typing.get_type_hints(owner, localns=names)
    except NameError:
        return dict(getattr(owner, "__annotations__", {}))


def _constructors(cls: type) -> Iterator[type]:
    return (base for base in cls.__mro__ if "__init__" in vars(base) and base is not object)


def _inherited(kind: type) -> set[str]:
    bases = [base for base in kind.__mro__ if PLUMBING.match(base.__module__) and dataclasses.is_dataclass(base)]
    return {field.name for base in bases for field in dataclasses.fields(base)}


def _is_read(name: str, cls: type, kind: type) -> bool:
    """Return whether the modules of a service or of its settings read a settings field.

    What only moves a deprecated argument into the settings (`default_settings.model = model`) is not reading.
    """
    modules = {base.__module__ for base in (*cls.__mro__, *kind.__mro__) if not PLUMBING.match(base.__module__)}
    how = rf"(?<!default)_settings\.{name}\b|(?<!\w)(settings|s|self)\.{name}\b|(?<!settings\()[\"']{name}[\"']"
    how = "_apply_thinking_default" if name == "use_provider_thinking_default" else how
    return any(re.search(how, _source(sys.modules[module])) for module in modules)


@functools.cache
def _source(module: types.ModuleType) -> str:
    try:
        return re.sub(r"_warn_init_param_moved_to_settings\([^)]*\)", "", inspect.getsource(module))
    except OSError:  # not from a file
        return ""


@functools.cache
def _class_source(cls: type) -> str:
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):  # a class of the interpreter, or one made at run time
        return ""


def _checked(cls: type) -> dict[str, Range]:
    """Return the bounds that Pipecat itself checked while options still were a pydantic model, `InputParams`."""
    model = getattr(cls, "InputParams", None)
    known = isinstance(model, type) and issubclass(model, BaseModel)
    return {name: bounds(field) for name, field in model.model_fields.items()} if model and known else {}


def _handed_on(cls: type) -> set[str]:
    """Return the keywords that a constructor sets itself when it calls its base's."""
    names: set[str] = set()
    for call in _calls(cls):
        if ast.unparse(call.func) == "super().__init__":
            names |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return names


def _defaults(cls: type) -> dict[str, object]:
    """Return what the constructors put into the settings before the user's."""
    found: dict[str, object] = {}
    for base in _constructors(cls):
        for call in _calls(base):
            if not re.fullmatch(r"(self\.|\w+\.)?\w*Settings", ast.unparse(call.func)):
                continue
            scope = vars(sys.modules[base.__module__])
            for keyword in call.keywords:
                if keyword.arg:
                    found.setdefault(keyword.arg, _value(keyword.value, scope))
            break
    return found


@functools.cache
def _calls(cls: type) -> tuple[ast.Call, ...]:
    """Return the calls in a class's constructor, in order."""
    try:
        source = textwrap.dedent(inspect.getsource(vars(cls)["__init__"]))
    except (OSError, TypeError):  # a class made at run time has no source
        return ()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return tuple(sorted(calls, key=lambda call: call.lineno))


def _value(node: ast.expr, scope: Mapping[str, object]) -> object:
    """Return the value of an expression: a literal, a module's constant by its dotted name, or `UNKNOWN`."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    first, *rest = ast.unparse(node).split(".")
    value = scope.get(first, UNKNOWN)
    for name in rest:
        known = isinstance(value, type | types.ModuleType | enum.Enum)
        value = getattr(value, name, UNKNOWN) if known else UNKNOWN
    return value.value if isinstance(value, enum.Enum) else value
