"""Small engines that only the table of formats needs."""

from __future__ import annotations

from dataclasses import replace

from turnstream.parsing.text_calls import tags
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.regions import Engine, Region
from turnstream.parsing.text_calls.state import NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.values import ignore


def read_suffixed(parse: Parse, marker: str) -> Parsing[None]:
    """Hunyuan's tags with the suffix of a checkpoint: ``<tool_calls:x>``, and so on for every tag."""
    name, mark = yield from parse.reader.collect(">", "<", "\n")
    if mark != ">":
        raise NotACallError

    def tag(text: str) -> str:
        return f"{text[:-1]}:{name}>"

    p = tags.HUNYUAN
    pairs = replace(
        p,
        key=tag(p.key),
        key_end=tag(p.key_end),
        value=tag(p.value),
        value_end=tag(p.value_end),
        sep=tag(p.sep),
        ends=tuple(map(tag, p.ends)),
    )
    region = Region((tag("</tool_calls>"),), pairs=pairs, inner=(tag("<tool_call>"), tag("</tool_call>")))
    yield from region(parse, marker)


class SkipTo:
    """What stands up to one of these markers is protocol, in text as in thoughts."""

    skips = True

    def __init__(self, *ends: str) -> None:
        self._ends = ends

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        found = (yield from parse.reader.collect(*self._ends))[1]
        if found != ">":
            parse.reader.pos -= len(found)


_GIGACHAT = "function call<|role_sep|>"


def gigachat(parse: Parse, marker: str) -> Parsing[None]:
    yield from parse.reader.space()
    if (yield from parse.reader.take(_GIGACHAT)):
        yield from Region(())(parse, marker)
    elif parse.reader.cut_in(_GIGACHAT):
        raise TruncatedError


def drop_to(close: str, word: str) -> Engine:
    """What the model makes up of the tools' results is not text."""

    def engine(parse: Parse, marker: str) -> Parsing[None]:
        told = parse.out.calls and parse.out.fresh
        if marker[1:2].isalpha() and not told:
            raise NotACallError  # a tag of ordinary characters may be written about
        if not parse.out.fresh:
            return
        if not word or (yield from parse.reader.at(word)) or parse.reader.cut_in(word):
            yield from parse.reader.until(stops(close), ignore)

    return engine


def results(*pairs: tuple[str, str], word: str = "") -> dict[str, Engine]:
    """``word`` begins what is a result; other text behind the marker is shown, and text that goes on is as well."""
    return {open: drop_to(close, word) for open, close in pairs}


def toolcall(parse: Parse, marker: str) -> Parsing[None]:
    """``<｜DSML｜toolcall>`` and a name, or what else stands between DeepSeek's tags."""
    yield from parse.reader.space()
    if (yield from parse.reader.at("<")):
        yield from Region(tags.DSML[0].wraps, tags=tags.DSML[0])(parse, marker)
    else:
        yield from tags.DSML_TOOLCALL(parse, marker)


def upper(region: Region) -> Region:
    """The same between markers in capitals; what stands between them may be in capitals as well."""

    def both(marks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*marks, *(mark.upper() for mark in marks))))

    family, pairs = region.tags, region.pairs
    if family is not None:
        family = replace(
            family,
            call=both(family.call),
            call_end=both(family.call_end),
            param=both(family.param),
            param_end=both(family.param_end),
            wraps=both(family.wraps),
        )
    return replace(
        region, closes=both(region.closes), tags=family, pairs=pairs and replace(pairs, ends=both(pairs.ends))
    )
