from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web
from hypothesis import example, given, settings, strategies as st
from yarl import URL

from tests.tools.web import allowed, serving
from turnstream.events import ConfigurationError, ImagePart, RunContext, ToolCall, ToolError
from turnstream.tools import auth
from turnstream.tools.auth import Credentials
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.http_client import HttpClient
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.operations import Operation, Parameter
from turnstream.tools.rest import rest
from turnstream.tools.serialization import escape

CONTEXT = RunContext(run_id="run", tool_call_id="call")


async def echo(request: web.Request) -> web.Response:
    seen = {
        "method": request.method,
        "path": request.raw_path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": (await request.read()).decode(),
    }
    return web.json_response(seen)


async def called(box: HttpTools, arguments: dict[str, Any], context: RunContext = CONTEXT) -> Any:
    name = (await box.tools(context))[0].name
    async with box:
        return await box.call(ToolCall("1", name, json.dumps(arguments)), context)


async def test_arguments_go_where_they_belong() -> None:
    async with serving(echo) as url:
        box = rest(
            "update",
            f"{url}/users/{{id}}/notes",
            method="PUT",
            parameters={
                "id": {"type": "integer"},
                "tags": {"type": "array", "in": "query", "name": "tag"},
                "trace": {"type": "string", "in": "header", "name": "X-Trace", "default": "none"},
                "seen": {"type": "boolean", "in": "cookie"},
                "text": {"type": "string"},
            },
            query={"v": "2"},
            headers={"X-Own": "o"},
            body={"kind": "note"},
            options=allowed(url),
        )
        seen = (await called(box, {"id": 7, "tags": ["a b", "c&d"], "seen": True, "text": "ä"})).data
    assert seen["method"] == "PUT"
    assert seen["path"] == "/users/7/notes?v=2&tag=a%20b&tag=c%26d"
    assert json.loads(seen["body"]) == {"kind": "note", "text": "ä"}
    assert seen["headers"]["x-trace"] == "none"
    assert seen["headers"]["x-own"] == "o"
    assert seen["headers"]["cookie"] == "seen=true"
    assert "idempotency-key" not in seen["headers"]


async def test_a_form_is_sent_once_with_the_key_of_its_call() -> None:
    async with serving(echo) as url:
        box = rest(
            "order", url, method="POST", parameters={"what": {"type": "string"}}, body_type="form", options=allowed(url)
        )
        assert (await box.tools(CONTEXT))[0].effect == "once"
        seen = (await called(box, {"what": "a&b=c"})).data
    assert seen["body"] == "what=a%26b%3Dc"
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert seen["headers"]["idempotency-key"] == "run.call"


async def test_a_call_whose_id_is_no_header_has_a_key_all_the_same() -> None:
    odd = RunContext(run_id="run", tool_call_id="a\r\nX-Evil: 1")
    async with serving(echo) as url:
        seen = (await called(rest("order", url, method="POST", options=allowed(url)), {}, odd)).data
    assert len(seen["headers"]["idempotency-key"]) == 64
    assert "x-evil" not in seen["headers"]


async def test_a_key_with_a_line_break_is_an_error_that_does_not_repeat_it() -> None:
    async with serving(echo) as url:
        box = rest("x", url, auth=auth.bearer("sk-secret\nX-Evil: 1"), options=allowed(url))
        with pytest.raises(ToolError, match=r"^The request to 127\.0\.0\.1 cannot be sent\.$"):
            await called(box, {})


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["..", ".", "../..", "%2e%2e", "@evil.com", "//evil.com", "\\evil.com", "a/b", "a?b#c", "x\r\ny: z"]
    ),
)


@given(st.builds(dict, a=HOSTILE, b=HOSTILE, q=HOSTILE))
@settings(deadline=None, max_examples=150)
def test_no_argument_changes_the_origin_or_the_shape_of_the_path(arguments: dict[str, str]) -> None:
    parameters = (Parameter("a", "a", "path"), Parameter("b", "b", "path"), Parameter("q", "q", "query"))
    operation = Operation("x", "GET", "https://api.example.com:8443/v1/{a}/x{b}/end", parameters=parameters)
    try:
        made = operation.request(arguments, Credentials(), "key").url
    except ToolError:
        return
    for parts in (urlsplit(made), urlsplit(str(URL(made))), urlsplit(str(URL(made, encoded=True)))):
        assert (parts.scheme, parts.hostname, parts.port) == ("https", "api.example.com", 8443)
        assert parts.path.startswith("/v1/")
        assert parts.path.endswith("/end")
        assert parts.path.count("/") == 4
        assert not parts.fragment


