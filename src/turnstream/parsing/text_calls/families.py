"""Which format a model writes, from its name; and ``auto``, which finds out from the first marker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from turnstream.parsing.text_calls import messages, prose, starts, tags, xtml
from turnstream.parsing.text_calls.format import Format
from turnstream.parsing.text_calls.reader import Parsing
from turnstream.parsing.text_calls.regions import Engine, Region
from turnstream.parsing.text_calls.state import NotACallError, Parse

# The first pattern that is found in the model's name (lower case), where a word begins, decides; the more special
# stand first. What looks like a word of a family within another word (museum, himalaya) is not.
FAMILIES: tuple[tuple[str, str], ...] = (
    (r"gpt-?oss", "harmony"),
    (r"deepseek.*[-/]v?-?4[.p]?1(?![0-9]|-?bit)", "deepseek_v41_dsml"),
    (r"deepseek.*-v-?4", "deepseek_v4_dsml"),
    (r"deepseek-?4(?![0-9b]|-?bit)", "deepseek_v4_dsml"),
    (r"deepseek.*-v-?3[.p]?2(?![0-9])", "deepseek_v32_dsml"),
    (r"deepseek.*-v-?3[.p]?1(?![0-9])", "deepseek_v31"),
    (r"deepseek-?(r1|v-?3|chat|reasoner)|cogito", "deepseek_v3"),
    (r"qwen-?3.*coder|qwen-?3\.[5-9]|qwen-?[4-9]|nemotron-?3|step-?3\.[5-9]|step-?5|intern-?s2", "qwen3_coder_xml"),
    (r"qwen|qwq|hermes|smollm-?3|reka|mimo-vl|exaone", "hermes"),
    (r"mimo", "mimo_xml"),
    (r"seed-?oss", "seed_oss_xml"),
    (r"glm-?4\.[56]", "glm45"),
    (r"glm-?(4\.[7-9]|[5-9])|ling-?3|spark-?2", "glm47"),
    (r"poolside|laguna", "poolside_v1"),
    (r"kimi-?k3", "kimi_k3"),
    (r"kimi", "kimi_k2"),
    (r"minimax-?m1", "minimax_m1"),
    (r"minimax-?m3", "minimax_m3"),
    (r"minimax", "minimax_m2"),
    (r"minicpm-?5", "minicpm5_xml"),
    (r"granite.*20b.*function", "granite_20b_fc"),
    (r"granite-?3", "granite3"),
    (r"granite", "granite4"),
    (r"hunyuan.*a13b", "hunyuan_a13b"),
    (r"hy-?(v)?4|hunyuan-?4", "hy_v4"),
    (r"hy-?(v)?3|hunyuan", "hy_v3"),
    (r"jamba", "jamba"),
    (r"apriel", "apriel_tool_calls"),
    (r"apertus", "apertus"),
    (r"nemotron|deci(lm|coder)?(?![a-z])", "nemotron_toolcall_tag"),
    (r"ernie(?![a-z])", "ernie45"),
    (r"longcat", "longcat"),
    (r"command-?r-?plus|command-?r\+|c4ai.*plus", "command_r_plus"),
    (r"command-?(r|a|nightly|light)?(?![a-z])|aya(?![a-z])|cohere(?![a-z])|c4ai", "cohere_command"),
    (r"intern(lm|vl|-?s1)", "internlm2"),
    (r"step-?audio-?2", "step_audio2"),
    (r"step-?3", "step3"),
    (r"inkling(?![a-z])", "inkling"),
    (r"muse(?![a-z])", "muse_atem"),
    (r"functionary.*3\.2", "functionary_v32"),
    (r"functionary", "functionary_v31"),
    (r"firefunction", "firefunction_v2"),
    (r"phi-?4", "phi4_mini"),
    (r"gigachat-?3\.5", "gigachat35_gcml"),
    (r"gigachat", "gigachat3"),
    (r"functiongemma", "functiongemma"),
    (r"gemma-?3|toolace", "pythonic"),
    (r"gemma-?4", "gemma4"),
    (r"lfm-?2", "lfm2_pythonic"),
    (r"olmo-?3.*think", "olmo3_think"),
    (r"olmo(?![a-z])", "olmo3_pythonic"),
    (r"xlam", "xlam"),
    (r"sarashina", "sarashina"),
    (r"plamo", "plamo3"),
    (r"solar-?open-?2", "solar_open2"),
    (r"solar-?open", "solar_open"),
    (r"iquest", "iquest"),
    (r"telechat", "telechat4"),
    (r"dots(?![a-z])", "dots_xml"),
    (r"k2-?horizon", "k2_horizon"),
    (r"beam(?![a-z])", "beam"),
    (r"mirothinker", "use_mcp_tool"),
    (r"(open)?pangu", "openpangu1"),
    (r"cwm(?![a-z])", "cwm"),
    (r"rwkv", "rwkv"),
    (r"claude(?![a-z])", "anthropic_xml"),
    (r"llama-?4", "llama4_pythonic"),
    (r"llama-?3", "llama3_json"),
    (r"mistral.*(v0\.[123]|nemo)|mixtral", "mistral_json_array"),
    (r"mistral|ministral|magistral|devstral|codestral|pixtral", "mistral_v11"),
)
_FAMILIES = tuple((re.compile(f"(?<![a-z])(?:{pattern})"), found) for pattern, found in FAMILIES)


def format_for(model: str) -> str:
    """The name of the format that a model writes; ``auto`` if its name tells nothing."""
    name = model.lower().replace("_", "-")
    return next((found for pattern, found in _FAMILIES if pattern.search(name)), "auto")


def auto(rows: Iterable[Format]) -> Format:
    """All formats at once. The characters after a marker that families share decide between them.

    What may as well be prose or data is a call only where the offered tools are known.
    """
    rows = tuple(row for row in rows if row.root is None)
    opens: dict[str, Engine] = {}
    for row in rows:
        for marker, engine in row.opens.items():
            if marker not in _WEAK:
                opens.setdefault(marker, engine)
    opens |= _SHARED
    thinks = {pair: None for row in rows for pair in row.thinks if pair[0] not in _PROSE}
    noise = {text for row in rows for text in row.noise if text[:2] in ("<|", "<｜")} - {"<|message_sep|>"}
    closes = {text for row in rows for text in row.closes if text[0] == "<"} | {"[/TOOL_CALLS]"}
    return Format(
        "auto",
        opens,
        start=_start,
        thinks=tuple(thinks),
        closes=tuple(sorted(closes)),
        noise=tuple(sorted(noise - set(opens))),
    )


_WEAK = frozenset(
    {
        "{",
        "[",
        "\n{",
        "\n[",
        "\n<",
        "[{'",
        "```",
        *prose.MARKED_FENCES,
        "Action:",
        "\nAction:",
        "<user>",
        "<co:",
        "</co:",
    }
)
_PROSE = frozenset({"Here is my thought process:", "Here are my reasoning steps:\n", "<|channel>"})


class _Choice:
    """An engine that hands over to one of some others."""

    def __init__(self, engine: Engine, *others: Engine) -> None:
        self._engine = engine
        self.marks = tuple(mark for other in others for mark in getattr(other, "marks", ()))

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        return self._engine(parse, marker)


def _if_tools_are_known(engine: Engine) -> Engine:
    """Only where the offered tools are known."""

    def guarded(parse: Parse, marker: str) -> Parsing[None]:
        if not parse.tools.known:
            raise NotACallError
        yield from engine(parse, marker)

    return _Choice(guarded, engine)


def _body(parse: Parse, route: messages.Route, ends: tuple[str, ...]) -> Parsing[None]:
    yield from parse.reader.space()
    found = yield from parse.reader.at("<rfl:", "<atem:")
    body = {"<rfl:": messages.params_body(tags.RFL), "<atem:": messages.invokes_body(tags.ATEM)}.get(found)
    yield from (body or messages.json_body)(parse, route, ends)


def _route(header: str) -> messages.Route:
    by_channel = messages.harmony_route(header)
    return messages.atem_route(header) if "to=self" in header or by_channel.name == "commentary" else by_channel


_MESSAGES = messages.Messages(_route, _body, ("<|end|>", "<|call|>", "<|return|>", "<|eom|>"), over=("<|eot|>",))


def _hand_over(parse: Parse, marker: str) -> Parsing[None]:
    """A protocol of messages or sections: it reads the rest of the answer."""
    parse.reader.pos -= len(marker)
    parse.reader.forget()
    yield from (xtml.read if marker == xtml.OPEN else _MESSAGES)(parse, False)


def _start(parse: Parse, marker: str) -> Parsing[None]:
    reader = parse.reader
    yield from reader.space()
    if (yield from reader.at("to=")):
        if (yield from reader.ahead(messages.TO_HEADER, 3)).endswith("<|"):
            yield from _hand_over(parse, "")
            return
        raise NotACallError
    if parse.tools.known and (yield from reader.take("Action:")):
        yield from _action(parse, "")
        return
    char = yield from reader.peek()
    if not parse.tools.known or not char or char not in "{[<":
        raise NotACallError
    yield from {"{": starts.bare_json, "[": starts.any_list, "<": starts.element}[char](parse, "")


_TOOL_CALL = Region(("</tool_call>",), tags=tags.QWEN, pairs=tags.GLM, called=True)
_TELECHAT = Region(("</tool_call>",), pairs=tags.TELECHAT)
_DECIDES = re.compile(r"<(?:param_key|arg_key|function)|</|[{\[\n>]|\S\s")


def _tool_call(parse: Parse, marker: str) -> Parsing[None]:
    found = yield from parse.reader.ahead(_DECIDES)
    yield from (_TELECHAT if found.endswith("<param_key") else _TOOL_CALL)(parse, marker)


def _tool_calls_begin(parse: Parse, marker: str) -> Parsing[None]:
    """Step-3's marker, which some DeepSeek distillations write as well."""
    yield from parse.reader.space()
    yield from (STEP3 if (yield from parse.reader.at("<｜tool_call_begin｜>")) else tags.DEEPSEEK)(parse, marker)


