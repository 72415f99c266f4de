"""The code blocks of the README and of the pages, and a folder with the files that they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\w+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name of the file that the block says it is, in its first line: ``# agent.yaml``."""
        named = _FILE.match(self.text)
        return named[1] if named else None


def blocks(language: str, page: Path | None = None) -> list[Block]:
    found = []
    for path in [page] if page else PAGES:
        text = path.read_text("utf-8")
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                found.append(Block(path, text.count("\n", 0, match.start()) + 2, language, match[2]))
    return found


FILES = {
    "tools.py": """
def get_weather(city: str) -> str:
    '''Get the weather in a city.'''
    return city

def refund(order: str) -> str:
    '''Give the money back.'''
    return order

def may_refund(call, context) -> bool:
    return False
""",
    "hooks.py": """
def sign(request, context):
    return request

def unwrap(response, context):
    return response
""",
    "words.txt": "secret\n",
    "my-model.jinja": "{{ messages[0].content }}",
    "shop.yaml": """
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders: {get: {operationId: listOrders, tags: [orders], responses: {"200": {description: All.}}}}
  /products/{id}:
    get:
      operationId: getProduct
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: One.}}
  /customer: {get: {operationId: getCustomer, responses: {"200": {description: One.}}}}
""",
    "answer.sse": 'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "answer.txt": 'I see.<tool_call>{"name": "add", "arguments": {"x": 1}}</tool_call>',
    "tools.json": '[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]',
    "documents/a.txt": "A document.",
    "docs/handbook.md": "# Handbook\n\nThere are 30 days of holidays.\n",
    "src/configs/agent.yaml": "name: a\nmodels_config: {main_chat_model: {vendor: openai, model_id: gpt-4o-mini}}\n",
}
"""What readers of the pages have already."""


def fill(folder: Path, page: Path) -> None:
    """`FILES`, and in place of them those that the page itself shows."""
    shown = {
        block.file: block.text for language in ("python", "yaml") for block in blocks(language, page) if block.file
    }
    for name, text in {**FILES, **shown}.items():
        file = folder / str(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
