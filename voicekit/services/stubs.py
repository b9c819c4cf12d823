"""Stand-ins for the SDKs that are not installed, so that every service module can be imported and looked at.

Only for the process that generates the catalogue: after `install`, an import that fails inside Pipecat or
inside our own services yields a module whose every attribute is a class that accepts anything.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from typing import Any, Union

from pydantic_core import core_schema

MARK = "stand-in for "

IMPORTERS = ("pipecat.", "voicekit.services.")


class _Anything(type):
    """The class of stand-in classes: to be subclassed, called, indexed, or'ed, asked for anything."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name)

    def __getitem__(cls, key: object) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return Union[cls, other]  # noqa: UP007 - `cls | other` would come straight back here

    def __ror__(cls, other: Any) -> Any:
        return Union[other, cls]  # noqa: UP007 - as above

    def __iter__(cls) -> Iterator[Any]:
        return iter(())


class _Constant(str):
    """A stand-in for what an SDK spells in lower case: a function, a decorator or a constant."""

    def __call__(self, *args: Any, **_kwargs: Any) -> Any:
        if len(args) == 1 and callable(args[0]):
            return args[0]
        return _Constant(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name)


class _Instance:
    """What every stand-in class inherits: its instances take and answer anything, also as decorators."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Take whatever the SDK's class takes."""

    def __call__(self, *args: Any, **_kwargs: Any) -> Any:
        return args[0] if args else None

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> core_schema.CoreSchema:
        return core_schema.any_schema()


def stand_in(name: str) -> Any:
    """Return a stand-in for the attribute `name` of an SDK."""
    if name.islower():
        return _Constant(MARK + name)

    return _Anything(name, (_Instance,), {"__module__": "stand_in"})


class _Module(types.ModuleType):
    """A stand-in for a module. It looks like a package, so that any submodule may be imported from it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = stand_in(name)
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder asked: it finds whatever Pipecat or we import and nobody else has found."""

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname.startswith(("pipecat", "voicekit")) or not _importer().startswith(IMPORTERS):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: a stand-in is complete when it is created."""


def _importer() -> str:
    """Return the name of the module whose import statement is being carried out.

    An SDK's own optional imports must keep failing: it is not the SDK that we want to look at.
    """
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith("importlib"):
            return name
        frame = frame.f_back
    return ""


def is_stand_in(value: object) -> bool:
    """Return whether a text comes from a constant of an SDK that is not installed."""
    return isinstance(value, str) and value.startswith(MARK)


def install() -> None:
    """Stand in for missing SDKs from now on, in this whole process."""
    sys.meta_path.append(_Finder())
