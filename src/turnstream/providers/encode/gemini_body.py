"""Our request as the body of streamGenerateContent (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from turnstream import errors, messages, requests, toolspec
from turnstream.providers import base
from turnstream.providers.encode import data_urls, model_rules, tool_schemas, translate

Part = dict[str, Any]
NAME = "gemini"

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
_SMALLEST_BUDGET_OF_PRO = 128
_MOST_STOPS = 5
_OPENING = "(The conversation begins with the assistant.)"
# What Google documents for calls that its own model did not make, or whose signature is lost.
_NO_SIGNATURE = "skip_thought_signature_validator"


def version(model: str) -> tuple[int, int] | None:
    """(2, 5) of ``gemini-2.5-pro``; names without a number, such as ``gemini-flash-latest``, are of the newest."""
    if found := _VERSION.search(model):
        return int(found[1]), int(found[2] or 0)
    return (3, 0) if "gemini-" in model else None


def body(settings: base.Settings, model_request: requests.ModelRequest, notes: list[str]) -> dict[str, Any]:
    options = model_rules.fit(settings.model, settings.options, model_request.options, notes)
    known = version(settings.model)
    payload: dict[str, Any] = {
        "contents": _Contents(model_request.messages, signed=bool(known and known >= (3, 0))).contents
    }
    if text := translate.system_text(model_request.messages):
        payload["systemInstruction"] = {"parts": [{"text": text}]}
    if model_request.tools:
        payload["tools"] = [{"functionDeclarations": [_declaration(spec) for spec in model_request.tools]}]
        if config := _calling_config(options):
            payload["toolConfig"] = {"functionCallingConfig": config}
        if options.parallel_tool_calls is False:
            notes.append("parallel_tool_calls is left out: this vendor does not support it.")
    if settings.web_search:
        _add_search(
            payload, combines=(known is None or known >= (3, 0)) and "project" not in settings.quirks, notes=notes
        )
    generation = _generation(options, notes)
    _add_format(generation, options, settings.model, with_tools="tools" in payload)
    _add_thinking(generation, options, settings.model, notes)
    if generation:
        payload["generationConfig"] = generation
    return translate.with_extra(payload, options.extra)


def _add_search(payload: dict[str, Any], *, combines: bool, notes: list[str]) -> None:
    """``combines``: whether the model can use the search beside functions; Vertex AI has no model that can."""
    if "tools" not in payload:
        payload["tools"] = [{"googleSearch": {}}]
    elif not combines:
        notes.append("The vendor's web search is left out beside other tools: this model cannot use both.")
    else:
        payload["tools"].append({"googleSearch": {}})
        payload.setdefault("toolConfig", {})["includeServerSideToolInvocations"] = True


class _Contents:
    """The messages as contents. A call's signature and the vendor's own id go back as they came."""

    def __init__(self, conversation: tuple[messages.Message, ...], *, signed: bool) -> None:
        self.contents: list[dict[str, Any]] = []
        self._signed = signed
        self._names = translate.tool_names(conversation)
        self._wire_ids: dict[str, str] = {}
        self._shown: list[Part] = []
        self._last: type[messages.Message] | None = None  # what the last content was made of
        conversation = translate.readable_results(conversation, _result_part)
        for at, message in enumerate(conversation):
            if not isinstance(message, messages.ToolMessage):
                self._show()
            self._add(message, f"messages[{at}].content")
        self._show()
        if not self.contents:
            raise errors.RequestError("The conversation has no message for the model.", param="messages")
        if self.contents[0]["role"] == "model":
            self.contents.insert(0, {"role": "user", "parts": [{"text": _OPENING}]})

    def _add(self, message: messages.Message, where: str) -> None:
        match message:
            case messages.AssistantMessage():
                role, parts = "model", self._answer(message)
            case messages.ToolMessage():
                role, parts = "user", [self._response(message, where)]
            case messages.UserMessage(content=content):
                role, parts = "user", _parts(content, where)
            case _:
                return
        if not parts:
            return
        if type(message) is self._last:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})
            self._last = type(message)

    def _answer(self, message: messages.AssistantMessage) -> list[Part]:
        converted: list[Part] = []
        for part in message.parts:
            match part:
                case messages.TextPart(text=text) if text:
                    converted.append({"text": text})
                case messages.ToolCall():
                    converted.append(self._call(part))
                case messages.ProviderItem(provider=provider, data=data) if provider == NAME:
                    converted.append(data)
                case _:
                    pass
        calls = [part for part in converted if "functionCall" in part]
        if self._signed and calls and not any("thoughtSignature" in part for part in calls):
            calls[0]["thoughtSignature"] = _NO_SIGNATURE
        return converted

    def _call(self, call: messages.ToolCall) -> Part:
        function: dict[str, Any] = {"name": call.name, "args": translate.arguments_object(call)}
        extra = call.extra or {}
        own = extra.get(NAME) or {}
        if ident := own.get("id"):
            function["id"] = self._wire_ids[call.id] = ident
        part: Part = {"functionCall": function}
        google = extra.get("google")  # as Google's OpenAI endpoint and its clients spell it
        foreign = google.get("thought_signature") if isinstance(google, dict) else None
        if signature := own.get("thoughtSignature") or foreign:
            part["thoughtSignature"] = signature
        return part

    def _response(self, message: messages.ToolMessage, where: str) -> Part:
        name = message.name or self._names.get(message.tool_call_id, "")
        text = messages.content_text(message.content)
        response: dict[str, Any] = {"name": name, "response": {"error" if message.is_error else "output": text}}
        if ident := self._wire_ids.get(message.tool_call_id):
            response["id"] = ident
        if not isinstance(message.content, str):
            media = [_part(part, where) for part in message.content if not isinstance(part, messages.TextPart)]
            if media:
                self._shown += [{"text": f"What the tool {name} gave:"}, *media]
        return {"functionResponse": response}

    def _show(self) -> None:
        """What tools gave besides text follows their results in a content of its own."""
        if self._shown:
            self.contents.append({"role": "user", "parts": self._shown})
            self._shown, self._last = [], None


def _parts(content: messages.Content, where: str) -> list[Part]:
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(translate.parts_of(content))]


def _part(part: messages.ContentPart, where: str) -> Part:
    match part:
        case messages.TextPart(text=text):
            return {"text": text}
        case messages.ImagePart(url=url):
            return _media(url, "image/jpeg")
        case messages.AudioPart(data=data, format=container):
            return {"inlineData": {"mimeType": f"audio/{container}", "data": data}}
        case messages.FilePart(url=str(url)):
            return _media(url, "application/pdf")
        case messages.FilePart(file_id=str(uri)):
            return {"fileData": {"fileUri": uri}}
        case messages.MediaPart(kind=kind):
            raise errors.RequestError(f"This model's vendor does not support {kind} by its address.", param=where)
        case _:
            raise errors.RequestError("A file needs a URL or an id.", param=where)


def _result_part(part: messages.ContentPart) -> Part:
    """Of documents, Gemini reads PDF."""
    if isinstance(part, messages.FilePart) and part.url is not None:
        media = data_urls.inline(part.url)
        if media is not None and media.type != "application/pdf":
            raise errors.RequestError(f"Gemini does not support files of type {media.type}.")
    return _part(part, "")


def _media(url: str, otherwise: str) -> Part:
    """A URL's media type is guessed from its name: the vendor wants to be told one."""
    media = data_urls.inline(url)
    if media is not None:
        return {"inlineData": {"mimeType": media.type, "data": media.base64}}
    guessed, _ = mimetypes.guess_type(url.partition("?")[0])
    return {"fileData": {"fileUri": url, "mimeType": guessed or otherwise}}


