from __future__ import annotations

import inspect

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.tools import docstrings

GOOGLE = """Find books.

    Looks into the catalogue.

    Args:
        title (str): What it is called,
            or a part of that.
        limit: The most books.

    Returns:
        Books.

    Raises:
        ValueError: never
    """
NUMPY = """Find books.

    Looks into the catalogue.

    Parameters
    ----------
    title : str
        What it is called,
        or a part of that.
    limit : int, optional
        The most books.

    Returns
    -------
    list
        Books.
    """
SPHINX = """Find books.

    Looks into the catalogue.

    :param title: What it is called,
        or a part of that.
    :type title: str
    :param int limit: The most books.
    :returns: Books.
    :raises ValueError: never"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_tells_what_the_function_and_its_arguments_are(text: str) -> None:
    docs = docstrings.read(text, ["title", "limit"])
    assert docs.description == "Find books.\n\nLooks into the catalogue."
    assert docs.arguments == {"title": "What it is called, or a part of that.", "limit": "The most books."}


def test_a_sphinx_docstring_whose_only_field_is_its_last_line_is_read() -> None:
    docs = docstrings.read("Find books.\n\n:param title: the title", ["title"])
    assert docs == docstrings.Docs("Find books.", {"title": "the title"})


def test_sections_about_results_are_left_out_even_when_no_argument_is_documented() -> None:
    assert docstrings.read("Find books.\n\nReturns:\n    Books.", ["title"]).description == "Find books."


def test_a_note_is_kept_for_the_model() -> None:
    docs = docstrings.read("Find books.\n\nNote:\n    Slow on Sundays.", [])
    assert docs.description == "Find books.\n\nNote: Slow on Sundays."


def test_no_docstring_is_an_empty_description() -> None:
    assert docstrings.read(None, ["title"]) == docstrings.Docs()


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("Args:Returns \n\t-param*()_xy,."), max_size=120))
def test_any_text_is_a_docstring(text: str) -> None:
    docs = docstrings.read(text, ["x", "y"])
    assert all(isinstance(value, str) for value in (docs.description, *docs.arguments.values()))


@pytest.mark.parametrize(
    "text",
    [
        "Find books.\nArgs:\n    title: What.\n    limit (int): Most.\nReturns:\n    Books.",
        "Find books.\nArguments:\n\ttitle: What.\n\tlimit: Most.",
        "Find books.\nParams:\n  title: What.\n  limit: Most.\nRaises:\n  ValueError: never",
        "Find books.\nParameters\n----------\ntitle : str\n    What.\nlimit : int\n    Most.\nReturns\n-------\nlist",
        "Find books.\n:param title: What.\n:param limit: Most.\n:returns: Books.",
    ],
)
def test_sections_need_no_blank_line_before_them(text: str) -> None:
    docs = docstrings.read(text, ["title", "limit"])
    assert docs == docstrings.Docs("Find books.", {"title": "What.", "limit": "Most."})


@pytest.mark.parametrize("text", ["Find books.\nNote that args are:\n    title", "Find:\nArgs:"])
def test_a_text_that_ends_in_a_colon_stays_text(text: str) -> None:
    assert docstrings.read(text, ["title"]) == docstrings.Docs(text)


@pytest.mark.parametrize("items", ["- new\n        - unread\n    - old", "1. new\n    2. old", "* new"])
def test_an_indented_list_keeps_its_indentation(items: str) -> None:
    text = f"Find books.\n\nOne of:\n    {items}"
    assert docstrings.read(text, []) == docstrings.Docs(text)


NESTED = """Do.

    Args:
        mode: One of:
            - fast: quick and
              dirty
            - slow: careful
            Default is fast.
        limit: The most,
            really.
    """
LEVEL = """Do.
    Args:
        mode: One of:
        - fast: quick and
          dirty
        - slow: careful
        limit: The most, really.
    """
BLANKS = """Do.

    Parameters
    ----------
    mode : str
        One of:

        - fast: quick and dirty
        - slow: careful
    limit : int
        The most, really.
    """
FIELDS = """Do.

    :param mode: One of:
        - fast: quick and dirty
        - slow: careful
    :param limit: The most, really.
    """


@pytest.mark.parametrize("text", [NESTED, LEVEL, BLANKS, FIELDS], ids=["nested", "level", "blanks", "fields"])
def test_a_list_in_the_description_of_an_argument_stays_a_list(text: str) -> None:
    docs = docstrings.read(text, ["mode", "limit"])
    assert docs.arguments["mode"].removesuffix("\nDefault is fast.") == (
        "One of:\n- fast: quick and dirty\n- slow: careful"
    )
    assert docs.arguments.keys() == {"mode", "limit"}
    assert docs.arguments["limit"] == "The most, really."


@given(
    st.lists(st.sampled_from(["Args:", "    a: b", "    - c", "        - d", "      e", "", "F.", "1. g"]), max_size=8)
)
def test_no_line_of_a_list_becomes_an_argument(lines: list[str]) -> None:
    docs = docstrings.read("\n".join(["Do.", "", *lines]), ["a"])
    assert not [name for name in docs.arguments if name.startswith("-")]


TEXTS = st.sampled_from(
    ["", "Find books.", "Two\nlines.", "", "Note: mind it.", "- a\n- b", "It is `so`.", "Args", "a "]
)
TITLES = st.sampled_from(["Args:", "Returns:", "Raises:", "Parameters:", "Note:", "Args: all", "Text:", "args:"])
ITEMS = st.sampled_from(
    [
        "    title: the title",
        "    title (str, optional): it,\n        or a part: that",
        "    limit: ",
        "    limit: the\n      most",
        "    limit: one of\n        - a\n        - b",
        "    limit: - a",
        "    - limit: most",
        "    nothing more",
        "    **kwargs: more",
        "    ",
        "  title: the title",
        "        title: deep",
        "title: none",
    ]
)
SECTIONS = st.tuples(TITLES, st.lists(ITEMS, max_size=4)).map(lambda parts: "\n".join([parts[0], *parts[1]]))


@given(st.lists(TEXTS | SECTIONS, max_size=5), st.sampled_from(["\n\n", "\n", "\n\n\n"]))
@settings(max_examples=300, deadline=None)
def test_what_is_read_without_the_parser_is_what_the_parser_reads(blocks: list[str], between: str) -> None:
    text = inspect.cleandoc(between.join(["Begin.", *blocks]))
    plain = docstrings._read_plain(text)
    assert plain is None or plain == docstrings._parse(text, ["title", "limit"])


def test_the_usual_docstring_needs_no_parser() -> None:
    assert docstrings._read_plain(inspect.cleandoc(GOOGLE)) == docstrings.read(GOOGLE, ["title", "limit"])
