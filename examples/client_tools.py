"""A tool that the client runs: the agent asks for it, the client answers. Needs the package `openai` and a server:

turnstream serve examples/agent.yaml
python examples/client_tools.py
"""

from __future__ import annotations

import json
import os
from typing import Any

from openai import OpenAI

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "read_file",
            "description": "Read a file on the user's own machine.",
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        },
    }
]


def main() -> None:
    client = OpenAI(
        base_url=os.environ.get("TURNSTREAM_URL", "http://127.0.0.1:8000/v1"),
        api_key=os.environ.get("TURNSTREAM_KEY", "none"),
    )
    messages: list[Any] = [{"role": "user", "content": 'Please read the file "pyproject.toml" with read_file.'}]
    while True:
        answer = client.chat.completions.create(model="assistant", messages=messages, tools=TOOLS).choices[0]
        if answer.finish_reason != "tool_calls":
            print(answer.message.content)
            return
        messages.append(answer.message.model_dump(exclude_none=True))
        for call in answer.message.tool_calls or []:
            assert call.type == "function"
            with open(json.loads(call.function.arguments)["path"], encoding="utf-8") as file:
                result = file.readline()
            print(f"[read_file ran here, for call {call.id}]")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


if __name__ == "__main__":
    main()
