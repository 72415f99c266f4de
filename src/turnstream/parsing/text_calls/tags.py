"""The tags and markers of the families, named for the engines."""

from __future__ import annotations

import re
from dataclasses import replace

from turnstream.parsing.text_calls.gemma import Gemma
from turnstream.parsing.text_calls.named_json import Named
from turnstream.parsing.text_calls.pairs import Pairs
from turnstream.parsing.text_calls.schema import Tools
from turnstream.parsing.text_calls.tagged import Tags
from turnstream.parsing.text_calls.values import Style

# Parameters as tags.
QWEN = Tags(
    call=("<function=",),
    call_end=("</function>",),
    param=("<parameter=",),
    param_end=("</parameter>",),
    wraps=("<tool_call>", "</tool_call>"),
)
SEED = replace(QWEN, wraps=("<seed:tool_call>", "</seed:tool_call>"), paired=True)
MIMO = replace(QWEN, trim=False, guess=False)
INVOKE = Tags(
    call=("<invoke ",),
    call_end=("</invoke>",),
    param=("<parameter ",),
    param_end=("</parameter>",),
    wraps=("</minimax:tool_call>", "<minimax:tool_call>"),
    trim=False,
    guess=False,
)
DOTS = replace(INVOKE, wraps=("</dots_function_call>", "<dots_function_call>"))
STEP3 = Tags(
    call=("<steptml:invoke ",),
    call_end=("</steptml:invoke>",),
    param=("<steptml:parameter ",),
    param_end=("</steptml:parameter>",),
    wraps=("<｜tool_call_end｜>", "<｜tool_calls_end｜>", "<｜tool_call_begin｜>"),
    trim=False,
)


def _atem_name(name: str) -> str:
    """A tool without a namespace is written as its own: ``x.x``."""
    head, _, tail = name.partition(".")
    return head if head == tail else name


ATEM = Tags(
    call=("<atem:invoke ",),
    call_end=("</atem:invoke>",),
    param=("<atem:parameter ",),
    param_end=("</atem:parameter>",),
    wraps=("<atem:function_calls>", "</atem:function_calls>"),
    trim=False,
    clean=_atem_name,
)
RFL = Tags(
    call=(),
    call_end=("<|call|>", "<|end|>", "<|return|>"),
    param=("<rfl:parameter ",),
    param_end=("</rfl:parameter>",),
    ends_with_stream=True,
)
MINICPM = Tags(
    call=("<function name=", "<functionĠname=", "<functionname="),
    call_end=("</function>",),
    param=("<param ", "<paramĠ", "<paramname=", "<parameter "),
    param_end=("</param>", "</parameter>"),
    trim=False,
    cdata=True,
)


_BARS = ("｜", "‖", "｜｜", "|", "||")
_PREFIX = "antml:"
ANTHROPIC = Tags(
    call=("<invoke ", f"<{_PREFIX}invoke "),
    call_end=("</invoke>", f"</{_PREFIX}invoke>"),
    param=("<parameter ", f"<{_PREFIX}parameter "),
    param_end=("</parameter>", f"</{_PREFIX}parameter>"),
    wraps=(
        *("</function_calls>", f"</{_PREFIX}function_calls>", "<function_calls>", f"<{_PREFIX}function_calls>"),
        *("</minimax:tool_call>", "<minimax:tool_call>"),
    ),
    trim=False,
    guess=False,
)
ANTHROPIC_BARE = replace(ANTHROPIC, offered=True)
"""Without what stands around the calls it is ordinary XML, unless it names an offered tool."""


def dsml(sign: str) -> Tags:
    """DeepSeek's markup; ``sign`` is what every tag begins with."""
    return Tags(
        call=(f"<{sign}invoke",),
        call_end=(f"</{sign}invoke>",),
        param=(f"<{sign}parameter",),
        param_end=(f"</{sign}parameter>",),
        wraps=tuple(f"</{sign}{word}>" for word in ("function_calls", "tool_calls", "toolcalls", "tool", "calls")),
        trim=False,
        tokens=True,
    )


# With any of the bars that models write, and with the blank of some.
DSML = tuple(dsml(sign) for sign in (*(f"{bar}DSML{bar}" for bar in _BARS), "｜DSML｜ "))
GCML = tuple(replace(dsml(f"{bar}GCML{bar}"), text=True) for bar in _BARS)
DSML_TOOLCALL = Named(
    sep=("\n",),
    fences=("```json", "```"),
    end=("</｜DSML｜toolcall>",),
    closes=("</｜DSML｜toolcalls>", "</｜DSML｜tool_calls>"),
    again=("<｜DSML｜toolcall>",),
)

