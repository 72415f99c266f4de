from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.config.starter import calculate, get_weather
from turnstream.events import ToolError


@pytest.mark.parametrize(
    ("expression", "result"), [("12*7", "84"), (" (1 + 2) ** 3 / 2", "13.5"), ("-7 // 2", "-4"), ("2**0.5 > 1", None)]
)
def test_arithmetic_is_evaluated_and_nothing_else(expression: str, result: str | None) -> None:
    if result is None:
        with pytest.raises(ToolError):
            calculate(expression)
    else:
        assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "9**9**9**9", "1/0", "'a'*10**9", "(" * 5000, "True+1", "10**1000.0", "(-8)**0.5"],
)
def test_a_hostile_expression_is_an_error_for_the_model(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="0123456789+-*/%(). eE", max_size=30))
def test_no_expression_raises_anything_else(expression: str) -> None:
    try:
        calculate(expression)
    except ToolError:
        pass


def test_the_get_weather_is_the_same_every_day_and_says_what_it_is() -> None:
    assert get_weather("Paris") == {**get_weather("paris"), "city": "Paris"}
    assert get_weather("Oslo")["note"] == "sample data"