def _action(parse: Parse, marker: str) -> Parsing[None]:
    head = yield from parse.reader.ahead(_FENCE)
    yield from (prose.action_json if head.strip() == "```" else prose.action_input)(parse, marker)


_FENCE = re.compile(r"\S(?:``)?(?=\s|\w)|\n\n")
STEP3 = Region(
    ("<｜tool_calls_end｜>",),
    tags=tags.STEP3,
    inner=("<｜tool_call_begin｜>", "<｜tool_call_end｜>", "function<｜tool_sep｜>", "<｜tool_sep｜>"),
)

_SHARED: Mapping[str, Engine] = {
    "<tool_call>": _Choice(_tool_call, _TELECHAT, _TOOL_CALL),
    "<｜tool_calls_begin｜>": _Choice(_tool_calls_begin, STEP3, tags.DEEPSEEK),
    "\nAction:": _if_tools_are_known(_action),
    "<tool_calls>": Region(("</tool_calls>",), pairs=tags.HUNYUAN, inner=("<tool_call>", "</tool_call>")),
    "<|channel|>": _hand_over,
    "<|start|>": _hand_over,
    xtml.OPEN: _hand_over,
    "\n{": _if_tools_are_known(starts.bare_json),
    "\n[": _if_tools_are_known(starts.any_list),
    "\n<": _if_tools_are_known(starts.element),
    **{marker: _if_tools_are_known(prose.fence) for marker in prose.MARKED_FENCES},
    "```": _if_tools_are_known(prose.fence),
}


def with_auto(rows: Iterable[Format]) -> Mapping[str, Format]:
    """Every format by its name, and ``auto``."""
    rows = tuple(rows)
    return {row.name: row for row in (*rows, auto(rows))}
