"""Functions: the user's own code, found by `module:name` and described. Importing it runs it."""

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import docstring_parser
from pydantic import TypeAdapter

from voicekit.problems import Refused, refuse

# What a problem with each kind of thing is called.
_CODES: Final = {"function": "bad-tool", "class": "bad-class"}


def find(target: str, folder: Path, noun: str = "function") -> Callable[..., Any]:
    """Import what a file names as `module:name`.

    Args:
        target: A function, or a class.
        folder: Where the module is looked for first.
        noun: What it is, for messages.

    Raises:
        Refused: There is no such module or name in it, or importing it failed.
    """
    name, _, attribute = target.partition(":")
    code = _CODES[noun]
    try:
        module = _module(name, folder)
    except ModuleNotFoundError as error:
        if error.name == name.partition(".")[0]:
            text = f"no module '{name}' beside the file, and none is installed"
            raise refuse(code, text, f"write {name.replace('.', '/')}.py with a {noun} {attribute}") from error
        raise refuse(code, f"the module '{name}' needs '{error.name}', which is not installed") from error
    except Exception as error:
        text = f"the module '{name}' cannot be imported: {type(error).__name__}: {error}"
        raise refuse(code, text) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise _nothing(name, attribute, module, noun)
    return typing.cast(Callable[..., Any], function)


def _module(name: str, folder: Path) -> Any:
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    if not path.is_file():
        return importlib.import_module(name)
    # Under a name of its own: two agents may each have a `tools.py`.
    unique = f"voicekit_tools_{abs(hash(path.resolve()))}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{path}' is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module


def _nothing(name: str, attribute: str, module: Any, noun: str) -> Refused:
    is_one = inspect.isclass if noun == "class" else inspect.isfunction
    having = [key for key, value in vars(module).items() if is_one(value) and not key.startswith("_")]
    hint = f"it has {', '.join(sorted(having)[:5])}" if having else ""
    return refuse(_CODES[noun], f"the module '{name}' has no {noun} '{attribute}'", hint)


def describe(function: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Return what a model reads of a function: its docstring's words, and its signature as a JSON Schema."""
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    told = {param.arg_name: param.description for param in doc.params if param.description}
    hints = typing.get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        # A model knows no names for what `*args` and `**kwargs` take.
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(parameter.name, str)
        properties[parameter.name] = TypeAdapter(hint).json_schema()
        if parameter.name in told:
            properties[parameter.name]["description"] = told[parameter.name]
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return (doc.description or "").strip(), schema
