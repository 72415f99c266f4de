"""Bytes that a tool gave, as the part of a message that a model can take.

What the bytes are decides, not what they are called: vendors compare the two, and a model that is refused an image
loses the whole run. Text is text whatever its media type. What no model can see becomes a sentence that says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from turnstream.events import AudioPart, ContentPart, FilePart, ImagePart, MediaPart, TextPart

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Those that every vendor with eyes takes."""

_SIGNATURES: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), "image/png"),
    (lambda data: data.startswith(b"\xff\xd8\xff"), "image/jpeg"),
    (lambda data: data.startswith((b"GIF87a", b"GIF89a")), "image/gif"),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", "image/webp"),
    (lambda data: data.startswith((b"II*\x00", b"MM\x00*")), "image/tiff"),
    (lambda data: data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"), "image/heic"),
    (lambda data: data[4:12] in (b"ftypavif", b"ftypavis"), "image/avif"),
    (lambda data: data.startswith(b"%PDF-"), "application/pdf"),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WAVE", "audio/wav"),
    (lambda data: data.startswith(b"ID3"), "audio/mpeg"),
    (lambda data: data.startswith(b"OggS"), "audio/ogg"),
    (lambda data: data.startswith(b"fLaC"), "audio/flac"),
)
_TEXTS = frozenset(
    f"application/{name}"
    for name in (
        "json", "x-json", "json5", "xml", "yaml", "x-yaml", "ndjson", "x-ndjson", "jsonl", "x-jsonl", "jsonlines",
        "x-jsonlines", "json-seq", "csv", "toml", "sql", "graphql", "javascript", "x-javascript", "ecmascript",
        "typescript", "x-sh", "x-www-form-urlencoded", "jwt", "x-httpd-php", "x-tex", "x-subrip", "mbox",
    )
)  # fmt: skip
_TEXT_ENDINGS = ("+json", "+xml", "+yaml", "+json-seq")
_DOCUMENTS = ("application/pdf", "application/msword", "application/rtf")
_DOCUMENT_FAMILIES = ("application/vnd.openxmlformats-", "application/vnd.ms-", "application/vnd.oasis.opendocument.")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_TEXT_NAMES = re.compile(
    r"\.(?:txt|md|csv|tsv|json|jsonl|ndjson|xml|svg|ya?ml|html?|toml|ini|log|sql|py|js|ts|sh)$", re.IGNORECASE
)
_UNNAMED = ("", "application/octet-stream", "binary/octet-stream")
_AUDIO_FORMATS = {"mpeg": "mp3", "mpeg3": "mp3", "wave": "wav", "vnd.wave": "wav", "mp4": "m4a"}
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def sniff(data: bytes) -> str:
    """The media type that the first bytes tell, "" if they tell none."""
    return next((kind for matches, kind in _SIGNATURES if matches(data)), "")


def is_text(kind: str) -> bool:
    """Whether a media type (in lower case, without parameters) is one of texts."""
    return kind.startswith("text/") or kind in _TEXTS or kind.endswith(_TEXT_ENDINGS)


def is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json", "application/x-json") or kind.endswith("+json")


def decode(data: bytes, charset: str | None = None) -> str:
    """By the byte order mark, by ``charset``, as UTF-8, else as Windows-1252."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode(charset or "utf-8", "replace" if charset else "strict")
    except (UnicodeDecodeError, LookupError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def plain_text(data: bytes) -> str | None:
    """The bytes as text, if they are UTF-8 without control characters."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def part(data: bytes, kind: str = "", name: str | None = None, charset: str | None = None) -> ContentPart:
    """``kind`` is the media type that the sender claims, "" for none; ``name`` a file's."""
    kind = kind.partition(";")[0].strip().lower()
    found = sniff(data)
    if found in IMAGES or (not found and kind in IMAGES):
        return ImagePart(data_url(found or kind, data))
    if not found and (is_text(kind) or (name is not None and _TEXT_NAMES.search(name) and _is_unnamed(kind))):
        return TextPart(decode(data, charset))
    if not found and not kind.startswith(("image/", "audio/", "video/")) and kind not in _DOCUMENTS:
        text = plain_text(data)
        if text is not None:
            return TextPart(text)
    kind = found or kind
    if kind in _DOCUMENTS or kind.startswith(_DOCUMENT_FAMILIES):
        return FilePart(data_url(kind, data), filename=name or ("document.pdf" if kind == "application/pdf" else None))
    if kind.startswith("audio/"):
        return AudioPart(base64.b64encode(data).decode(), audio_format(kind))
    return TextPart(describe(kind, len(data), name))