def _declaration(spec: toolspec.ToolSpec) -> dict[str, Any]:
    result: dict[str, Any] = {"name": spec.name, "description": spec.description}
    schema = tool_schemas.as_object(spec.parameters)
    if schema.get("properties"):
        result["parametersJsonSchema"] = schema
    return result


def _calling_config(options: requests.ModelOptions) -> dict[str, Any] | None:
    if (forced := translate.forced_tool(options.tool_choice)) is not None:
        return {"mode": "ANY", "allowedFunctionNames": [forced]}
    mode = {"required": "ANY", "none": "NONE", "auto": "AUTO"}.get(str(options.tool_choice))
    return {"mode": mode} if mode else None


def _generation(options: requests.ModelOptions, notes: list[str]) -> dict[str, Any]:
    given = {
        "temperature": options.temperature,
        "topP": options.top_p,
        "maxOutputTokens": options.output_limit,
        "stopSequences": list(options.stop[:_MOST_STOPS]) if options.stop else None,
        "seed": options.seed,
        "presencePenalty": options.presence_penalty,
        "frequencyPenalty": options.frequency_penalty,
    }
    if len(options.stop or ()) > _MOST_STOPS:
        notes.append(f"Only {_MOST_STOPS} stop sequences are sent: this vendor accepts no more.")
    return {name: value for name, value in given.items() if value is not None}


def _add_format(payload: dict[str, Any], options: requests.ModelOptions, model: str, *, with_tools: bool) -> None:
    answer = translate.json_answer(options.response_format)
    if answer is None:
        return
    known = version(model)
    if with_tools and known is not None and known < (3, 0):
        raise errors.RequestError(
            f"The model {model} cannot be held to JSON while it is offered tools.", param="response_format"
        )
    payload["responseMimeType"] = "application/json"
    if answer.schema is not None:
        payload["responseJsonSchema"] = answer.schema


def _add_thinking(payload: dict[str, Any], options: requests.ModelOptions, model: str, notes: list[str]) -> None:
    effort, known = options.reasoning_effort, version(model)
    if effort is None:
        return
    if known is None or known < (2, 5):
        notes.append("reasoning_effort is left out: this model does not think.")
    elif known < (3, 0):
        budget = _BUDGETS.get(effort, _BUDGETS["medium"])
        if "pro" in model and budget < _SMALLEST_BUDGET_OF_PRO:
            budget = _SMALLEST_BUDGET_OF_PRO
            notes.append(f"reasoning_effort none: this model always thinks; it may use {budget} tokens for that.")
        payload["thinkingConfig"] = {"thinkingBudget": budget, "includeThoughts": effort != "none"}
    else:
        payload["thinkingConfig"] = {"thinkingLevel": _level(effort, model, notes), "includeThoughts": effort != "none"}


def _level(effort: str, model: str, notes: list[str]) -> str:
    if effort in ("none", "minimal"):
        if effort == "none":
            notes.append("reasoning_effort none: this model always thinks; its lowest effort is requested.")
        return "low" if "pro" in model else "minimal"
    return "high" if effort in ("high", "xhigh", "max") else effort
