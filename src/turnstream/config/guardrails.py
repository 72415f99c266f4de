"""Guardrails: what a configuration may say of them, and the rules that this describes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field, model_validator

from turnstream import errors, jsontext
from turnstream.agent import Agent
from turnstream.config import context, document, files, models, references
from turnstream.config.approvers import ApproverSection
from turnstream.config.sections import JsonObject, NonEmpty, PositiveInt, Seconds, Section, StrList
from turnstream.guardrails import agent as guarding, judges, matching, patterns, review, rules, texts
from turnstream.guardrails.tools import ToolGuard
from turnstream.tools import wrap

_LABELS = {"secrets": "[secret]", "emails": "[email]", "cards": "[card]"}
_MASK = "***"
_FINDING = ("find", "expressions", "words", "words_file")
_JUDGING = ("python", "moderation")


class ModerationSection(Section):
    """A model that answers `safe` or `unsafe`."""

    model: models.ModelSection
    """Written as the agent's model is."""
    instructions: str = judges.QUESTION
    """Its system message; empty for a model that needs none, as Llama Guard."""

    @model_validator(mode="before")
    @classmethod
    def _write_out(cls, value: Any) -> Any:
        return models.write_out(value)


class RuleSection(Section):
    """One guardrail: what it looks for, under exactly one key, and what is done about it."""

    asking: ClassVar[Sequence[str]] = (*_FINDING, "length", *_JUDGING)
    kinds: ClassVar[Sequence[str]] = ("find", "expressions", "words", "words_file", "length", "python", "moderation")

    name: NonEmpty | None = None
    """What logs call it."""
    find: Annotated[list[Literal["secrets", "emails", "cards"]], Field(min_length=1)] | None = None
    """`secrets` (keys and tokens of well-known forms), `emails`, `cards` (payment cards, by their check digit)."""
    expressions: Annotated[StrList, Field(min_length=1)] | None = None
    """Regular expressions, in the syntax of RE2."""
    words: Annotated[StrList, Field(min_length=1)] | None = None
    """Whole words, or several in a row, in any case."""
    words_file: NonEmpty | None = None
    """A text file with one of them on each line; its path is relative to this file."""
    length: PositiveInt | None = None
    """The most characters."""
    python: Annotated[str, Field(pattern=references.PATTERN)] | None = None
    """A function of the text that says True if it is allowed: `checks.py:allowed`."""
    moderation: ModerationSection | None = None
    """A model that is asked whether the text is safe."""
    action: Literal["mask", "replace", "stop", "ask"] | None = None
    """`mask` what was found (the default where something can be found), `replace` it by `text`, `stop` (the default for
    all else), or `ask` a person: before the model sees the request, before the rest of the answer is shown, before the
    call is made (a result that has it is withheld)."""
    by: ApproverSection | None = None
    """Whom `ask` asks, if not the user that the run works for."""
    expires: Seconds | None = None
    """Seconds after which what nobody has answered counts as a no; a week without it."""
    text: str | None = None
    """What stands for what was found, or for an answer that may not be shown."""
    on_error: Literal["stop", "pass"] = "stop"
    """What is done if `python` or `moderation` fails."""
    timeout: Seconds = 30.0
    """Seconds that they may take."""

    @property
    def kind(self) -> str:
        return next(kind for kind in self.kinds if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _fits_together(self) -> RuleSection:
        if sum(getattr(self, kind) is not None for kind in self.kinds) != 1:
            raise ValueError(f"give exactly one of: {', '.join(self.kinds)}")
        if self.action == "ask" and self.kind not in self.asking:
            raise ValueError(f"'action: ask' needs one of: {', '.join(self.asking)}")
        if self.action != "ask" and (self.by is not None or self.expires is not None):
            raise ValueError("'by' and 'expires' are for 'action: ask'")
        if self.action == "mask" and self.kind not in _FINDING:
            raise ValueError(f"'action: mask' needs one of: {', '.join(_FINDING)}")
        if self.action == "replace" and self.kind not in self.replaceable():
            raise ValueError(f"'action: replace' needs one of: {', '.join(self.replaceable())}")
        if (self.action == "replace") != (self.text is not None):
            raise ValueError("'action: replace' and 'text' need each other")
        return self

    @classmethod
    def replaceable(cls) -> Sequence[str]:
        return _FINDING


class InputSection(RuleSection):
    """A guardrail of requests, before the model sees them; 'stop' refuses the request."""


class OutputSection(RuleSection):
    """A guardrail of what clients are shown: answers, reasoning, arguments and results of tools."""

    asking: ClassVar[Sequence[str]] = (*RuleSection.asking, "json_schema")
    kinds: ClassVar[Sequence[str]] = (*RuleSection.kinds, "json_schema")

    json_schema: NonEmpty | JsonObject | None = None
    """A JSON schema that the answer must fit, or the name of a file that has one. Nothing of the answer is shown
    before it is whole."""
    every: PositiveInt | None = None
    """Ask `python` or `moderation` about the answer so far every so many characters. Without it they are asked once,
    at the end, and nothing is shown before."""

    @classmethod
    def replaceable(cls) -> Sequence[str]:
        return (*_FINDING, *_JUDGING, "json_schema")

    @model_validator(mode="after")
    def _every_fits(self) -> OutputSection:
        if self.every is not None and (self.kind not in _JUDGING or self.action == "replace"):
            raise ValueError("'every' is for 'python' and 'moderation', with 'action: stop' or 'ask'")
        return self


class ToolsSection(RuleSection):
    """A guardrail between the agent and its tools; 'stop' refuses the call or withholds the result."""

    asking: ClassVar[Sequence[str]] = (*_FINDING, "length")
    kinds: ClassVar[Sequence[str]] = (*RuleSection.kinds, "mark_as_data")

    mark_as_data: StrList | None = None
    """Names of tools, in which `*` stands for anything: the model is told that their results are data, and that
    instructions in them are not the user's."""


class GuardrailsSection(Section):
    """What is let in, what is let out, and what passes between the agent and its tools. Each guardrail of a list is
    given what the one before it left."""

    input: list[InputSection] = Field(default_factory=list)
    output: list[OutputSection] = Field(default_factory=list)
    tools: list[ToolsSection] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Built:
    """What the sections describe, ready to be put around agents."""

    guardrails: guarding.Guardrails
    tools: ToolGuard | None

    def protect(self, agent: Agent) -> None:
        """Around the agent, and around the guardrails that it has."""
        inner = agent.guardrails
        agent.guardrails = self.guardrails + inner if isinstance(inner, guarding.Guardrails) else self.guardrails
        if self.tools is not None:
            agent.toolboxes = tuple(wrap.Checked(box, self.tools) for box in agent.toolboxes)


def build(
    section: GuardrailsSection, found: document.Document, path: document.Path, where: context.ConfigContext
) -> Built:
    """What is wrong is reported to the document; ``path`` is where the section stands in it."""
    incoming = _Rules(section.input, found, (*path, "input"), where)
    outgoing = _Rules(section.output, found, (*path, "output"), where)
    checking = _Rules(section.tools, found, (*path, "tools"), where)
    guardrails = guarding.Guardrails(
        input_rules=[*incoming.rules, *incoming.lengths],
        input_judges=incoming.judges,
        output_rules=outgoing.rules,
        answer_rules=outgoing.lengths,
        answer_judges=outgoing.judges,
        input_asking=incoming.asking,
        output_asking=outgoing.asking,
    )
    marked = [name for one in section.tools for name in one.mark_as_data or ()]
    tools = None
    if section.tools:
        tools = ToolGuard([*checking.rules, *checking.lengths], checking.judges, marked, checking.asking)
    return Built(guardrails, tools)


class _Rules:
    """Those of one list."""

    def __init__(
        self,
        sections: Sequence[RuleSection],
        found: document.Document,
        path: document.Path,
        where: context.ConfigContext,
    ) -> None:
        self.rules: list[texts.Rule] = []
        self.asking: list[review.AskingRule] = []
        self.lengths: list[texts.Rule] = []
        self.judges: list[rules.Judge] = []
        for index, section in enumerate(sections):
            try:
                self._add(section, where)
            except errors.ConfigurationError as error:
                if not found.depends_on_unset((*path, index)):
                    found.report((*path, index), error.message)

    def _add(self, section: RuleSection, where: context.ConfigContext) -> None:
        asks = section.action == "ask"
        if section.kind == "length":
            length = rules.LengthRule(section.name or "length", section.length or 0)
            if asks:
                self.asking.append(review.AskingRule(length, _reviewer(section)))
            else:
                self.lengths.append(length)
        elif section.kind in _FINDING and asks:
            self.asking += [
                review.AskingRule(msgspec.structs.replace(mask, replacement=None), _reviewer(section), mask)
                for mask in _build_patterns(section, where)
            ]
        elif section.kind in _FINDING:
            self.rules += _build_patterns(section, where)
        elif section.kind != "mark_as_data":
            self.judges.append(_build_judge(section, where))


def _reviewer(section: RuleSection) -> review.Reviewer:
    return review.Reviewer("" if section.by is None else section.by.rule, section.expires)


def _build_patterns(section: RuleSection, where: context.ConfigContext) -> Iterator[matching.PatternRule]:
    def rule(name: str, pattern: matching.Pattern, label: str) -> matching.PatternRule:
        replacement = None if section.action == "stop" else section.text if section.action == "replace" else label
        return matching.PatternRule(section.name or name, pattern, replacement)

    for name in section.find or ():
        yield rule(name, patterns.NAMED[name](), _LABELS[name])
    if section.expressions is not None:
        yield rule("expressions", patterns.find_expressions(section.expressions), _MASK)
    words = section.words
    if section.words_file is not None:
        lines = files.read_text(where.folder / section.words_file).splitlines()
        words = [line for line in lines if line.strip()]
    if words is not None:
        yield rule("words", patterns.find_words(words), _MASK)


def _build_judge(section: RuleSection, where: context.ConfigContext) -> rules.Judge:
    every = section.every if isinstance(section, OutputSection) else None
    return rules.Judge(
        section.name or section.kind,
        _build_ask(section, where),
        section.text,
        every,
        section.on_error,
        section.timeout,
        _reviewer(section) if section.action == "ask" else None,
    )


def _build_ask(section: RuleSection, where: context.ConfigContext) -> rules.Ask:
    if section.moderation is not None:
        return judges.Moderation(models.build(section.moderation.model, where), section.moderation.instructions)
    if section.python is not None:
        function = references.resolve(section.python, where.folder)
        try:
            inspect.signature(function).bind(None)
        except (TypeError, ValueError):
            raise errors.ConfigurationError("python must name a function of the text") from None
        return judges.calls(function)
    assert isinstance(section, OutputSection)
    schema = section.json_schema
    if isinstance(schema, str):
        schema = _read_schema(schema, where)
    return judges.fits_schema(schema or {})


def _read_schema(file: str, where: context.ConfigContext) -> dict[str, Any]:
    try:
        schema = jsontext.decode_leniently(files.read_text(where.folder / file))
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise errors.ConfigurationError(f"{file}: not a JSON schema")
    return schema
