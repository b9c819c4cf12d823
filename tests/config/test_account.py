"""The account of a telephone transport: from the file, from the environment, and never shown."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from voicekit.cli.explain import command
from voicekit.config.loader import load
from voicekit.config.transport import Transport
from voicekit.report import render

SID = f"AC{'0' * 32}"
FILE = """
version: 1
name: line
greeting: Hello.
transport: {}
asr: pocketsphinx
llm: {{provider: rules, rules: [{{hear: hello, say: Hello.}}]}}
tts: auto
"""
TOKEN = {"TWILIO_AUTH_TOKEN": "token"}
KEY = {"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "hidden"}


def loaded(transport: str, variables: dict[str, str], folder: Path) -> Transport | str:
    """Return the section, or what is said of it when the file is about to run."""
    path = folder / "line.yaml"
    path.write_text(FILE.format(transport), encoding="utf-8")
    found = load(path, {"TWILIO_ACCOUNT_SID": SID, "MINE": "my own"} | variables, running=True)
    return found.agent.transport if found.agent else render(found.problems, {})


@pytest.mark.parametrize(
    ("transport", "variables", "credentials"),
    [
        ("twilio", TOKEN, ("token", "", "")),
        ("twilio", KEY, ("", "SK1", "hidden")),
        ("twilio", TOKEN | KEY, ("token", "", "")),
        ("{type: twilio, auth_token: '${MINE}'}", TOKEN | KEY, ("my own", "", "")),
        ("{type: twilio, api_key: '${MINE}'}", TOKEN | KEY, ("", "my own", "hidden")),
        ("{type: twilio, api_secret: '${MINE}'}", KEY, ("", "SK1", "my own")),
        ("{type: twilio, endpoint: 'http://127.0.0.1:1', auth_token: '${MINE}'}", TOKEN, ("my own", "", "")),
    ],
)
def test_who_hangs_up(transport: str, variables: dict[str, str], credentials: tuple[str, ...], tmp_path: Path) -> None:
    found = loaded(transport, variables, tmp_path)
    assert isinstance(found, Transport), found
    assert found.account_sid == SID
    assert (found.auth_token, found.api_key, found.api_secret) == credentials


@pytest.mark.parametrize(
    ("transport", "variables", "missing"),
    [
        ("twilio", {}, "TWILIO_AUTH_TOKEN"),
        ("twilio", {"TWILIO_API_KEY": "SK1"}, "TWILIO_API_SECRET"),
        ("{type: twilio, api_secret: '${MINE}'}", TOKEN, "TWILIO_API_KEY"),
        ("twilio", TOKEN | {"TWILIO_ACCOUNT_SID": ""}, "TWILIO_ACCOUNT_SID"),
    ],
)
def test_what_is_missing_keeps_a_file_from_running(
    transport: str, variables: dict[str, str], missing: str, tmp_path: Path
) -> None:
    said = loaded(transport, variables, tmp_path)
    assert isinstance(said, str)
    assert said.partition(": ")[2] == (
        f"error: Twilio needs {missing}, which is not set [unset-variable]\n"
        f"  = help: export {missing}=… or write it into .env"
    )


@pytest.mark.parametrize("transport", ["webrtc", "websocket", "{type: twilio, hang_up: false}"])
def test_who_hangs_up_nothing_needs_no_account(transport: str, tmp_path: Path) -> None:
    found = loaded(transport, {"TWILIO_ACCOUNT_SID": ""} | TOKEN, tmp_path)
    assert isinstance(found, Transport), found
    assert (found.account_sid, found.auth_token) == ("", "")


def test_explain_names_the_variable_and_the_keys_of_the_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in ({"TWILIO_ACCOUNT_SID": SID} | TOKEN).items():
        monkeypatch.setenv(name, value)
    Path("line.yaml").write_text(FILE.format("{type: twilio, region: ie1, edge: dublin}"), encoding="utf-8")
    result = CliRunner().invoke(command, ["line.yaml", "transport"])
    assert result.output == (
        "type: twilio                        # line.yaml:5\n"
        "account_sid: ${TWILIO_ACCOUNT_SID}  # environment\n"
        "auth_token: ${TWILIO_AUTH_TOKEN}    # environment\n"
        "region: ie1                         # line.yaml:5\n"
        "edge: dublin                        # line.yaml:5\n"
        "hang_up: true                       # default\n"
    )


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("webrtc", "type: webrtc  # line.yaml:5\n"),
        ("websocket", "type: websocket  # line.yaml:5\nprotocol: rtvi   # default\n"),
    ],
)
def test_explain_shows_no_key_of_another_type(
    kind: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("line.yaml").write_text(FILE.format(kind), encoding="utf-8")
    assert CliRunner().invoke(command, ["line.yaml", "transport"]).output == shown
