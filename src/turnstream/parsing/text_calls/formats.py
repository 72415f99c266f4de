"""The table of formats: one row each, named as in the catalogue (docs/tool-calls-as-text.md).

A new format is a row: its markers, and which engine reads what follows them.
"""

from __future__ import annotations

from collections.abc import Mapping

from turnstream import errors, text
from turnstream.parsing.text_calls import (
    commands,
    elements,
    engines,
    inkling,
    mistral,
    nested,
    prose,
    tagged,
    tags,
    xtml,
)
from turnstream.parsing.text_calls.families import STEP3, with_auto
from turnstream.parsing.text_calls.format import THINK, Format
from turnstream.parsing.text_calls.json_calls import KEYED, PYTHON as PYTHON_OBJECT
from turnstream.parsing.text_calls.messages import (
    Messages,
    atem_route,
    harmony_route,
    invokes_body,
    json_body,
    params_body,
)
from turnstream.parsing.text_calls.regions import Engine, Region
from turnstream.parsing.text_calls.starts import (
    announce,
    bare_call,
    bare_json,
    element,
    functools,
    python_list,
    python_object,
    python_offered,
)

TOOL_CALL = "<tool_call>"
CLOSES = ("</tool_call>", "</TOOL_CALL>")
HUNYUAN = Region(("</tool_calls>",), pairs=tags.HUNYUAN, inner=("<tool_call>", "</tool_call>"))
HERMES = Region(("</tool_call>",), tags=tags.QWEN, called=True)
XML = Region(("</tool_call>",), tags=tags.QWEN, called=True)
BARE_XML = Region((), json=None, tags=tags.QWEN)
IQUEST: dict[str, Engine] = {
    "<iquest_tool_call>": Region(("</iquest_tool_call>",), json=None, pairs=tags.IQUEST),
    "<iquestcoder_tool_call>": Region(("</iquestcoder_tool_call>",), json=None, pairs=tags.IQUEST_CODER),
}
SOLAR2 = Region(("<|tool_call:end|>",), json=None, pairs=tags.SOLAR2)
GLM = Region(("</tool_call>",), pairs=tags.GLM)
ARRAY = Region(("</tool_calls>",))
FREE = Region(())
"""JSON without a closer."""
FREE_OR_PYTHON = Region((), python=True)
PYTHON = Region(("<|python_end|>",), json=None, python=True)
GLM_NOISE = ("<|role_end|>", "<|user|>", "<|observation|>", "<|endoftext|>")
COHERE_END = "<|END_OF_TURN_TOKEN|>"
XML_CLOSES = (*CLOSES, "</function>", "</parameter>", "</FUNCTION>", "</PARAMETER>")


def _all(markers: tuple[str, ...], engine: Engine) -> dict[str, Engine]:
    return dict.fromkeys(markers, engine)


def _dsml(name: str, families: tuple[tagged.Tags, ...] = tags.DSML) -> Format:
    opens: dict[str, Engine] = {}
    for family in families:
        opens |= _all(tuple(close.replace("</", "<") for close in family.wraps), Region(family.wraps, tags=family))
        opens |= _all(family.call, Region((), json=None, tags=family))
    if families is tags.DSML:
        opens |= {"<｜DSML｜toolcall>": engines.toolcall} | engines.results(*tags.DEEPSEEK_RESULTS)
    closes = tuple(close for family in families for close in (*family.wraps, *family.call_end))
    loose = tuple(call for family in families for call in family.call)
    return Format(name, opens | GUESTS, closes=closes, noise=tags.DEEPSEEK_NOISE, loose=loose)


def _tool_call(region: Region) -> dict[str, Engine]:
    return {TOOL_CALL: region, TOOL_CALL.upper(): engines.upper(region)}


INVOKES = Region(tags.ANTHROPIC.wraps[:2], json=None, tags=tags.ANTHROPIC, python=True)
ANTHROPIC: dict[str, Engine] = {
    **_all(tags.ANTHROPIC.wraps[2:4], INVOKES),
    **_all(tags.ANTHROPIC.call, Region((), json=None, tags=tags.ANTHROPIC_BARE)),
}
FENCED: dict[str, Engine] = dict.fromkeys((*prose.MARKED_FENCES, "```"), prose.fence)
BRACKETS: dict[str, Engine] = {"[TOOL_CALL]": Region(("[/TOOL_CALL]",))}
STRAY: dict[str, Engine] = {
    "<function_call>": elements.Element("</function_call>", json=True),
    "<function>": elements.Element("</function>"),
}
MCP: dict[str, Engine] = {"<use_mcp_tool>": elements.Element("</use_mcp_tool>", offered=False)}
TOOL_USE: dict[str, Engine] = {"<tool_use>": Region(("</tool_use>",))}
GUESTS: dict[str, Engine] = {**ANTHROPIC, **STRAY}
"""What models of several families write under a prompt that shows it."""


