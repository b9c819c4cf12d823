"""Builds every provider from the smallest file that names it, and prints as JSON what became of each.

Run by test_providers.py in an environment that has the SDKs: a hundred of them leave their marks on a process.
The value is empty for a provider that was built, else what was said.
"""

import asyncio
import json
import sys
import tempfile
import threading
import warnings
from collections.abc import Collection, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.config.files import part
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.config.services import Service
from voicekit.problems import Refused
from voicekit.providers.catalog import Provider, catalog
from voicekit.runtime.construct import construct
from voicekit.runtime.resources import Resources

URL: Final = "http://127.0.0.1:1"
OTHERS: Final = {"asr": "pocketsphinx", "llm": "openai", "tts": "flite"}

# Where any text will not do.
DUMMIES: Final[Mapping[tuple[str, str], str]] = {("rime-v1", "model"): "coda"}


def minimal(provider: Provider) -> dict[str, object]:
    """Return the least that a file must say of a provider."""
    needed = [*provider.needs, *(option.name for option in provider.options.values() if option.required)]
    given = [need for need in dict.fromkeys(needed) if need.partition("|")[0] not in provider.environment]
    return {"provider": provider.name} | {need: _dummy(provider, need) for need in given}


def environment(provider: Provider, folder: Path) -> dict[str, str]:
    """Return every variable that a provider reads, and those of the services beside it."""
    names = {"OPENAI_API_KEY": "x", **dict.fromkeys(provider.environment.values(), "x")}
    names |= {variable: URL for option, variable in provider.environment.items() if option == "endpoint"}
    if "GOOGLE_APPLICATION_CREDENTIALS" in names:
        names["GOOGLE_APPLICATION_CREDENTIALS"] = str(_service_account(folder))
    return names


def _dummy(provider: Provider, need: str) -> object:
    option = provider.options[need]
    number: object = 1 if "int" in option.types else True
    dummy = URL if need == "endpoint" else "x" if "text" in option.types else number
    return DUMMIES.get((provider.name, need), dummy)


def _service_account(folder: Path) -> Path:
    """Write an account of nobody's: Google's SDK wants a key that is one."""
    path = folder / "account.json"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "client_email": "nobody@example.invalid",
            "private_key": key.decode(),
            "token_uri": _token_server(),
            "project_id": "x",
        }
        path.write_text(json.dumps(account), encoding="utf-8")
    return path


def _token_server() -> str:
    """Serve a token to the two of Google's services that fetch one before anything else, and return the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Token)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/token"


class _Token(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"access_token": "x", "token_type": "Bearer", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def checked(provider: Provider, folder: Path) -> tuple[Agent, Service]:
    """Return the agent of a provider's minimal file, and its service.

    Raises:
        Refused: The file has a problem.
    """
    variables = environment(provider, folder)
    others = {} if provider.kind == "realtime" else OTHERS
    file: dict[str, object] = {"version": 1, "name": "minimal", **others, provider.kind: minimal(provider)}
    if provider.name == "rules":
        file["llm"] = {"provider": "rules", "rules": [{"hear": "hello", "say": "Hello."}]}
    else:
        file["prompt"] = "Be brief."
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    loaded = load(path, variables, running=True)
    wrong = [problem for problem in loaded.problems if problem.code != "asr-never-final"]
    if loaded.agent is None or wrong:
        raise Refused(wrong)
    return loaded.agent, part(loaded.agent, provider.kind)


async def build(left_out: Collection[str]) -> dict[str, str]:
    """Build all but those left out, one after another, and return what became of each."""
    told: dict[str, str] = {}
    resources = Resources()
    with tempfile.TemporaryDirectory() as folder:
        for provider in catalog().providers():
            name = f"{provider.kind} {provider.name}"
            if provider.one_of or name in left_out:
                continue
            try:
                construct(*checked(provider, Path(folder)), resources)
            except Refused as refused:
                told[name] = str(refused)
            else:
                told[name] = ""
    await resources.close()
    return told


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(asyncio.run(build(sys.argv[1:]))))  # noqa: T201 - the test reads it