@pytest.mark.parametrize("value", ["..", ".", "%2e%2E", ""])
async def test_an_argument_is_never_a_step_up_in_the_path(value: str) -> None:
    box = rest("x", "https://api.example.com/users/{id}", parameters={"id": {"type": "string"}})
    with pytest.raises(ToolError, match=r"id must not be"):
        await called(box, {"id": value})


ENDS = st.text(max_size=5).map(lambda end: f"/{end}") | st.text(max_size=5).map(lambda end: f"\\{end}") | st.just("")
PARAMETERS = st.text(st.characters(exclude_characters="/\\"), max_size=5).map(lambda end: f";{end}") | st.just("")


@given(
    ENDS.map(lambda end: end[::-1]), st.sampled_from([".", ".."]), PARAMETERS, ENDS, st.lists(st.booleans(), max_size=2)
)
def test_a_dot_segment_is_refused_however_it_is_written(
    before: str, dots: str, parameters: str, after: str, encodings: list[bool]
) -> None:
    value = before + dots + parameters + after
    for with_dots in encodings:
        value = escape(value).replace(".", "%2e" if with_dots else ".")
    operation = Operation("x", "GET", "https://api.example.com/users/{a}", parameters=(Parameter("a", "a", "path"),))
    with pytest.raises(ToolError, match="must not be"):
        operation.request({"a": value}, Credentials(), "key")


@given(st.text("./\\;%2ef5cx", max_size=12), st.sampled_from([None, "label", "matrix"]))
@example("..%2Fadmin", None)
@example("%252e%252e%255cadmin", None)
@example("..;v=1/admin", None)
def test_what_is_sent_stays_below_its_path_for_a_gateway_that_decodes_it_twice(value: str, style: str | None) -> None:
    parameters = (Parameter("a", "a", "path", style),)
    operation = Operation("x", "GET", "https://api.example.com/users/{a}/end", parameters=parameters)
    try:
        path = urlsplit(operation.request({"a": value}, Credentials(), "key").url).path
    except ToolError:
        return
    for _ in range(3):
        segments = [segment.partition(";")[0] for segment in re.split(r"[/\\]", path)]
        assert segments[1] == "users"
        assert not {".", ".."} & set(segments)
        path = unquote(path)


@pytest.mark.parametrize("value", ["main...dev", "a..b", ".git", "..a", "...", "100%", "a/b", "AC/DC;x"])
async def test_dots_that_are_part_of_a_name_are_sent(value: str) -> None:
    operation = Operation("x", "GET", "https://api.example.com/{a}", parameters=(Parameter("a", "a", "path"),))
    assert unquote(urlsplit(operation.request({"a": value}, Credentials(), "key").url).path) == f"/{value}"


@pytest.mark.parametrize("value", [["a", "../b"], {"k": "../b"}, {"../k": "b"}])
async def test_a_list_or_an_object_in_a_path_has_no_dot_segment_either(value: Any) -> None:
    operation = Operation("x", "GET", "https://api.example.com/{a}", parameters=(Parameter("a", "a", "path"),))
    with pytest.raises(ToolError, match="must not be"):
        operation.request({"a": value}, Credentials(), "key")


async def test_two_arguments_that_make_dots_together_are_refused() -> None:
    parameters = (Parameter("a", "a", "path"), Parameter("b", "b", "path"))
    operation = Operation("x", "GET", "https://api.example.com/{a}{b}/x", parameters=parameters)
    with pytest.raises(ToolError, match="together"):
        operation.request({"a": "%2", "b": "e%2e"}, Credentials(), "key")


async def test_a_header_with_a_line_break_is_refused() -> None:
    box = rest("x", "https://api.example.com/", parameters={"h": {"type": "string", "in": "header", "name": "X-H"}})
    with pytest.raises(ToolError, match="printable ASCII"):
        await called(box, {"h": "a\r\nX-Evil: 1"})


async def test_bad_arguments_are_told_with_their_path_and_nothing_is_sent() -> None:
    box = rest("x", "https://api.example.com/", parameters={"n": {"type": "integer", "maximum": 3}})
    for arguments, message in [
        ({"n": 4}, "n: 4 is greater than"),
        ({}, "'n' is a required"),
        ({"n": 1, "m": 2}, "'m'"),
    ]:
        with pytest.raises(ToolError, match=message):
            await called(box, arguments)


