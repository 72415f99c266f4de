"""The tags and markers of the families, named for the engines."""

from __future__ import annotations

from dataclasses import replace

from turnstream.parsing.text_calls.gemma import Gemma
from turnstream.parsing.text_calls.named_json import Named
from turnstream.parsing.text_calls.tagged import Pairs, Tags
from turnstream.parsing.text_calls.values import Style

# Parameters as tags.
QWEN = Tags(
    call=("<function=",),
    call_end=("</function>",),
    param=("<parameter=",),
    param_end=("</parameter>",),
    wraps=("<tool_call>", "</tool_call>"),
)
SEED = replace(QWEN, wraps=("<seed:tool_call>", "</seed:tool_call>"))
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


def dsml(space: str, *words: str) -> Tags:
    """DeepSeek's markup; ``words`` name what stands around the calls."""
    return Tags(
        call=(f"<｜DSML｜{space}invoke",),
        call_end=(f"</｜DSML｜{space}invoke>",),
        param=(f"<｜DSML｜{space}parameter",),
        param_end=(f"</｜DSML｜{space}parameter>",),
        wraps=tuple(f"</｜DSML｜{space}{word}>" for word in words),
        trim=False,
    )


# Parameters as pairs of tags.
GLM = Pairs("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", ("</tool_call>", "<tool_call>"))
GLM_LOOSE = replace(GLM, loose=True)
POOLSIDE_USER = replace(GLM, ends=("</user>",))
HUNYUAN = replace(GLM, ends=("</tool_call>", "</tool_calls>", "<tool_call>"), sep="<tool_sep>")
TELECHAT = replace(GLM, key="<param_key>", key_end="</param_key>", value="<param_value>", value_end="</param_value>")
LONGCAT = Pairs(
    "<longcat_arg_key>",
    "</longcat_arg_key>",
    "<longcat_arg_value>",
    "</longcat_arg_value>",
    ("</longcat_tool_call>", "<longcat_tool_call>"),
)
IFM = Pairs(
    "<ifm|arg_key>",
    "</ifm|arg_key>",
    "<ifm|arg_value>",
    "</ifm|arg_value>",
    ("</ifm|tool_call>", "</ifm|tool_calls>", "<ifm|tool_call>"),
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
DEEPSEEK_NOISE = (
    "<｜end▁of▁sentence｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
    "<｜tool▁outputs▁begin｜>",
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


def _kimi_name(name: str) -> str:
    """``functions.NAME:3`` names the tool NAME; the number counts the calls of the conversation."""
    head, colon, tail = name.rpartition(":")
    if colon and tail.strip().isdigit():
        name = head
    return name.strip().removeprefix("functions.")


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
    clean=lambda name: name.rpartition("<|tool_call:name|>")[2],
)
MISTRAL = Named(sep=("[ARGS]",), again=("[TOOL_CALLS]",), clean=lambda name: name.partition("[CALL_ID]")[0])

# Gemma's values.
GEMMA4 = Gemma(Style(verbatim=False, quote='<|"|>', bare=True), ("<tool_call|>",))
FUNCTION_GEMMA = Gemma(Style(verbatim=False, quote="<escape>", bare=True), ("<end_function_call>",))
