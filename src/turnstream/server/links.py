"""Links that answer a question: whoever has one may answer that question, once, and nothing else.

Opening a link changes nothing, for programs open links too (previews of a chat, scanners of mail): the page that it
shows asks, and only sending its form answers. The signature is made with the secret of the store, so any server of the
store takes a link of any other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import time
from urllib.parse import quote, urlencode

from turnstream import protocols
from turnstream.dialects import asking
from turnstream.server import questions

PATH = "/approve"
LIFETIME = 604_800.0  # seconds, of a link to a question that can always be answered
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


class Links:
    """``base_url`` is where clients reach the server."""

    def __init__(self, runs: protocols.Runs) -> None:
        self._runs = runs
        self._secret = b""

    async def make(self, found: questions.Found, base_url: str, principal: str) -> str:
        """For a question that ``principal`` may answer: the answer is theirs. The link ends with the question."""
        until = int(found.ask.expires_at or time.time() + LIFETIME)
        signature = await self._sign(found.state.id, found.ask.code, principal, until)
        query = urlencode({"run": found.state.id, "by": principal, "until": until, "signature": signature})
        return f"{base_url.rstrip('/')}{PATH}/{quote(found.ask.code)}?{query}"

    async def check(self, run: str, code: str, by: str, until: str, signature: str) -> bool:
        if not until.isdecimal() or len(until) > 12 or int(until) < time.time():
            return False
        right = await self._sign(run, code, by, int(until))
        return hmac.compare_digest(right.encode(), signature.encode("utf-8", "surrogatepass"))  # texts: ASCII alone

    async def _sign(self, run: str, code: str, by: str, until: int) -> str:
        self._secret = self._secret or await self._runs.secret("links")
        parts = [part.encode("utf-8", "surrogatepass") for part in (run, code, by, str(until))]
        signed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def page(found: questions.Found) -> str:
    """The question, and a form that answers it."""
    ask, call = found.ask, found.call
    parts = [f"<p>{_escape(ask.text)}</p>"] if ask.text else []
    if ask.kind == "question":
        title = f"{_escape(found.state.agent)} asks"
        if ask.url and ask.url.startswith(("https://", "http://")):
            parts.append(f'<p><a rel="noreferrer" href="{html.escape(ask.url)}">{_escape(ask.url)}</a></p>')
        if ask.schema:
            parts.append(f"<pre>{html.escape(asking.pretty(ask.schema))}</pre>")
        field = '<p><label>Answer<br><textarea name="text" rows="3" cols="60"></textarea></label></p>'
        return _document(title, "".join(parts) + _form(field, "answer", "Answer"))
    if ask.kind == "review":
        if held := questions.held_text(found):
            parts.append(f"<pre>{_escape(held)}</pre>")
        return _document("A guardrail asks", "".join(parts) + _form("", "approve", "Approve"))
    title = f"May {_escape(call.name)} be called?"
    parts.append(f"<pre>{html.escape(asking.arguments(call))}</pre>")
    return _document(title, "".join(parts) + _form("", "approve", "Approve"))


def _form(field: str, action: str, label: str) -> str:
    reason = '<p><label>Reason, for a no<br><input name="reason" size="60"></label></p>'
    yes = f'<button name="action" value="{action}">{label}</button>'
    no = '<button name="action" value="deny">Deny</button>'
    return f'<form method="post">{field}{reason}<p>{yes} {no}</p></form>'


def _escape(text: str) -> str:
    return html.escape(asking.printable(text))


def notice_page(text: str) -> str:
    return _document(text, "")


def _document(title: str, body: str) -> str:
    style = "body{font:16px/1.5 system-ui;max-width:46em;margin:3em auto;padding:0 1em}pre{white-space:pre-wrap}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style><h1>{title}</h1>{body}</html>"
    )