DEEPSEEK = _all(tags.DEEPSEEK_OPENS, tags.DEEPSEEK) | engines.results(*tags.DEEPSEEK_RESULTS)
_MISTRAL = Format(
    "mistral_v11",
    {"[TOOL_CALLS]": mistral.call},
    thinks=(("[THINK]", "[/THINK]"), *THINK),
    closes=("[/TOOL_CALLS]",),
    noise=("</s>",),
)
_HARMONY_ENDS = ("<|end|>", "<|call|>", "<|return|>")
_ROWS = (
    # JSON between tags.
    Format(
        "hermes",
        _tool_call(HERMES) | ANTHROPIC | engines.results(("<tool_response>", "</tool_response>")),
        closes=CLOSES,
    ),
    Format("granite4", _tool_call(HERMES), closes=CLOSES),
    Format("ernie45", _tool_call(HERMES), closes=CLOSES, noise=("<response>", "</response>")),
    Format("longcat", {"<longcat_tool_call>": Region(("</longcat_tool_call>",), pairs=tags.LONGCAT)}),
    Format("longcat_json", {"<longcat_tool_call>": Region(("</longcat_tool_call>",), pairs=tags.LONGCAT)}),
    Format(
        "hunyuan_a13b",
        {"<tool_calls>": ARRAY},
        calls_end_reasoning=False,
        closes=("</tool_calls>",),
        noise=("助手：", "<answer>", "</answer>"),
    ),
    Format("jamba", {"<tool_calls>": ARRAY}, closes=("</tool_calls>",)),
    Format("minimax_m1", {"<tool_calls>": ARRAY}, closes=("</tool_calls>",)),
    Format(
        "apriel_tool_calls",
        {"<tool_calls>": ARRAY},
        thinks=(*THINK, ("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]")),
        closes=("</tool_calls>",),
        noise=("<|end|>", "[END FINAL RESPONSE]"),
    ),
    Format("nemotron_toolcall_tag", {"<TOOLCALL>": Region(("</TOOLCALL>",))}, closes=("</TOOLCALL>",)),
    Format(
        "granite3",
        {"<|tool_call|>": FREE} | _tool_call(HERMES),
        thinks=(*THINK, ("Here is my thought process:", "Here is my response:")),
        closes=CLOSES,
        noise=("<response>", "</response>", "<|end_of_text|>"),
    ),
    Format("granite_20b_fc", {"<function_call>": elements.Element("</function_call>", json=True)}),
    Format(
        "apertus",
        {"<|tools_prefix|>": Region(("<|tools_suffix|>",), json=KEYED)},
        thinks=(("<|inner_prefix|>", "<|inner_suffix|>"), *THINK),
        closes=("<|tools_suffix|>",),
    ),
    Format(
        "cohere_command",
        {"<|START_ACTION|>": Region(("<|END_ACTION|>",)), "</co:": engines.SkipTo(">"), "<co:": engines.SkipTo(">")},
        thinks=(("<|START_THINKING|>", "<|END_THINKING|>"),),
        noise=("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<co>", COHERE_END),
    ),
    Format(
        "internlm2", {"<|action_start|>": Region(("<|action_end|>",), inner=("<|plugin|>",))}, noise=("<|im_end|>",)
    ),
    Format(
        "inkling",
        {
            "<|content_invoke_tool_json|>": Region(("<|end_message|>",)),
            "<|content_invoke_tool_text|>": inkling.text_call,
            "<|message_model|>": inkling.header,
        },
        start=inkling.start,
        thinks=(("<|content_thinking|>", "<|end_message|>"),),
        noise=(
            "<|content_text|>",
            "<|end_message|>",
            "<|content_tool_error|>",
            "<|content_model_end_sampling|>",
        ),
    ),
    # JSON after a marker, or after none.
    Format(
        "llama3_json", {"<|python_tag|>": FREE_OR_PYTHON, "\n{": bare_json, ': {"': announce, **FENCED}, start=bare_json
    ),
    Format("bare_json", {"{": bare_call, "[": bare_call}, start=bare_call),
    Format("json_array", {"{": bare_call, "[": bare_call}, start=bare_call),
    Format("fenced_json", FENCED),
    Format(
        "xlam",
        {TOOL_CALL: HERMES, "[TOOL_CALLS]": mistral.call, "```json": prose.fence, "\n[": bare_json},
        start=bare_json,
        closes=("</tool_call>", "```"),
    ),
    Format("sarashina", {"<|tool_calls|>": Region((), json=PYTHON_OBJECT), "[{'": python_object}, start=python_object),
    Format(
        "phi4_mini",
        {"functools[": functools, "functools [": functools, "<|tool_call|>": FREE},
        closes=("<|/tool_call|>",),
    ),
    Format("firefunction_v2", {"functools[": functools, "functools [": functools}),
    Format("gigachat3", {"<|message_sep|>": engines.gigachat, "<|function_call|>": FREE}, noise=("</s>",)),
    _MISTRAL,
    Format("mistral_json_array", _MISTRAL.opens, thinks=_MISTRAL.thinks, closes=_MISTRAL.closes, noise=("</s>",)),
    Format("command_r_plus", {"Action:": prose.action_json}),
    Format("react", {"\nAction:": prose.action_input}, start=prose.react_start),
    # A name between markers, then JSON.
    Format("deepseek_v3", DEEPSEEK, closes=tags.DEEPSEEK_CLOSES, noise=tags.DEEPSEEK_NOISE),
    Format("deepseek_v31", DEEPSEEK, closes=tags.DEEPSEEK_CLOSES, noise=tags.DEEPSEEK_NOISE),
    Format("deepseek_v3_ascii", {"<|tool▁calls▁begin|>": tags.DEEPSEEK_ASCII}, noise=("<|end▁of▁sentence|>",)),
    Format("kimi_k2", _all(tags.KIMI_OPENS, tags.KIMI), closes=tags.KIMI.closes, noise=("<|im_end|>",)),
    Format(
        "plamo3",
        {"<|plamo:begin_tool_requests:plamo|>": tags.PLAMO},
        thinks=(("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>"),),
        noise=("<|plamo:tag|>", "<|plamo:op|>", "<|plamo:msg|>"),
    ),
    Format(
        "solar_open",
        {"<|tool_call:begin|>": tags.SOLAR},
        thinks=(("<|think|>", "<|end|>"), *THINK),
        noise=("<|content|>",),
    ),
    Format("functionary_v31", {"<function=": BARE_XML}, closes=("</function>",), noise=("<|eom_id|>", "<|eot_id|>")),
    Format("functionary_v32", root=prose.functionary),
    # Parameters in tags.
    Format("qwen3_coder_xml", _tool_call(XML) | {"<function=": BARE_XML} | GUESTS | BRACKETS, closes=XML_CLOSES),
    Format(
        "seed_oss_xml",
        {"<seed:tool_call>": Region(("</seed:tool_call>",), tags=tags.SEED)},
        thinks=(("<seed:think>", "</seed:think>"),),
    ),
    Format("mimo_xml", _tool_call(Region(("</tool_call>",), tags=tags.MIMO)), closes=XML_CLOSES),
    Format(
        "minimax_m2",
        {"<minimax:tool_call>": Region(("</minimax:tool_call>",), json=None, tags=tags.INVOKE)} | GUESTS | BRACKETS,
        closes=("</minimax:tool_call>", "</invoke>"),
    ),
    Format("minimax_m3", {nested.SIGN + TOOL_CALL: nested.region}, thinks=(("<mm:think>", "</mm:think>"),)),
    Format("dots_xml", {"<dots_function_call>": Region(("</dots_function_call>",), tags=tags.DOTS)}),
    Format("step3", {"<｜tool_calls_begin｜>": STEP3}),
    Format(
        "minicpm5_xml",
        _all(tags.MINICPM.call, Region((), json=None, tags=tags.MINICPM)),
        closes=("</function>", "</param>"),
    ),
    _dsml("deepseek_v32_dsml"),
    _dsml("deepseek_v4_dsml"),
    _dsml("deepseek_v41_dsml"),
    _dsml("gigachat35_gcml", tags.GCML),
    # Parameters in pairs of tags.
    Format("glm45", _tool_call(GLM), closes=CLOSES, noise=GLM_NOISE),
    Format("glm47", _tool_call(GLM), closes=CLOSES, noise=GLM_NOISE),
    Format(
        "glm47_loose",
        _tool_call(Region(("</tool_call>",), pairs=tags.GLM_LOOSE)),
        closes=CLOSES,
        noise=GLM_NOISE,
    ),
    Format(
        "poolside_v1",
        {**_tool_call(GLM), "<user>": Region(("</user>",), pairs=tags.POOLSIDE_USER, weak=True), "\n{": bare_json},
        start=bare_json,
        closes=("</tool_call>", "</user>"),
    ),
    Format("iquest", {**IQUEST}, closes=("</iquest_tool_call>", "</iquestcoder_tool_call>")),
    Format("step_audio2", _tool_call(GLM), closes=CLOSES),
    Format("solar_open2", {"<|tool_call:start|>": SOLAR2}, closes=SOLAR2.closes),
    Format("telechat4", _tool_call(Region(("</tool_call>",), pairs=tags.TELECHAT)), closes=CLOSES),
    Format("hy_v3", {"<tool_calls>": HUNYUAN, "<tool_calls:": engines.read_suffixed}),
    Format("hy_v4", {"<tool_calls>": HUNYUAN, "<tool_calls:": engines.read_suffixed}),
    Format(
        "k2_horizon",
        {
            "<ifm|tool_calls>": Region(
                ("</ifm|tool_calls>",), pairs=tags.IFM, inner=("<ifm|tool_call>", "</ifm|tool_call>")
            )
        },
    ),
    # Python.
    Format(
        "pythonic",
        {"<|python_start|>": PYTHON, "[": python_offered, "```tool_code": prose.fence},
        start=python_list,
        closes=("<|python_end|>",),
    ),
    Format(
        "llama4_pythonic",
        {"<|python_start|>": PYTHON, "[": python_offered},
        start=python_list,
        closes=("<|python_end|>",),
    ),
    Format(
        "lfm2_pythonic",
        {"<|tool_call_start|>": Region(("<|tool_call_end|>",), python=True), "\n[": python_offered},
        start=python_list,
        closes=("<|tool_call_end|>",),
    ),
    Format("olmo3_pythonic", {"<function_calls>": Region(("</function_calls>",), json=None, python=True)}),
    Format(
        "olmo3_think", {"<function_calls>": Region(("</function_calls>",), json=None, python=True)}, reasons_first=True
    ),
    # Plain XML, commands and brackets.
    Format("anthropic_xml", ANTHROPIC),
    Format("use_mcp_tool", MCP | _tool_call(HERMES), closes=CLOSES),
    Format("tool_tags", {"\n<": element}, start=element),
    Format("tool_use", TOOL_USE),
    Format("cwm", _all(commands.CWM_OPENS, commands.CWM), closes=commands.CWM.closes),
    Format("bracket_tool_call", BRACKETS),
    Format("openpangu1", {"[unused11]": Region(("[unused12]",))}, thinks=(("[unused16]", "[unused17]"),)),
    Format("rwkv", {"**Tool Call:**": prose.heading, **FENCED, **_tool_call(HERMES)}, closes=CLOSES),
    Format("stray_elements", STRAY),
    # Gemma's own.
    Format(
        "gemma4",
        {"<|tool_call>": tags.GEMMA4, **engines.results(("<|tool_response>", "<tool_response|>"), word="response:")},
        untold="thought\n",
        thinks=(
            ("<|channel>thought\n", "<channel|>"),
            ("<|channel>thought", "<channel|>"),
            ("<|channel>", "<channel|>"),
        ),
        closes=("<tool_call|>",),
        noise=("<tool_response|>",),
    ),
    Format(
        "functiongemma",
        {"<start_function_call>": tags.FUNCTION_GEMMA},
        closes=("<end_function_call>",),
        noise=("<end_of_turn>", "<start_function_response>"),
    ),
    # Messages.
    Format("harmony", root=Messages(harmony_route, json_body, _HARMONY_ENDS)),
    Format("beam", root=Messages(harmony_route, params_body(tags.RFL), _HARMONY_ENDS)),
    Format(
        "muse_atem",
        root=Messages(
            atem_route, invokes_body(tags.ATEM), ("<|eom|>",), over=("<|eot|>",), opens=("<atem:function_calls>",)
        ),
    ),
    Format(
        "harmony_plain",
        dict.fromkeys(("assistantcommentary to=functions.", "commentary to=functions."), prose.recipient),
        noise=("<|call|>",),
    ),
    Format("kimi_k3", root=xtml.read),
    Format("plain_text", thinks=()),
)

FORMATS: Mapping[str, Format] = with_auto(_ROWS)
"""Every format by its name; ``auto`` is all of them."""


def check_format(name: str) -> None:
    """Raises `ConfigurationError` for what is not the name of a format."""
    if name in FORMATS:
        return
    close = text.find_near(name, FORMATS, 3, 0.5)
    hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    raise errors.ConfigurationError(f"unknown tool-call format {name!r}{hint}")
