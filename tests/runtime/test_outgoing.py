"""Whatever an argument holds: it stays where it was put."""

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from voicekit.config.tool import Tool
from voicekit.runtime.outgoing import BadArgumentError, Outgoing, outgoing


def sent(http: str, values: dict[str, str]) -> Outgoing:
    tool = Tool.model_validate({"http": http, "description": "Find it."})
    assert tool.http
    return outgoing(tool, tool.http, values, values)


@given(st.text())
def test_an_argument_is_one_segment(value: str) -> None:
    try:
        url = sent("GET https://example.org/a/{{id}}/b", {"id": value}).url
    except BadArgumentError:
        assert not value.strip(".")
        return
    first, a, segment, b = url.raw_path.split("/")
    assert (first, a, b, url.host, url.query_string, url.fragment) == ("", "a", "b", "example.org", "", "")
    assert segment.isascii()
    assert segment not in ("", ".", "..")
    # What a server makes of it; and it is the same for one that reads the address again.
    assert url.parts[2] == value
    assert URL(str(url)).parts[2] == value


@given(st.text(), st.text())
def test_two_arguments_are_no_folder_above(one: str, two: str) -> None:
    try:
        url = sent("GET https://example.org/a/{{one}}{{two}}", {"one": one, "two": two}).url
    except BadArgumentError:
        return
    assert url.parts == ("/", "a", one + two)


@given(st.dictionaries(st.text(), st.text()))
def test_a_query_holds_what_it_was_given(values: dict[str, str]) -> None:
    assert dict(sent("GET https://example.org/a", values).url.query) == values


def test_a_host_is_spelt_as_name_servers_know_it() -> None:
    url = sent("GET https://me:p%40ss@bücher.example:8443/a", {}).url
    assert str(url) == "https://me:p%40ss@xn--bcher-kva.example:8443/a"
