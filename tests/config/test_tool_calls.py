from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.scripted import Scripted
from turnstream.config.load import load
from turnstream.config.models import ModelSection, TextCallsSection, read_text_calls
from turnstream.events import ConfigurationError
from turnstream.models.text_mode import TextMode


def test_a_native_model_is_left_as_it_is() -> None:
    model = Scripted()
    assert read_text_calls(model, ModelSection(name="x:y").tool_calls) is model


@pytest.mark.parametrize("how", ["auto", "text", TextCallsSection(format="hermes")])
def test_a_text_mode_model_is_wrapped(how: str | TextCallsSection) -> None:
    assert isinstance(read_text_calls(Scripted(), how), TextMode)


def test_an_unknown_form_of_calls_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'hermes'"):
        read_text_calls(Scripted(), TextCallsSection(format="hermse"))


def test_a_template_file_next_to_the_configuration_is_the_models(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}")
    file = tmp_path / "agent.yaml"
    file.write_text(
        "model: {name: my-model, provider: openai-completions, base_url: 'http://x/v1', template: mine.jinja}\n"
    )
    [agent] = load(str(file), environ={}).agents.values()
    assert isinstance(agent.model, TextMode)


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("model: {name: my-model, provider: openai-completions, template: mine.jinja}\n")
    with pytest.raises(ConfigurationError, match="template"):
        load(str(file), environ={})
