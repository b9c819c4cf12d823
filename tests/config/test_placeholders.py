from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.config.lines import spoken
from voicekit.config.loader import load
from voicekit.config.placeholders import MissingValueError, Placeholder, PlaceholderError, fill, names

VALUES = {
    "order_id": "42",
    "empty": "",
    "nothing": None,
    "count": 3,
    "yes": True,
    "result": {"status": "on its way", "items": [{"name": "tea"}, {"name": "milk"}], "user-id": "7"},
    "trap": "{{order_id}}",
}

FILLED = [
    ("", ""),
    ("no placeholder }} here { }", "no placeholder }} here { }"),
    ("Order {{order_id}} is {{result.status}}.", "Order 42 is on its way."),
    ("{{ order_id }}", "42"),
    ("{{result.items.1.name}}, {{result.user-id}}", "milk, 7"),
    ("{{count}} {{yes}}", "3 true"),
    ("{{result.items}}", '[{"name": "tea"}, {"name": "milk"}]'),
    ("{{unknown:-no one}}", "no one"),
    ("{{empty:-no one}}{{nothing:-}}", "no one"),
    ("{{order_id:-no one}}", "42"),
    ("{{ order_id :- no one}}", "42"),
    ("{{result.status.more:-a: b, c-d}}", "a: b, c-d"),
    ("[{{empty}}]", "[]"),
    (r"\{{order_id}} {{order_id}}", "{{order_id}} 42"),
    (r"a\b {{order_id}}", r"a\b 42"),
    ("{{trap}}", "{{order_id}}"),
]

ERRORS = [
    ("Hello {{name", 6, 8, "'{{' is never closed by '}}'"),
    ("Hello {{}}", 6, 10, "'{{}}' names no value"),
    ("Hello {{first name}}!", 6, 20, "'{{first name}}' names no value"),
    ("Hello {{a..b}}!", 6, 14, "'{{a..b}}' names no value"),
    ("{{a}} {{1}}", 6, 11, "'{{1}}' names no value"),
    ("{{naïve}}", 0, 9, "'{{naïve}}' names no value"),
]


@pytest.mark.parametrize(("template", "text"), FILLED)
def test_filling(template: str, text: str) -> None:
    assert fill(template, VALUES) == text


def test_what_is_filled_in_can_be_encoded_and_the_rest_is_not() -> None:
    values = {"name": "a/b", "number": 2}
    assert fill("/x/{{name}}/{{number}}/{{none:-c/d}}", values, encode=lambda text: f"<{text}>") == "/x/<a/b>/<2>/<c/d>"


@pytest.mark.parametrize("name", ["unknown", "nothing", "result.colour", "result.items.2", "order_id.x"])
def test_a_missing_value(name: str) -> None:
    template = f"It is {{{{{name}}}}}."
    with pytest.raises(MissingValueError, match=f"^no value for '{name}'$") as caught:
        fill(template, VALUES)
    assert caught.value.name == name
    assert fill(template, VALUES, missing="?") == "It is ?."


@pytest.mark.parametrize(("template", "start", "end", "message"), ERRORS)
def test_what_is_no_placeholder(template: str, start: int, end: int, message: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        names(template)
    assert (caught.value.message, caught.value.start, caught.value.end) == (message, start, end)
    with pytest.raises(PlaceholderError):
        fill(template, VALUES)


def test_names_have_their_places() -> None:
    found = names(r"Hi {{caller.name:-you}}, \{{no}} {{ order_id }}")
    assert found == (
        Placeholder("caller.name", "you", 3, 23),
        Placeholder("order_id", None, 33, 47),
    )
    assert [(each.root, each.has_default) for each in found] == [("caller", True), ("order_id", False)]


@given(st.text(), st.text())
def test_a_value_is_never_read_again(before: str, value: str) -> None:
    plain = before.replace("{", "").replace("\\", "")
    assert fill(plain + "{{x}}", {"x": value}) == plain + value


def test_what_comes_from_the_environment_is_no_placeholder(tmp_path: Path) -> None:
    text = """
version: 1
name: a
asr: pocketsphinx
tts: flite
greeting: "Hello ${WHO}, \\\\{{not}} one."
llm: {provider: rules, rules: [{hear: hello, tool: ask, say: "${WHO}: {{result}}"}]}
tools: {ask: {http: "POST https://example.org/${WHO}", description: Ask., body: {who: "${WHO}", kept: "${WHO}"}}}
description: "${WHO}"
"""
    agent = load(tmp_path / "agent.yaml", {"WHO": "{{result}}"}, running=True, data=text.encode()).agent
    assert agent is not None
    assert agent.greeting
    assert spoken(agent.greeting.say) == ("Hello {{result}}, {{not}} one.",)
    rules = agent.llm[0].rules
    assert rules is not None
    assert fill(rules.rules[0].say[0], {"result": "42"}) == "{{result}}: 42"
    tool = agent.tools["ask"]
    assert tool.http is not None
    assert tool.http.placeholders == ()
    assert isinstance(tool.body, dict)
    assert {key: fill(value, {}) for key, value in tool.body.items()} == {"who": "{{result}}", "kept": "{{result}}"}
    assert agent.description == "{{result}}"