async def test_answers_of_every_kind() -> None:
    async def handler(request: web.Request) -> web.Response:
        match request.path:
            case "/json":
                return web.json_response({"items": [{"id": 1, "x": "long"}, {"id": 2, "x": "long"}]}, status=201)
            case "/empty":
                return web.Response(status=204)
            case "/png":
                return web.Response(body=b"png", content_type="image/png")
            case "/error":
                return web.json_response({"error": "no such city", "key": "sk-secret-1"}, status=404)
            case _:
                return web.Response(text="<html>sk-secret-1</html>", content_type="text/html", status=500)

    async with serving(handler) as url:

        async def get(path: str, jmespath: str | None = None) -> Any:
            secret = auth.api_key("sk-secret-1", "key", "query")
            return await called(rest("x", url + path, jmespath=jmespath, auth=secret, options=allowed(url)), {})

        assert (await get("/json", "items[].id")).content == "[1,2]"
        assert (await get("/json", "sum(items)")).data["items"]  # the expression does not fit: all of it
        assert (await get("/empty")).content == "Done (status 204, no content)."
        assert (await get("/png")).content == (ImagePart("data:image/png;base64,cG5n"),)
        error = await get("/error")
        assert error.is_error
        assert error.content == '127.0.0.1 answered with status 404: {"error": "no such city", "key": "***"}'
        assert error.shown == "127.0.0.1 answered with status 404."
        assert (await get("/other")).content == "127.0.0.1 answered with status 500."


async def test_only_what_the_configuration_names_is_forwarded() -> None:
    context = RunContext(headers={"x-token": "t", "x-other": "o"}, values={"tenant": "acme", "rest": 1})
    async with serving(echo) as url:
        box = rest("x", url, forwarding=Forwarding(["X-Token"], {"X-Tenant": "tenant"}), options=allowed(url))
        headers = (await called(box, {}, context)).data["headers"]
    assert headers["x-token"] == "t"
    assert headers["x-tenant"] == "acme"
    assert "x-other" not in headers


async def test_every_way_to_prove_who_asks() -> None:
    seen: list[web.Request] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response()

    async with serving(note) as url:

        async def sent(way: auth.Auth) -> web.Request:
            await called(rest("x", url, auth=way, options=allowed(url)), {})
            return seen[-1]

        assert (await sent(auth.bearer("t"))).headers["authorization"] == "Bearer t"
        assert (await sent(auth.basic("u", "p"))).headers["authorization"] == "Basic dTpw"
        assert (await sent(auth.api_key("k", "X-Key"))).headers["x-key"] == "k"
        assert (await sent(auth.api_key("k&", "key", "query"))).raw_path == "/?key=k%26"
        assert (await sent(auth.api_key("k", "s", "cookie"))).headers["cookie"] == "s=k"


async def test_what_proves_who_asks_is_not_told_by_a_server_that_gives_it_back() -> None:
    async with serving(echo) as url:
        box = rest(
            "x",
            f"{url}?token=t-in-the-url&page=page-two",
            method="POST",
            auth=auth.basic("ann", "pass-word"),
            headers={"X-Own-Key": "k-in-a-header", "X-Team": "blue-team"},
            body={"secret": "s-in-the-body", "title": "a-title"},
            options=allowed(url),
        )
        output = await called(box, {})
    text = f"{output.content} {output.data}"
    for secret in ("t-in-the-url", "pass-word", "YW5uOnBhc3Mtd29yZA==", "k-in-a-header", "s-in-the-body"):
        assert secret not in text
    for told in ("page-two", "blue-team", "a-title"):
        assert told in text


async def test_a_token_is_fetched_once_for_many_calls_and_again_when_it_is_refused() -> None:
    fetched: list[str] = []
    good = {"token-1"}

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/token":
            fetched.append(request.headers["authorization"] + (await request.text()))
            return web.json_response({"access_token": f"token-{len(fetched)}", "expires_in": 3600})
        accepted = request.headers["authorization"].removeprefix("Bearer ") in good
        return web.json_response({}, status=200 if accepted else 401)

    async with serving(handler) as url, HttpClient(allowed(url)) as client:
        way = auth.ClientCredentials(f"{url}/token", "id", "se:cret", scope="read")
        box = HttpTools([Operation("x", "GET", url)], source="x", client=client, auth=way)

        async def many() -> list[bool]:
            outputs = await asyncio.gather(*(box.call(ToolCall("1", "x", "{}"), CONTEXT) for _ in range(10)))
            return [output.is_error for output in outputs]

        assert await many() == [False] * 10
        assert fetched == ["Basic aWQ6c2UlM0FjcmV0grant_type=client_credentials&scope=read"]
        good.clear()
        good.add("token-2")
        assert await many() == [False] * 10
        assert len(fetched) == 2


