from __future__ import annotations

import pytest

from tests.agent.scripted import Scripted
from turnstream.config.assemble import reading_calls
from turnstream.config.schema import ModelSection, TextCallsSection
from turnstream.events import ConfigurationError
from turnstream.providers.text_mode import TextMode


def test_a_native_model_is_left_as_it_is() -> None:
    model = Scripted()
    assert reading_calls(model, ModelSection(name="x:y").tool_calls) is model


@pytest.mark.parametrize("how", ["auto", "text", TextCallsSection(format="hermes")])
def test_a_text_mode_model_is_wrapped(how: str | TextCallsSection) -> None:
    assert isinstance(reading_calls(Scripted(), how), TextMode)


def test_an_unknown_form_of_calls_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean hermes"):
        reading_calls(Scripted(), TextCallsSection(format="hermse"))