# Parameters as pairs of tags.
GLM = Pairs(
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    ("</tool_call>", "<tool_call>"),
    again="<tool_call>",
)
GLM_LOOSE = replace(GLM, loose=True)
POOLSIDE_USER = replace(GLM, ends=("</user>",), again="")
HUNYUAN = replace(GLM, ends=("</tool_call>", "</tool_calls>", "<tool_call>"), sep="<tool_sep>")
TELECHAT = replace(GLM, key="<param_key>", key_end="</param_key>", value="<param_value>", value_end="</param_value>")
LONGCAT = Pairs(
    "<longcat_arg_key>",
    "</longcat_arg_key>",
    "<longcat_arg_value>",
    "</longcat_arg_value>",
    ("</longcat_tool_call>", "<longcat_tool_call>"),
    again="<longcat_tool_call>",
)
IQUEST = replace(GLM, ends=("</iquest_tool_call>", "<iquest_tool_call>"), again="<iquest_tool_call>")
IQUEST_CODER = replace(
    GLM, ends=("</iquestcoder_tool_call>", "<iquestcoder_tool_call>"), again="<iquestcoder_tool_call>"
)
SOLAR2 = Pairs(
    "<|tool_arg:start|>",
    "<|tool_arg:value|>",
    "",
    "<|tool_arg:end|>",
    ("<|tool_call:end|>", "<|tool_call:start|>"),
    again="<|tool_call:start|>",
    tokens=True,
)
IFM = Pairs(
    "<ifm|arg_key>",
    "</ifm|arg_key>",
    "<ifm|arg_value>",
    "</ifm|arg_value>",
    ("</ifm|tool_call>", "</ifm|tool_calls>", "<ifm|tool_call>"),
    again="<ifm|tool_call>",
    type="<ifm|arg_type>",
    type_end="</ifm|arg_type>",
)

# Names between markers, arguments as JSON.
DEEPSEEK_OPENS = (
    "<｜tool▁calls▁begin｜>",
    "<｜tool_calls_begin｜>",
    "<｜tool calls begin｜>",
    "<｜tool\\_calls\\_begin｜>",
)
DEEPSEEK_CLOSES = ("<｜tool▁calls▁end｜>", "<｜tool_calls_end｜>", "<｜tool calls end｜>", "<｜tool\\_calls\\_end｜>")
DEEPSEEK_RESULTS = (
    ("<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>"),
    ("<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"),
)
DEEPSEEK_NOISE = (
    "<｜end▁of▁sentence｜>",
    "<｜tool▁output▁end｜>",
    "<｜tool▁outputs▁end｜>",
)
DEEPSEEK = Named(  # V3 writes "function", the separator, the name and a fence; V3.1 the name and the separator
    begin=("<｜tool▁call▁begin｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>"),
    sep=("<｜tool▁sep｜>", "\n"),
    fences=("```json", "```"),
    end=("<｜tool▁call▁end｜>",),
    closes=DEEPSEEK_CLOSES,
)
DEEPSEEK_ASCII = Named(
    begin=("<|tool▁call▁begin|>", "<|tool▁call▁begin|>function<|tool▁sep|>"),
    sep=("\n",),
    fences=("```json", "```"),
    end=("<|tool▁call▁end|>",),
    closes=("<|tool▁calls▁end|>",),
)


_COUNTER = re.compile(r"(?::?\s*\d+)+\s*\Z")


def _kimi_name(name: str, tools: Tools) -> str:
    """``functions.NAME:3`` names the tool NAME; the number counts the calls of the conversation.

    Other spellings are read if the name as it is written is not offered, and the tool that they name is.
    """
    head, colon, tail = name.rpartition(":")
    if colon and tail.strip().isdigit():
        name = head
    name = name.strip().removeprefix("functions.")
    if not tools.known or tools.offers(name):
        return name
    bare = name
    while bare.startswith("functions"):
        bare = bare.removeprefix("functions").removeprefix(".")
    return next((word for word in (bare, _COUNTER.sub("", bare)) if word in tools.names), name)


KIMI_OPENS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", "<|tool_call_begin|>")
KIMI = Named(
    begin=("<|tool_call_begin|>",),
    sep=("<|tool_call_argument_begin|>",),
    end=("<|tool_call_end|>",),
    closes=("<|tool_calls_section_end|>", "<|tool_call_section_end|>"),
    clean=_kimi_name,
)
PLAMO = Named(
    begin=("<|plamo:begin_tool_request:plamo|>", "<|plamo:begin_tool_name:plamo|>"),
    sep=("<|plamo:end_tool_name:plamo|>",),
    fences=("<|plamo:begin_tool_arguments:plamo|>", "<|plamo:constrain|>json", "<|plamo:msg|>"),
    end=("<|plamo:end_tool_arguments:plamo|>", "<|plamo:end_tool_request:plamo|>"),
    closes=("<|plamo:end_tool_requests:plamo|>",),
)
SOLAR = Named(
    begin=("<|tool_call:begin|>",),
    sep=("<|tool_call:args|>",),
    end=("<|tool_call:end|>",),
    clean=lambda name, tools: name.rpartition("<|tool_call:name|>")[2],
)
MISTRAL = Named(sep=("[ARGS]",), again=("[TOOL_CALLS]",), clean=lambda name, tools: name.partition("[CALL_ID]")[0])

# Gemma's values.
GEMMA4 = Gemma(Style(verbatim=False, quote='<|"|>', again=("<|tool_call>",), bare=True), ("<tool_call|>",))
FUNCTION_GEMMA = Gemma(
    Style(verbatim=False, quote="<escape>", again=("<start_function_call>",), bare=True), ("<end_function_call>",)
)
