"""A FastAPI application of more than a hundred operations, as a process: ``openapi_server.py`` prints its port."""

from __future__ import annotations

import socket
from enum import StrEnum
from typing import Annotated, Any

import uvicorn
from fastapi import Body, Cookie, Depends, FastAPI, Form, Header, HTTPException, Path, Query, Request
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

KINDS = tuple(f"kind{number}" for number in range(22))

app = FastAPI(title="Shop", servers=[{"url": "/"}])
key = APIKeyHeader(name="X-API-Key")


class Size(StrEnum):
    small = "small"
    large = "large"


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Item(BaseModel):
    name: str = Field(max_length=20)
    price: float | None = Field(None, gt=0)
    size: Size = Size.small
    tags: list[str] = []
    node: Node | None = None


def _add(kind: str) -> None:
    """Five operations of one kind of thing."""
    things: dict[int, Item] = {}

    @app.get(f"/{kind}", tags=[kind], operation_id=f"list_{kind}")
    def listed(limit: Annotated[int, Query(ge=1, le=100)] = 10, tag: Annotated[list[str], Query()] = []) -> Any:  # noqa: B006
        return {"items": [{"id": id, **one.model_dump()} for id, one in things.items()][:limit], "tag": tag}

    @app.post(f"/{kind}", tags=[kind], operation_id=f"create_{kind}", status_code=201)
    def create(item: Item, request: Request) -> Any:
        things[len(things) + 1] = item
        return {"id": len(things), "key": request.headers.get("idempotency-key")}

    @app.get(f"/{kind}/{{id}}", tags=[kind], operation_id=f"get_{kind}")
    def get(id: int) -> Item:
        if id not in things:
            raise HTTPException(404, f"no {kind} {id}")
        return things[id]

    @app.put(f"/{kind}/{{id}}", tags=[kind, "write"], operation_id=f"replace_{kind}")
    def replace(id: int, item: Item) -> Item:
        things[id] = item
        return item

    @app.delete(f"/{kind}/{{id}}", tags=[kind, "write"], operation_id=f"delete_{kind}", status_code=204)
    def delete(id: int) -> None:
        things.pop(id, None)


for _kind in KINDS:
    _add(_kind)


@app.get("/places/{where}/x/{other}", operation_id="everywhere")
def everywhere(
    where: Annotated[str, Path(description="Where.")],
    other: Size,
    request: Request,
    q: str | None = None,
    x_trace: Annotated[str | None, Header()] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> Any:
    """Say what came from where.

    A longer description.
    """
    return {"where": where, "other": other, "q": q, "x_trace": x_trace, "session": session, "path": request.url.path}


@app.post("/form", operation_id="form")
def form(name: Annotated[str, Form()], times: Annotated[int, Form()] = 1) -> Any:
    return {"name": name, "times": times}


@app.get("/secret", operation_id="secret")
def secret(given: Annotated[str, Depends(key)]) -> Any:
    return {"given": given}


@app.post("/tree", operation_id="tree")
def tree(root: Annotated[Node, Body()]) -> Any:
    return root


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listening])
