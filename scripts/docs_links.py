"""A hook of MkDocs: links from the pages to files of the repository that are not pages, and no file from elsewhere.

With the repository's address in REPOSITORY the links lead there. Without it they are only text, since the site has
nothing at their place. A file that does not exist is a warning, as any dead link is; so is a script, a style or a
picture that the reader's browser would have to ask somebody else for.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

log = logging.getLogger("mkdocs.hooks.links")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(((?:\.\./)+[^)\s#]*)(#[^)\s]*)?\)")
_SHIM = "https://unpkg.com/iframe-worker/shim"
_FOREIGN = re.compile(r"""<(?:script|img|link[^>]+rel=["']?stylesheet)\b[^>]*(?:src|href)=["']?https?://[^"'> ]+""")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    docs = Path(config["docs_dir"])
    return rewrite(markdown, docs / page.file.src_uri, docs, os.environ.get("REPOSITORY", "").rstrip("/"))


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    return bring(output, page.url)


def on_post_template(output: str, *, template_name: str, **_: Any) -> str:
    return bring(output, template_name)


def bring(html: str, url: str) -> str:
    """The theme's offline search asks unpkg for one script, which is among the assets here."""
    html = html.replace(_SHIM, "../" * url.count("/") + "assets/iframe-worker.js")
    for found in _FOREIGN.findall(html):
        log.warning("%s: %s is not here", url, found)
    return html


def rewrite(markdown: str, page: Path, docs: Path, repository: str) -> str:
    def replace(match: re.Match[str]) -> str:
        target = (page.parent / match[2]).resolve()
        if target.is_relative_to(docs):
            return match[0]
        if not target.exists():
            log.warning("%s: there is no %s", page.name, match[2])
        if not repository:
            return match[1]
        return f"[{match[1]}]({repository}/blob/main/{target.relative_to(docs.parent)}{match[3] or ''})"

    return _LINK.sub(replace, markdown)