@pytest.mark.parametrize(
    ("name", "url", "more"),
    [
        ("x", "https://{host}/", {}),
        ("x", "{scheme}://a/", {}),
        ("x", "https://a:{port}/", {}),
        ("x", "ftp://a/", {}),
        ("x", "https://u:p@a/", {}),
        ("x", "https://a/{id}", {}),
        ("x", "https://a/?q={id}", {"parameters": {"id": {}}}),
        ("no good", "https://a/", {}),
        ("x", "https://a/", {"headers": {"Host": "b"}}),
        ("x", "https://a/", {"headers": {"X": "a\nb"}}),
        ("x", "https://a/", {"parameters": {"n": {"type": "nmuber"}}}),
        ("x", "https://a/", {"jmespath": "a["}),
    ],
)
def test_what_cannot_work_is_a_configuration_error(name: str, url: str, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        rest(name, url, **more)


@pytest.mark.parametrize(
    ("kind", "body", "content"),
    [
        ("application/yaml", b"a: 1", "a: 1"),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}', '{"a":1}\n{"a":2}'),
        ("application/json-seq", b'{"a":1}', '{"a":1}'),
        ("application/octet-stream", b'{"a": 1}', '{"a":1}'),
        ("application/octet-stream", b"plain", "plain"),
        ("application/problem+json", b'{"a": 1}', '{"a":1}'),
        ("text/plain", b"caf\xe9", "café"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("application/octet-stream", b"\x00\x01", "a file 'x.bin' of type application/octet-stream, 2 bytes, which"),
        ("application/zip", b"PK\x03\x04\x00", "a file 'x.bin' of type application/zip, 5 bytes, which you cannot see"),
    ],
)
async def test_an_answer_is_text_wherever_it_can_be(kind: str, body: bytes, content: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"content-type": kind})

    async with serving(handler) as url:
        output = await called(rest("get", f"{url}/files/x.bin", options=allowed(url)), {})
    text = output.content if isinstance(output.content, str) else output.content[0].text
    assert text.startswith(content)


@pytest.mark.parametrize(
    ("headers", "name"), [({}, "report.pdf"), ({"Content-Disposition": 'attachment; filename="Q3.pdf"'}, "Q3.pdf")]
)
async def test_a_pdf_has_a_name(headers: dict[str, str], name: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-1.7", content_type="application/pdf", headers=headers)

    async with serving(handler) as url:
        (part,) = (await called(rest("get", f"{url}/a/report.pdf", options=allowed(url)), {})).content
    assert part.filename == name


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/xml", "<error>qty too high</error>", "status 400: <error>qty too high</error>"),
        ("text/html", '{"error": "qty"}', 'status 400: {"error": "qty"}'),
        ("text/html", "<html><h1>Oops</h1></html>", "status 400."),
        ("application/octet-stream", "no stock", "status 400: no stock"),
    ],
)
async def test_why_a_call_failed_is_told_whatever_it_is_called(kind: str, body: str, said: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=400, body=body.encode(), headers={"content-type": kind})

    async with serving(handler) as url:
        output = await called(rest("get", url, options=allowed(url)), {})
    assert str(output.content).endswith(said)


async def test_a_long_answer_is_cut_and_a_projection_sees_all_of_it() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"noise": "x" * 50_000, "last": 7})

    async with serving(handler) as url:
        whole = await called(rest("get", url, options=allowed(url)), {})
        picked = await called(rest("get", url, jmespath="last", options=allowed(url)), {})
    assert str(whole.content).endswith("more characters")
    assert (picked.content, whole.data) == ("7", None)


async def test_null_clears_a_field_that_may_be_null() -> None:
    parameters: dict[str, Any] = {
        "n": {"type": ["string", "null"]},
        "k": {"type": "string"},
        "o": {"type": "string", "required": False},
    }
    async with serving(echo) as url:
        box = rest("patch", url, method="PATCH", parameters=parameters, options=allowed(url))
        seen = (await called(box, {"n": None, "k": "", "o": None})).data
        form = rest("patch", url, method="PATCH", parameters=parameters, body_type="form", options=allowed(url))
        sent = (await called(form, {"n": None, "k": ""})).data
    assert json.loads(seen["body"]) == {"n": None, "k": ""}
    assert sent["body"] == "k="


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_without_a_body_has_no_type_of_one(method: str) -> None:
    async with serving(echo) as url:
        seen = (await called(rest("cancel", f"{url}/orders/3/cancel", method=method, options=allowed(url)), {})).data
    assert "content-type" not in seen["headers"]


async def test_json_in_a_string_is_taken_where_no_string_is_wanted() -> None:
    parameters = {"tags": {"type": "array"}, "text": {"type": "string"}}
    async with serving(echo) as url:
        box = rest("post", url, method="POST", parameters=parameters, options=allowed(url))
        seen = (await called(box, {"tags": '["a"]', "text": '["b"]'})).data
    assert json.loads(seen["body"]) == {"tags": ["a"], "text": '["b"]'}
