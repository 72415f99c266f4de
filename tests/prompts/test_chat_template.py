from __future__ import annotations

from datetime import datetime

import pytest

from turnstream.events import (
    AssistantMessage,
    ConfigurationError,
    ImagePart,
    Message,
    RequestError,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from turnstream.prompts.chat_template import ChatTemplate

NOW = datetime(2026, 11, 22)
HELLO: tuple[Message, ...] = (UserMessage("hi"),)


def render(source: str, messages: tuple[Message, ...] = HELLO, tools: tuple[ToolSpec, ...] = (), **more: object) -> str:
    return ChatTemplate(source).render(messages, tools, now=NOW, **more)  # type: ignore[arg-type]


def test_blocks_leave_no_line_of_their_own() -> None:
    assert render("{% if true %}\n  {% set x = 1 %}\na\n{% endif %}\n") == "a\n"


def test_tojson_keeps_characters_and_takes_an_indent() -> None:
    assert render("{{ {'ü': '<b>'} | tojson }}") == '{"ü": "<b>"}'
    assert render("{{ [1] | tojson(indent=2) }}") == "[\n  1\n]"


def test_a_template_can_tell_the_date_it_is_given() -> None:
    assert render("{{ strftime_now('%d %b %Y') }}") == "22 Nov 2026"


def test_a_template_that_refuses_is_the_requests_fault() -> None:
    with pytest.raises(RequestError, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}")


def test_a_template_that_fails_is_the_configurations_fault() -> None:
    with pytest.raises(ConfigurationError, match="UndefinedError"):
        render("{{ nothing.at.all }}")


def test_a_template_that_does_not_parse_names_its_line() -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        ChatTemplate("\n{% if %}")


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    ],
)
def test_a_hostile_template_gets_nothing(hostile: str) -> None:
    with pytest.raises(ConfigurationError):
        render(hostile)


def test_loop_controls_and_generation_blocks_work() -> None:
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}"
    assert render(source, (UserMessage("a"), UserMessage("b"))) == "a"


def test_no_tools_are_none_and_variables_of_the_template_pass() -> None:
    assert render("{{ tools is none }} {{ enable_thinking }}", enable_thinking=False) == "True False"


def test_arguments_are_objects_and_broken_ones_empty() -> None:
    answer = AssistantMessage((ToolCall("1", "f", '{"a": [1]}'), ToolCall("2", "f", '{"a')))
    source = "{% for c in messages[0].tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}"
    assert render(source, (answer,)) == '{"a": [1]}{}'


def test_images_become_parts_and_plain_parts_become_text() -> None:
    source = "{% for m in messages %}{{ m.content | tojson }} {% endfor %}"
    rendered = render(source, (UserMessage((TextPart("a"), TextPart("b"))), UserMessage((ImagePart("http://x"),))))
    assert rendered == '"ab" [{"type": "image", "url": "http://x"}] '


def test_every_kind_of_message_has_its_role() -> None:
    source = "{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}"
    messages = (SystemMessage("s"), UserMessage("u"), AssistantMessage((TextPart("a"),)), ToolMessage("1", "t"))
    assert render(source, messages) == "system:s user:u assistant:a tool:t "
