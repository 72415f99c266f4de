"""The table of formats: one row each, named as in the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from turnstream.parsing.text_calls.answer import Answer
from turnstream.parsing.text_calls.named_json import Named
from turnstream.parsing.text_calls.reader import Steps
from turnstream.parsing.text_calls.regions import Engine, Region
from turnstream.parsing.text_calls.starts import bare_json, python_list
from turnstream.parsing.text_calls.tagged import Pairs, Tags

Root: TypeAlias = Callable[[Answer, bool], Steps[None]]

THINK = (("<think>", "</think>"),)


@dataclass(frozen=True)
class Format:
    """How one family writes its answers.

    ``opens`` says what reads on after each marker. ``start`` reads calls that no marker announces: it is tried where
    an answer begins. ``thinks`` are the tags of reasoning; ``calls_end_reasoning`` says that a call ends it (else it
    is reasoning). ``closes`` are swallowed once there was a call, ``noise`` always. A ``root`` reads the answer
    instead of the common loop.
    """

    name: str
    opens: Mapping[str, Engine] = field(default_factory=dict)
    start: Engine | None = None
    thinks: tuple[tuple[str, str], ...] = THINK
    calls_end_reasoning: bool = True
    closes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    root: Root | None = None


# Tags that several families share.
QWEN = Tags(
    call=("<function=",), call_end=("</function>",), param=("<parameter=",), param_end=("</parameter>",),
    wraps=("<tool_call>", "</tool_call>"),
)  # fmt: skip
SEED = replace(QWEN, wraps=("<seed:tool_call>", "</seed:tool_call>"))
MIMO = replace(QWEN, trim=False)
INVOKE = Tags(
    call=("<invoke ",), call_end=("</invoke>",), param=("<parameter ",), param_end=("</parameter>",),
    wraps=("</minimax:tool_call>", "<minimax:tool_call>"), trim=False,
)  # fmt: skip
GLM = Pairs("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", ("</tool_call>", "<tool_call>"))
DSML = Tags(
    call=("<｜DSML｜invoke",), call_end=("</｜DSML｜invoke>",),
    param=("<｜DSML｜parameter",), param_end=("</｜DSML｜parameter>",), trim=False,
)  # fmt: skip
STEP3 = Tags(
    call=("<steptml:invoke ",), call_end=("</steptml:invoke>",), param=("<steptml:parameter ",),
    param_end=("</steptml:parameter>",), trim=False,
    wraps=("<｜tool_call_end｜>", "<｜tool_calls_end｜>", "<｜tool_call_begin｜>"),
)  # fmt: skip


def _dsml(name: str, *words: str, space: str = "") -> Format:
    closes = tuple(f"</｜DSML｜{space}{word}>" for word in words)
    tags = replace(
        DSML,
        call=(f"<｜DSML｜{space}invoke",), call_end=(f"</｜DSML｜{space}invoke>",),
        param=(f"<｜DSML｜{space}parameter",), param_end=(f"</｜DSML｜{space}parameter>",), wraps=closes,
    )  # fmt: skip
    region = Region(closes, tags=tags)
    bare = Region((), json=None, tags=tags)
    opens: dict[str, Engine] = {f"<｜DSML｜{space}{word}>": region for word in words}
    return Format(
        name, {**opens, tags.call[0]: bare}, closes=(*closes, *tags.call_end), noise=("<｜end▁of▁sentence｜>",)
    )


def _kimi_name(name: str) -> str:
    """``functions.NAME:3`` names the tool NAME; the number counts the calls of the conversation."""
    head, colon, tail = name.rpartition(":")
    if colon and tail.strip().isdigit():
        name = head
    return name.strip().removeprefix("functions.")


def _deepseek_name(name: str) -> str:
    return name.removeprefix("function").lstrip() if name.startswith("function\n") else name


_HERMES = Region(("</tool_call>",))
_XML = Region(("</tool_call>",), tags=QWEN)
_GLM = Region(("</tool_call>",), json=None, pairs=GLM)
_ARRAY = Region(("</tool_calls>",))
_PYTHON = Region(("<|python_end|>",), json=None, python=True)
_MISTRAL_THINK = (("[THINK]", "[/THINK]"), ("<think>", "</think>"))
_DEEPSEEK_OPENS = (
    "<｜tool▁calls▁begin｜>",
    "<｜tool_calls_begin｜>",
    "<｜tool calls begin｜>",
    "<｜tool\\_calls\\_begin｜>",
)
_DEEPSEEK_CLOSES = ("<｜tool▁calls▁end｜>", "<｜tool_calls_end｜>", "<｜tool calls end｜>", "<｜tool\\_calls\\_end｜>")
_DEEPSEEK_NOISE = ("<｜end▁of▁sentence｜>",)
_DEEPSEEK_V3 = Named(
    begin=("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "<｜tool▁call▁begin｜>"), sep=("\n",),
    fences=("```json", "```"), end=("<｜tool▁call▁end｜>",), closes=_DEEPSEEK_CLOSES,
)  # fmt: skip
_DEEPSEEK_V31 = Named(
    begin=("<｜tool▁call▁begin｜>",), sep=("<｜tool▁sep｜>",), end=("<｜tool▁call▁end｜>",), closes=_DEEPSEEK_CLOSES
)
_KIMI = Named(
    begin=("<|tool_call_begin|>",), sep=("<|tool_call_argument_begin|>",), end=("<|tool_call_end|>",),
    closes=("<|tool_calls_section_end|>", "<|tool_call_section_end|>"), clean=_kimi_name,
)  # fmt: skip
_KIMI_OPENS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", "<|tool_call_begin|>")
_MISTRAL = Named(sep=("[ARGS]",), again=("[TOOL_CALLS]",))


def _mistral(a: Answer, marker: str) -> Steps[None]:
    yield from a.r.space()
    if (yield from a.r.at("[TOOL_CALLS]")):
        return
    char = yield from a.r.peek()
    yield from (Region(())(a, marker) if char and char in "[{" else _MISTRAL(a, marker))


def _all(markers: tuple[str, ...], engine: Engine) -> dict[str, Engine]:
    return dict.fromkeys(markers, engine)


_ROWS = (
    Format("hermes", {"<tool_call>": _HERMES}, closes=("</tool_call>",)),
    Format(
        "qwen3_coder_xml",
        {"<tool_call>": _XML, "<function=": Region((), json=None, tags=QWEN)},
        closes=("</tool_call>", "</function>", "</parameter>"),
    ),
    Format(
        "seed_oss_xml",
        {"<seed:tool_call>": Region(("</seed:tool_call>",), json=None, tags=SEED)},
        thinks=(("<seed:think>", "</seed:think>"),),
    ),
    Format("mimo_xml", {"<tool_call>": Region(("</tool_call>",), json=None, tags=MIMO)}, closes=("</tool_call>",)),
    Format("glm45", {"<tool_call>": _GLM}, closes=("</tool_call>",)),
    Format("glm47", {"<tool_call>": _GLM}, closes=("</tool_call>",)),
    Format("llama3_json", {"<|python_tag|>": Region(())}, start=bare_json, noise=("<|eot_id|>", "<|eom_id|>")),
    Format("pythonic", {"<|python_start|>": _PYTHON}, start=python_list, closes=("<|python_end|>",)),
    Format("llama4_pythonic", {"<|python_start|>": _PYTHON}, start=python_list, closes=("<|python_end|>",)),
    Format(
        "mistral_json_array",
        {"[TOOL_CALLS]": _mistral},
        thinks=_MISTRAL_THINK,
        closes=("[/TOOL_CALLS]",),
        noise=("</s>",),
    ),
    Format(
        "mistral_v11", {"[TOOL_CALLS]": _mistral}, thinks=_MISTRAL_THINK, closes=("[/TOOL_CALLS]",), noise=("</s>",)
    ),
    Format("deepseek_v3", _all(_DEEPSEEK_OPENS, _DEEPSEEK_V3), closes=_DEEPSEEK_CLOSES, noise=_DEEPSEEK_NOISE),
    Format("deepseek_v31", _all(_DEEPSEEK_OPENS, _DEEPSEEK_V31), closes=_DEEPSEEK_CLOSES, noise=_DEEPSEEK_NOISE),
    _dsml("deepseek_v32_dsml", "function_calls"),
    _dsml("deepseek_v4_dsml", "tool_calls", "toolcalls", "tool"),
    _dsml("deepseek_v41_dsml", "calls", space=" "),
    Format("kimi_k2", _all(_KIMI_OPENS, _KIMI), closes=_KIMI.closes),
)

FORMATS: Mapping[str, Format] = {row.name: row for row in _ROWS}
