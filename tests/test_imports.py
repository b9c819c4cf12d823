"""The order of imports: each package uses what stands to its left, and the first three never import Pipecat."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "voicekit"
ORDER = [
    "problems",
    "report",
    "providers",
    "config",
    "records",
    "services",
    "runtime",
    "server",
    "emulators",
    "calls",
    "export",
    "cli",
]
# What faces our clients as a stranger would shares nothing with them.
ALONE = {"emulators": {"problems"}}
MODULES = sorted(ROOT.rglob("*.py"))


def part(module: str) -> str:
    return module.split(".")[1] if module.startswith("voicekit.") else ""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def allowed(own: str) -> set[str]:
    return ALONE.get(own) or {*ORDER[: ORDER.index(own)], own}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert {part(module) for module in imported(path)} - {""} <= allowed(own) | {own}


def test_every_part_has_its_place_in_the_order() -> None:
    parts = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.name != "__pycache__"}
    assert parts - {"__init__", "__main__", "py.typed"} <= {*ORDER, *ALONE}


def test_checking_a_file_never_imports_pipecat() -> None:
    code = (
        "import sys; from pathlib import Path; from voicekit.config.loader import load;"
        "loaded = load(Path('pipelines/streaming.yaml'), {}); assert loaded.agent;"
        "print(sorted({'pipecat', 'loguru', 'numpy', 'openai', 'fastapi'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("package", ["problems.py", "report", "providers", "config", "records"])
def test_the_pure_parts_do_not_name_pipecat(package: str) -> None:
    path = ROOT / package
    files = [path] if path.is_file() else path.rglob("*.py")
    assert [file for file in files if any(module.split(".")[0] == "pipecat" for module in imported(file))] == []