def _is_unnamed(kind: str) -> bool:
    return kind in _UNNAMED or kind.startswith("text/")


def from_base64(text: str, kind: str = "", name: str | None = None) -> ContentPart:
    """The same for base64 as it came: a ``data:`` prefix, white space and the alphabet of URLs are forgiven."""
    if text[:5].lower() == "data:":
        head, _, text = text[5:].partition(",")
        kind = kind or head.partition(";")[0]
    data = decode_base64(text)
    if data is None:
        return TextPart(f"{_noun(kind, name)}, which could not be read: its data is not base64")
    return part(data, kind, name)


def decode_base64(text: str) -> bytes | None:
    text = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def readable(given: ContentPart) -> ContentPart:
    """A part that somebody made, checked as its bytes would be. What is elsewhere (an ``https:`` URL, a file that the
    vendor keeps) stays as it is.
    """
    match given:
        case ImagePart(url=url) | FilePart(url=str(url)) if url[:5].lower() == "data:":
            name = given.filename if isinstance(given, FilePart) else None
            head, _, content = url[5:].partition(",")
            kind, *parameters = (item.strip().lower() for item in head.split(";"))
            if "base64" not in parameters:
                return part(unquote_to_bytes(content), kind or "text/plain", name)
            made = from_base64(content, kind, name)
            if isinstance(given, ImagePart) and isinstance(made, ImagePart) and given.detail is not None:
                return ImagePart(made.url, given.detail)
            return made
        case AudioPart(data=data, format=container):
            return from_base64(data, f"audio/{container.lower()}")
        case _:
            return given


def in_words(given: ContentPart) -> str:
    """What a part is, for a model that cannot be shown it; the text, of a part that is text."""
    match given:
        case TextPart(text=text):
            return text
        case AudioPart(data=data, format=container):
            return describe(f"audio/{container}", len(data) * 3 // 4)
        case ImagePart(url=url) | FilePart(url=str(url)):
            name = given.filename if isinstance(given, FilePart) else None
            if url[:5].lower() != "data:":
                return f"{_noun('image/' if isinstance(given, ImagePart) else '', name)} at {url}, which you cannot see"
            head, _, content = url[5:].partition(",")
            return describe(head.partition(";")[0].lower(), len(content) * 3 // 4, name)
        case FilePart(filename=name):
            return f"{_noun('', name)}, which you cannot see"
        case MediaPart(kind=kind, url=url):
            where = "" if url[:5].lower() == "data:" else f" at {url}"
            return f"{kind}{where}, which you cannot see"


def describe(kind: str, size: int, name: str | None = None) -> str:
    return f"{_noun(kind, name)}, {size:,} bytes, which you cannot see"


def _noun(kind: str, name: str | None) -> str:
    called = f" {name!r}" if name else ""
    family, _, form = kind.partition("/")
    if family == "image":
        form = form.removesuffix("+xml").removeprefix("x-").upper()
        article = "an" if not form or form[0] in "AEFHILMNORSX" else "a"
        return f"{article} {form} image{called}" if form else f"an image{called}"
    if family in ("audio", "video"):
        return f"{'an' if family == 'audio' else 'a'} {family} recording{called} ({kind})"
    return f"a file{called}" + (f" of type {kind}" if kind else "")


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def audio_format(kind: str) -> str:
    """``audio/mpeg`` → ``mp3``: formats are named as OpenAI's API does."""
    name = kind.rpartition("/")[2].removeprefix("x-")
    return _AUDIO_FORMATS.get(name, name)
