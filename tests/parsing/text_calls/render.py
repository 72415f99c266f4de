"""Calls as each family's chat template writes them: what the round trips read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Calls: TypeAlias = Sequence[tuple["Tool", Mapping[str, Any]]]
Renderer: TypeAlias = Callable[[Calls], str]


@dataclass(frozen=True)
class Tool:
    """A tool and the JSON type of each of its parameters."""

    name: str
    parameters: Mapping[str, str]

    def spec(self) -> dict[str, Any]:
        properties = {key: {"type": kind} for key, kind in self.parameters.items()}
        parameters = {"type": "object", "properties": properties}
        return {"type": "function", "function": {"name": self.name, "parameters": parameters}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _raw(value: Any) -> str:
    """A tagged value: strings as they are, the rest as JSON."""
    return value if isinstance(value, str) else _json(value)


def _objects(calls: Calls, name: str = "name", arguments: str = "arguments") -> list[str]:
    return [_json({name: tool.name, arguments: dict(args)}) for tool, args in calls]


def blocks(opens: str, closes: str, between: str = "\n", **keys: str) -> Renderer:
    return lambda calls: between.join(opens + text + closes for text in _objects(calls, **keys))


def array(opens: str, closes: str, **keys: str) -> Renderer:
    return lambda calls: opens + "[" + ", ".join(_objects(calls, **keys)) + "]" + closes


def named(opens: str, begin: str, sep: str, end: str, closes: str) -> Renderer:
    def render(calls: Calls) -> str:
        return opens + "".join(f"{begin}{t.name}{sep}{_json(dict(args))}{end}" for t, args in calls) + closes

    return render


def tagged(opens: str, call: str, param: str, param_end: str, call_end: str, closes: str, line: str = "\n") -> Renderer:
    """``call`` and ``param`` hold {} where the name goes; values stand on lines of their own if ``line`` says so."""

    def render(calls: Calls) -> str:
        return "\n".join(
            opens
            + call.format(tool.name)
            + "".join(f"{param.format(k)}{line}{_raw(v)}{line}{param_end}\n" for k, v in args.items())
            + call_end
            + closes
            for tool, args in calls
        )

    return render


def dsml(space: str, word: str) -> Renderer:
    def param(key: str, value: Any) -> str:
        kind = "true" if isinstance(value, str) else "false"
        return f'<｜DSML｜{space}parameter name="{key}" string="{kind}">{_raw(value)}</｜DSML｜{space}parameter>\n'

    def render(calls: Calls) -> str:
        inner = "".join(
            f'<｜DSML｜{space}invoke name="{tool.name}">\n'
            + "".join(param(k, v) for k, v in args.items())
            + f"</｜DSML｜{space}invoke>\n"
            for tool, args in calls
        )
        return f"<｜DSML｜{space}{word}>\n{inner}</｜DSML｜{space}{word}>"

    return render


def pairs(call: str, pair: str, call_end: str, opens: str = "", closes: str = "") -> Renderer:
    def render(calls: Calls) -> str:
        return (
            opens
            + "".join(
                call.format(tool.name) + "".join(pair.format(k, _raw(v)) for k, v in args.items()) + call_end
                for tool, args in calls
            )
            + closes
        )

    return render


def python(opens: str, closes: str, between: str = ", ") -> Renderer:
    def render(calls: Calls) -> str:
        return (
            opens
            + between.join(f"{t.name}({', '.join(f'{k}={v!r}' for k, v in a.items())})" for t, a in calls)
            + closes
        )

    return render


def gemma(opens: str, quote: str, closes: str) -> Renderer:
    def value(v: Any) -> str:
        match v:
            case str():
                return quote + v + quote
            case dict():
                return "{" + ",".join(f"{k}:{value(x)}" for k, x in v.items()) + "}"
            case list():
                return "[" + ",".join(map(value, v)) + "]"
            case _:
                return _json(v)

    return lambda calls: "".join(f"{opens}call:{tool.name}{value(dict(args))}{closes}" for tool, args in calls)


def minimax_m3(calls: Calls) -> str:
    sign = "]<]minimax[>["

    def element(key: str, value: Any) -> str:
        match value:
            case dict():
                inner = "".join(element(k, v) for k, v in value.items())
            case list():
                inner = "".join(element("item", v) for v in value)
            case _:
                inner = _raw(value)
        return f"{sign}<{key}>{inner}{sign}</{key}>"

    inner = "".join(
        f'{sign}<invoke name="{tool.name}">' + "".join(element(k, v) for k, v in args.items()) + f"{sign}</invoke>\n"
        for tool, args in calls
    )
    return f"{sign}<tool_call>\n{inner}{sign}</tool_call>"


def apertus(calls: Calls) -> str:
    return "<|tools_prefix|>[" + ", ".join(_json({t.name: dict(a)}) for t, a in calls) + "]<|tools_suffix|>"


def kimi_k2(calls: Calls) -> str:
    inner = "".join(
        f"<|tool_call_begin|>functions.{t.name}:{i}<|tool_call_argument_begin|>{_json(dict(a))}<|tool_call_end|>"
        for i, (t, a) in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{inner}<|tool_calls_section_end|>"


def kimi_k3(calls: Calls) -> str:
    def argument(key: str, value: Any) -> str:
        kinds = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
        kind = kinds.get(type(value), "null")
        return f'<|open|>argument key="{key}" type="{kind}"<|sep|>{_raw(value)}<|close|>argument<|sep|>'

    inner = "".join(
        f'<|open|>call tool="{t.name}" index="{i}"<|sep|>'
        + "".join(argument(k, v) for k, v in a.items())
        + "<|close|>call<|sep|>"
        for i, (t, a) in enumerate(calls, 1)
    )
    return f"<|open|>tools<|sep|>{inner}<|close|>tools<|sep|><|close|>message<|sep|>"


def harmony(calls: Calls) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{t.name} <|constrain|>json<|message|>{_json(dict(a))}<|call|>"
        for t, a in calls
    )


def beam(calls: Calls) -> str:
    return "<|start|>assistant".join(
        f" to={t.name}<|channel|>analysis <|constrain|>xml<|message|>"
        + "".join(f'<rfl:parameter name="{k}">\n{_raw(v)}\n</rfl:parameter>' for k, v in a.items())
        + "<|call|>"
        for t, a in calls
    )


def muse(calls: Calls) -> str:
    return "<|start|>assistant".join(
        f' to={t.name}<|message|><atem:function_calls>\n<atem:invoke name="{t.name}">\n'
        + "".join(f'<atem:parameter name="{k}">{_raw(v)}</atem:parameter>\n' for k, v in a.items())
        + "</atem:invoke>\n</atem:function_calls><|eom|>"
        for t, a in calls
    )


def inkling(calls: Calls) -> str:
    return "".join(
        f"<|message_model|>{t.name}<|content_invoke_tool_json|>{text}<|end_message|>"
        for (t, _), text in zip(calls, _objects(calls, arguments="args"), strict=True)
    )


def functionary_v32(calls: Calls) -> str:
    return "".join(f">>>{tool.name}\n{_json(dict(args))}" for tool, args in calls)


def react(calls: Calls) -> str:
    tool, args = calls[0]
    return f"Action: {tool.name}\nAction Input: {_json(dict(args))}\nObservation:"


def step3(calls: Calls) -> str:
    inner = "".join(
        f'<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="{t.name}">'
        + "".join(f'<steptml:parameter name="{k}">{_raw(v)}</steptml:parameter>' for k, v in a.items())
        + "</steptml:invoke><｜tool_call_end｜>\n"
        for t, a in calls
    )
    return f"<｜tool_calls_begin｜>\n{inner}<｜tool_calls_end｜>"


def minicpm(calls: Calls) -> str:
    def value(v: Any) -> str:
        return f"<![CDATA[{v}]]>" if isinstance(v, str) and "<" in v else _raw(v)

    return "\n".join(
        f'<function name="{t.name}">'
        + "".join(f'<param name="{k}">{value(v)}</param>' for k, v in a.items())
        + "</function>"
        for t, a in calls
    )


def deepseek(call: str, sep: str, end: str, opens: str, closes: str) -> Renderer:
    return named(opens, call, sep, end, closes)


_GLM = "<arg_key>{}</arg_key><arg_value>{}</arg_value>"
_GLM_LINES = "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n"
_QWEN = ("<function={}>\n", "<parameter={}>", "</parameter>", "</function>\n")
_DEEPSEEK = (
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
)

RENDERERS: Mapping[str, Renderer] = {
    "hermes": blocks("<tool_call>\n", "\n</tool_call>"),
    "granite4": blocks("<tool_call>\n", "\n</tool_call>"),
    "ernie45": blocks("<tool_call>\n", "\n</tool_call>\n", ""),
    "longcat_json": blocks("<longcat_tool_call>", "</longcat_tool_call>"),
    "longcat": pairs(
        "<longcat_tool_call>{}",
        "<longcat_arg_key>{}</longcat_arg_key>\n<longcat_arg_value>{}</longcat_arg_value>\n",
        "</longcat_tool_call>\n",
    ),
    "hunyuan_a13b": array("<tool_calls>", "</tool_calls>"),
    "jamba": array("<tool_calls>", "</tool_calls>"),
    "apriel_tool_calls": array("<tool_calls>", "</tool_calls>"),
    "minimax_m1": lambda calls: "<tool_calls>\n" + "\n".join(_objects(calls)) + "\n</tool_calls>",
    "nemotron_toolcall_tag": array("<TOOLCALL>", "</TOOLCALL>"),
    "granite3": array("<|tool_call|>", ""),
    "granite_20b_fc": blocks("<function_call> ", ""),
    "apertus": apertus,
    "cohere_command": array("<|START_ACTION|>", "<|END_ACTION|>", name="tool_name", arguments="parameters"),
    "internlm2": blocks("<|action_start|><|plugin|>\n", "<|action_end|>", arguments="parameters"),
    "inkling": inkling,
    "llama3_json": lambda calls: "; ".join(_objects(calls, arguments="parameters")),
    "bare_json": lambda calls: ", ".join(_objects(calls)),
    "json_array": array("", "", arguments="parameters"),
    "fenced_json": array("```json\n", "\n```"),
    "xlam": array("", ""),
    "sarashina": lambda calls: "<|tool_calls|>" + repr([{"name": t.name, "arguments": dict(a)} for t, a in calls]),
    "phi4_mini": array("functools", ""),
    "firefunction_v2": array(" functools", ""),
    "gigachat3": lambda calls: "".join("<|function_call|>" + text for text in _objects(calls)),
    "mistral_json_array": array("[TOOL_CALLS] ", ""),
    "mistral_v11": named("", "[TOOL_CALLS]", "[ARGS]", "", ""),
    "command_r_plus": array("Action:\n```json\n", "\n```", name="tool_name", arguments="parameters"),
    "react": react,
    "deepseek_v3": named(
        _DEEPSEEK[0],
        _DEEPSEEK[1] + "function<｜tool▁sep｜>",
        "\n```json\n",
        "\n```" + _DEEPSEEK[3] + "\n",
        _DEEPSEEK[4],
    ),
    "deepseek_v31": named(*_DEEPSEEK),
    "deepseek_v3_ascii": named(
        "<|tool▁calls▁begin|>",
        "<|tool▁call▁begin|>function<|tool▁sep|>",
        "\n```json\n",
        "\n```<|tool▁call▁end|>",
        "<|tool▁calls▁end|>",
    ),
    "kimi_k2": kimi_k2,
    "kimi_k3": kimi_k3,
    "plamo3": named(
        "<|plamo:begin_tool_requests:plamo|>",
        "<|plamo:begin_tool_request:plamo|><|plamo:begin_tool_name:plamo|>",
        "<|plamo:end_tool_name:plamo|><|plamo:begin_tool_arguments:plamo|><|plamo:constrain|>json<|plamo:msg|>",
        "<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>",
        "<|plamo:end_tool_requests:plamo|>",
    ),
    "solar_open": named("", "<|tool_call:begin|>x1<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>", ""),
    "functionary_v31": named("", "<function=", ">", "</function>", ""),
    "functionary_v32": functionary_v32,
    "qwen3_coder_xml": tagged("<tool_call>\n", *_QWEN, "</tool_call>"),
    "seed_oss_xml": tagged("<seed:tool_call>\n", *_QWEN, "</seed:tool_call>"),
    "mimo_xml": tagged("<tool_call>", *_QWEN, "</tool_call>", line=""),
    "minimax_m2": tagged(
        "<minimax:tool_call>\n",
        '<invoke name="{}">\n',
        '<parameter name="{}">',
        "</parameter>",
        "</invoke>\n",
        "</minimax:tool_call>",
        line="",
    ),
    "minimax_m3": minimax_m3,
    "dots_xml": tagged(
        "<dots_function_call>",
        '<invoke name="{}">',
        '<parameter name="{}">',
        "</parameter>",
        "</invoke>",
        "</dots_function_call>",
        line="",
    ),
    "step3": step3,
    "minicpm5_xml": minicpm,
    "deepseek_v32_dsml": dsml("", "function_calls"),
    "deepseek_v4_dsml": dsml("", "tool_calls"),
    "deepseek_v41_dsml": dsml(" ", "calls"),
    "glm45": pairs("<tool_call>{}\n", _GLM_LINES, "</tool_call>\n"),
    "glm47": pairs("<tool_call>{}", _GLM, "</tool_call>"),
    "glm47_loose": pairs("<tool_call>{}", _GLM, "</tool_call>"),
    "poolside_v1": pairs("<tool_call>{}\n", _GLM_LINES, "</tool_call>\n"),
    "telechat4": pairs("<tool_call>{}", "<param_key>{}</param_key><param_value>{}</param_value>", "</tool_call>"),
    "hy_v3": pairs("<tool_call>{}<tool_sep>", _GLM, "</tool_call>", "<tool_calls>", "</tool_calls>"),
    "hy_v4": pairs("<tool_call>{}", _GLM, "</tool_call>", "<tool_calls>", "</tool_calls>"),
    "k2_horizon": pairs(
        "<ifm|tool_call>{}",
        "<ifm|arg_key>{}</ifm|arg_key><ifm|arg_value>{}</ifm|arg_value>",
        "</ifm|tool_call>",
        "<ifm|tool_calls>",
        "</ifm|tool_calls>",
    ),
    "pythonic": python("[", "]"),
    "llama4_pythonic": python("<|python_start|>[", "]<|python_end|>"),
    "lfm2_pythonic": python("<|tool_call_start|>[", "]<|tool_call_end|>"),
    "olmo3_pythonic": python("<function_calls>", "</function_calls>", "\n"),
    "olmo3_think": python("</think><function_calls>", "</function_calls>", "\n"),
    "gemma4": gemma("<|tool_call>", '<|"|>', "<tool_call|>"),
    "functiongemma": gemma("<start_function_call>", "<escape>", "<end_function_call>"),
    "harmony": harmony,
    "beam": beam,
    "muse_atem": muse,
    "tool_use": blocks("<tool_use>", "</tool_use>"),
    "bracket_tool_call": blocks("[TOOL_CALL]\n", "\n[/TOOL_CALL]"),
    "openpangu1": array("[unused11]", "[unused12]"),
    "rwkv": blocks("**Tool Call:**\n```json\n", "\n```", "\n\n"),
    "step_audio2": named("", "<tool_call>function\n", "\n", "</tool_call>", ""),
    "use_mcp_tool": named(
        "",
        "<use_mcp_tool>\n<server_name>s</server_name>\n<tool_name>",
        "</tool_name>\n<arguments>\n",
        "\n</arguments>\n</use_mcp_tool>\n",
        "",
    ),
    "anthropic_xml": tagged(
        "<function_calls>\n",
        '<invoke name="{}">\n',
        '<parameter name="{}">',
        "</parameter>",
        "</invoke>\n",
        "</function_calls>\n",
        line="",
    ),
    "iquest": pairs("<iquestcoder_tool_call>{}\n", _GLM_LINES, "</iquestcoder_tool_call>\n"),
    "solar_open2": pairs(
        "<|tool_call:start|>{}\n",
        "<|tool_arg:start|>{}<|tool_arg:value|>{}<|tool_arg:end|>\n",
        "<|tool_call:end|>",
    ),
    "gigachat35_gcml": lambda calls: dsml("", "tool_calls")(calls).replace("DSML", "GCML"),
}  # fmt: skip
