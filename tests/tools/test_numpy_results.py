"""What functions give back with numpy and pandas, where they are installed: `make milvus` has both."""

from __future__ import annotations

from typing import Any

import pytest

from turnstream.tools.results import output

numpy = pytest.importorskip("numpy")


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (numpy.int64(3), "3"),
        (numpy.float32(0.5), "0.5"),
        (numpy.bool_(True), "true"),
        (numpy.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (numpy.array(5), "5"),
        ({"total": numpy.int64(3), numpy.int64(4): [numpy.float64("nan")]}, '{"total":3,"4":[null]}'),
    ],
)
def test_numbers_and_arrays_are_json(value: Any, content: str) -> None:
    assert output(value).content == content


def test_tables_and_columns_are_json() -> None:
    pandas: Any = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", None]}).head(1)
    assert output(table).content == '[{"a":1,"b":"x"}]'
    assert output(pandas.Series([1, 2])).content == "[1,2]"
    assert output(pandas.Series({"x": 1})).content == '{"x":1}'
