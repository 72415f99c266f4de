"""Gemini's streamGenerateContent."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories import WEATHER
from turnstream.providers import gemini
from turnstream.providers.base import Settings

PROVIDER = gemini.PROVIDER
SETTINGS = Settings("gemini-2.5-flash", "https://generativelanguage.googleapis.com", "key")


def chunk(*parts: dict[str, Any], finish: str | None = None, **members: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    whole = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5}, **members}
    return b"data: " + msgspec.json.encode(whole) + b"\r\n\r\n"


def texts(*said: str) -> bytes:
    return b"".join(chunk({"text": text}) for text in said)


def call(ident: str, name: str, **args: str) -> dict[str, Any]:
    return {"functionCall": {"id": ident, "name": name, **({"args": args} if args else {})}}


END = chunk({"text": ""}, finish="STOP")
PARIS = call("call00001", "get_weather", city="Paris")

STORIES = {
    "text": texts("Hello", ", world.") + END,
    "reasoning": chunk({"text": "Six times", "thought": True})
    + chunk({"text": " seven.", "thought": True})
    + texts("It is", " 42.")
    + END,
    "one_tool": chunk(PARIS | {"thoughtSignature": "c2lnbmVk"}) + END,
    "two_tools": texts("I look.") + chunk(PARIS, call("call00002", "get_time"), finish="STOP"),
    "tool_round": texts("It is 18 °C", " in Paris.") + END,
}

SECOND_STEP = {
    "systemInstruction": {"parts": [{"text": "Answer briefly."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "What is the weather in Paris, and the time?"}]},
        {
            "role": "model",
            "parts": [
                {"text": "I look."},
                {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}},
                {"functionCall": {"name": "get_time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "get_weather", "response": {"output": "18 °C"}}},
                {"functionResponse": {"name": "get_time", "response": {"error": "The clock is broken."}}},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "get_weather",
                    "description": "The weather in a city.",
                    "parametersJsonSchema": WEATHER.parameters,
                },
                {"name": "get_time", "description": "The time now."},
            ]
        }
    ],
    "generationConfig": {"maxOutputTokens": 100},
}
