from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.config.document import EnvText, format_path, read
from turnstream.config.tools import entry
from turnstream.events import ConfigurationError

ENVIRON = {"KEY": "sesame", "PORT": "8080", "EMPTY": "", "ON": "true"}


def value(text: str) -> object:
    return read(text, "agent.yaml", ENVIRON).value


def error(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text, "agent.yaml", ENVIRON).check()
    return caught.value.message


def test_a_variable_is_replaced_wherever_a_text_stands() -> None:
    assert value("a: ${KEY}\nb: ['x-${KEY}-y', \"${PORT}\"]") == {"a": "sesame", "b": ["x-sesame-y", "8080"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("${NOT_SET:-8000}", "8000"), ("${EMPTY:-8000}", "8000"), ("${PORT:-1}", "8080"), ("${NOT_SET:-}", "")],
)
def test_a_default_stands_in_for_what_is_unset_or_empty(text: str, expected: str) -> None:
    assert value(f"a: {text}") == {"a": expected}


def test_two_dollars_stand_for_the_braces_themselves() -> None:
    assert value("a: $${KEY} costs $5") == {"a": "${KEY} costs $5"}


def test_every_unset_variable_is_named_with_its_place() -> None:
    assert error("a: ${ONE}\nb:\n  - x\n  - ${TWO}").splitlines() == [
        "agent.yaml:1: a: the environment variable ONE is not set (${ONE:-…} gives a default)",
        "agent.yaml:4: b[1]: the environment variable TWO is not set (${TWO:-…} gives a default)",
    ]


def test_an_unfinished_variable_says_how_to_write_one() -> None:
    assert "write ${NAME}, ${NAME:-default}, or $${ for itself" in error("a: ${not-a-name}")


@pytest.mark.parametrize(("text", "typed"), [("8080", 8080), ("0.5", 0.5), ("true", True), ("", None), ("x y", "x y")])
def test_a_substituted_text_has_the_type_that_yaml_would_give_it(text: str, typed: object) -> None:
    assert EnvText(text).read_typed() == typed


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_typing_a_substituted_text_never_fails(text: str) -> None:
    EnvText(text).read_typed()


def test_a_path_is_spelled_as_one_would_write_it() -> None:
    assert format_path(("tools", 1, "python")) == "tools[1].python"


def test_lines_are_those_of_keys_and_items() -> None:
    document = read("a: 1\nb:\n  c:\n    - x\n    - y\n", "f", {})
    assert [document.line(path) for path in ((), ("a",), ("b", "c"), ("b", "c", 1), ("b", "c", 1, "z"))] == [
        1,
        1,
        3,
        5,
        5,
    ]


def test_a_variable_between_brackets_that_lacks_quotes_is_explained() -> None:
    said = "expected ',' or ']', but got '{' (between brackets, '${NAME}' needs quotes)"
    assert error("a: [${KEY}]") == f"agent.yaml:1: not valid YAML: {said}"
    assert "cannot start any token" in error("a: 1\n\tb: 2")


def test_a_key_given_twice_is_an_error() -> None:
    assert error("a: 1\nb: 2\na: 3") == "agent.yaml:3: a: the key is given twice"


def test_merge_keys_and_anchors_work() -> None:
    assert value("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3") == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}


def test_a_value_that_contains_itself_is_an_error() -> None:
    assert error("a: &a [*a]") == "agent.yaml:1: a[0]: refers to itself"


@pytest.mark.parametrize(
    "text",
    ["a: [1", "a: b: sesame", "\t", "a: *sesame", "a: !!python/object:sesame {}", "a: 'sesame", "- a\nb: c", "a: \x00"],
)
def test_what_is_no_yaml_is_an_error_with_its_line_and_without_its_text(text: str) -> None:
    message = error(text)
    assert message.startswith("agent.yaml:")
    assert "sesame" not in message


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?\n\t $\x00é"), max_size=40))
def test_no_text_raises_anything_but_a_configuration_error(text: str) -> None:
    try:
        read(text, "agent.yaml", {})
    except ConfigurationError:
        pass


def test_json_in_a_configuration_is_read_as_yaml_12_has_it() -> None:
    text = (
        "tools:\n- rest: {name: x, parameters: {land: {enum: [NO, SE], default: 2020-01-01, on: yes}}, body: {a: no}}\n"
    )
    found = read(text, "agent.yaml", ENVIRON, is_json=entry.is_json).value["tools"][0]["rest"]
    assert found["parameters"]["land"] == {"enum": ["NO", "SE"], "default": "2020-01-01", "on": "yes"}
    assert found["body"] == {"a": "no"}
