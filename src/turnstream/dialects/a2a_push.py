"""Push notifications of A2A: a client names an address that is told when its task has ended or waits.

0.3 has the configuration in a member of its own, with a list of schemes; in 1.0 it is flat, with one scheme. What is
stored is ours, and says which of the two it came by: the task that is told is spelled as its client spells tasks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from turnstream import errors, jsontext, protocols, requests
from turnstream.api import a2a as api
from turnstream.dialects import a2a_objects as objects, base, body as bodies

MOST = 10  # of one task
_LONGEST_URL, _LONGEST = 2048, 4096
METHODS: Mapping[str, tuple[str, objects.Version]] = {
    **{f"tasks/pushNotificationConfig/{act}": (f"push-{act}", "0.3") for act in ("set", "get", "list", "delete")},
    "CreateTaskPushNotificationConfig": ("push-set", "1.0"),
    "GetTaskPushNotificationConfig": ("push-get", "1.0"),
    "ListTaskPushNotificationConfigs": ("push-list", "1.0"),
    "DeleteTaskPushNotificationConfig": ("push-delete", "1.0"),
}


class Config(Struct, omit_defaults=True):
    """As it is stored."""

    version: objects.Version
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""


class Note(Struct, frozen=True):
    """What is posted whereto."""

    url: str
    body: bytes
    headers: dict[str, str]


def read(value: Any, version: objects.Version, param: str) -> requests.Push:
    """The configuration that a client sends. Raises `RequestError`."""
    given = bodies.convert(value, api.PushConfig, param)
    _check_url(given.url, f"{param}.url")
    login = given.authentication or api.PushAuthentication()
    scheme = login.scheme or next(iter(login.schemes or ()), "")
    texts = {"id": given.id, "token": given.token, "credentials": login.credentials, "scheme": scheme}
    for name, text in texts.items():
        if text and (len(text) > _LONGEST or not text.isprintable()):
            message = f"{param}.{name}: must be printable and at most {_LONGEST} characters long."
            raise errors.RequestError(message, param=f"{param}.{name}", code="invalid_value")
    config = Config(version, given.url, given.token or "", scheme, login.credentials or "")
    id = given.id or hashlib.sha256(given.url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return requests.Push(id, msgspec.json.encode(config))


def note(push: requests.Push, state: protocols.RunState) -> Note:
    """That the task is as it is now."""
    config = msgspec.json.decode(push.config, type=Config)
    task = objects.task_object(objects.read_task(state), config.version)
    body = jsontext.encode(task if config.version == "0.3" else {"task": task})
    headers = {"content-type": "application/json"}
    if config.token:
        headers["x-a2a-notification-token"] = config.token
    if config.scheme and config.credentials:
        headers["authorization"] = f"{config.scheme} {config.credentials}"
    return Note(config.url, body, headers)


class Call:
    """One of the methods: ``params`` are its own, ``error`` makes an answer of A2A's error codes and a sentence."""

    def __init__(
        self, act: str, version: objects.Version, id: api.RpcId, error: Callable[[int, str], base.Reply]
    ) -> None:
        self._act, self._version, self._id, self._error = act, version, id, error

    def decode(self, params: Any, missing: base.Reply) -> base.Subscription:
        """What is asked, and of which task. Raises `RequestError`."""
        if self._act == "push-set":
            task, push = self._read_set(params)
            return base.Subscription(
                task, lambda found: self._result(self._show(task, push)), missing, put=push, most=MOST
            )
        task, id = self._read_names(params)
        match self._act:
            case "push-list":
                return base.Subscription(task, lambda found: self._result(self._show_all(task, found)), missing)
            case "push-delete":
                done: Any = None if self._version == "0.3" else {}
                return base.Subscription(task, lambda found: self._result(done), missing, remove=id or "")
            case _:
                return base.Subscription(task, lambda found: self._get(task, id, found), missing)

    def _read_names(self, params: Any) -> tuple[str, str | None]:
        """Of the task, and of one of its configurations."""
        named = bodies.convert(params, api.PushParams, "params")
        if self._version == "1.0":
            return _require(named.task_id, "params.taskId"), named.id
        return _require(named.id, "params.id"), named.push_notification_config_id

    def _read_set(self, params: Any) -> tuple[str, requests.Push]:
        named = bodies.convert(params, api.PushSetParams, "params")
        task = _require(named.task_id, "params.taskId")
        if self._version == "1.0":
            return task, read(params, "1.0", "params")
        return task, read(named.push_notification_config, "0.3", "params.pushNotificationConfig")

    def _get(self, task: str, id: str | None, found: Sequence[requests.Push]) -> base.Reply:
        push = next((each for each in found if id in (None, "", each.id)), None)
        if push is None:
            return self._error(-32001, "The task has no such configuration.")
        return self._result(self._show(task, push))

    def _show_all(self, task: str, found: Sequence[requests.Push]) -> Any:
        shown = [self._show(task, push) for push in found]
        return shown if self._version == "0.3" else {"configs": shown}

    def _show(self, task: str, push: requests.Push) -> dict[str, Any]:
        """Without the credentials: whoever sent them has them."""
        config = msgspec.json.decode(push.config, type=Config)
        shown: dict[str, Any] = {"id": push.id, "url": config.url}
        if config.token:
            shown["token"] = config.token
        if config.scheme:
            modern = self._version == "1.0"
            shown["authentication"] = {"scheme": config.scheme} if modern else {"schemes": [config.scheme]}
        if self._version == "1.0":
            return {"taskId": task, **shown}
        return {"taskId": task, "pushNotificationConfig": shown}

    def _result(self, result: Any) -> base.Reply:
        return base.Reply(200, objects.rpc_result(self._id, result))


def _require(name: str | None, param: str) -> str:
    if not name:
        raise errors.RequestError(f"{param}: must not be empty.", param=param, code="invalid_value")
    return name


def _check_url(url: str, param: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        good = False
    if not good or len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        text = f"{param}: expected an address such as https://example.com/told, without a user."
        raise errors.RequestError(text, param=param, code="invalid_value")


def without_pushes(body: bytes) -> bytes:
    """The body of a request without whom it wants to be told, and what opens their doors."""
    request = json.loads(body)  # which takes what our own decoding takes: half a surrogate pair too
    configuration = request["params"]["configuration"]
    for name in ("pushNotificationConfig", "taskPushNotificationConfig"):
        configuration.pop(name, None)
    return json.dumps(request).encode()
