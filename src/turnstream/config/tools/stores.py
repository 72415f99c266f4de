"""Elasticsearch and Milvus: what a configuration may say of them, and the stores that this describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from turnstream import errors
from turnstream.config import files
from turnstream.config.sections import JsonObject, NonEmpty, OptionalSecret, PositiveInt, Seconds, Section, defaults_of
from turnstream.config.tools.kind import require
from turnstream.tools.retrieval.elasticsearch import ElasticsearchStore
from turnstream.tools.retrieval.fields import Fields
from turnstream.tools.retrieval.milvus import MilvusStore
from turnstream.tools.retrieval.template import Template

_DEFAULTS = defaults_of(ElasticsearchStore)


def _check_template(body: dict[str, Any] | None) -> dict[str, Any] | None:
    if body is not None:
        try:
            Template(body)
        except errors.ConfigurationError as error:
            raise ValueError(error.message) from None
    return body


class FieldsSection(Section):
    """Which fields of a document are what. `meta.url` is the field `url` in the object `meta`."""

    text: NonEmpty = "text"
    """What the model reads."""
    title: NonEmpty | None = None
    url: NonEmpty | None = None
    """A whole address, or one relative to `base_url`."""
    id: NonEmpty | None = None
    """The id to cite; without it the store's own."""

    def build(self, most_characters: int) -> Fields:
        return Fields(self.text, self.title, self.url, self.id, most_characters)


class MilvusFieldsSection(FieldsSection):
    vector: NonEmpty | None = None
    """The vectors, made by the model of `embeddings`; `vector` where that is given."""
    sparse: NonEmpty | None = None
    """What a BM25 function fills: search by words."""


class StoreSection(Section):
    """What the stores have in common."""

    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the usual ones."""
    timeout: Seconds = _DEFAULTS["timeout"]
    """Seconds that a search may take. It is not tried again."""
    max_characters: PositiveInt = defaults_of(Fields)["most_characters"]
    """A longer text is cut to the part around the question's words."""


class ElasticsearchSection(StoreSection):
    """An index of Elasticsearch."""

    url: NonEmpty
    """`https://search.example.com:9200`."""
    index: NonEmpty
    """An index, an alias, or a pattern of names."""
    api_key: OptionalSecret = None
    username: NonEmpty | None = None
    password: OptionalSecret = None
    fields: FieldsSection = Field(default_factory=FieldsSection)
    body: Annotated[JsonObject | None, AfterValidator(_check_template)] = None
    """What is sent, with `${query}`, `${vector}` (needs `embeddings`) and `${top_k}`. Without it the words of the
    question are searched in text and title."""
    max_bytes: PositiveInt = _DEFAULTS["most_bytes"]
    """Bytes of an answer."""

    @model_validator(mode="after")
    def _one_login(self) -> ElasticsearchSection:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.api_key is not None and self.username is not None:
            raise ValueError("give api_key, or username and password")
        return self

    def uses_vectors(self) -> bool:
        return self.body is not None and "vector" in Template(self.body).gaps


class MilvusSection(StoreSection):
    """A collection of Milvus, or of Milvus Lite."""

    uri: NonEmpty
    """`https://milvus.example.com:19530`; or a file of Milvus Lite, `docs.db`, relative to this one."""
    collection: NonEmpty
    token: OptionalSecret = None
    """An API key, or `username:password`."""
    database: NonEmpty | None = None
    fields: MilvusFieldsSection = Field(default_factory=MilvusFieldsSection)
    filter: str = ""
    """An expression of Milvus that all results fulfil: `lang == "en"`."""

    def is_file(self) -> bool:
        return "://" not in self.uri


def build_elasticsearch(section: ElasticsearchSection, folder: Path) -> ElasticsearchStore:
    """Raises `ConfigurationError`. Nothing is sent."""
    require("elasticsearch", "searches in Elasticsearch", "elasticsearch")
    _check_address(section.url, "url", "use the keys username and password")
    return ElasticsearchStore(
        section.url,
        section.index,
        api_key=section.api_key,
        login=(section.username, section.password) if section.username and section.password else None,
        ca=files.find_certificates(section.ca, folder),
        fields=section.fields.build(section.max_characters),
        body=section.body,
        timeout=section.timeout,
        most_bytes=section.max_bytes,
    )


def build_milvus(section: MilvusSection, folder: Path, vectors: bool, *, may_be_new: bool = False) -> MilvusStore:
    """``vectors``: there are embeddings. A file of Lite ``may_be_new`` if it is to be filled. Raises
    `ConfigurationError`. Nothing is sent."""
    require("pymilvus", "searches in Milvus", "milvus")
    uri = section.uri
    if section.is_file():
        uri = _find_lite(folder / section.uri, may_be_new)
    else:
        _check_address(uri, "uri", "use the key token")
    return MilvusStore(
        uri,
        section.collection,
        token=section.token,
        database=section.database,
        ca=files.find_certificates(section.ca, folder),
        fields=section.fields.build(section.max_characters),
        vector=(section.fields.vector or "vector") if vectors else None,
        sparse=section.fields.sparse,
        filter=section.filter,
        timeout=section.timeout,
    )


def _find_lite(file: Path, may_be_new: bool) -> str:
    require("milvus_lite", "files of Milvus Lite", "milvus-lite")
    if file.suffix != ".db":
        raise errors.ConfigurationError("uri must begin with http:// or https://, or name a file that ends in .db")
    if not file.exists() and not may_be_new:  # Lite would make an empty one
        raise errors.ConfigurationError(f"there is no file {file}")
    return str(file.resolve())


def _check_address(url: str, key: str, hint: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise errors.ConfigurationError(f"{key} must begin with http:// or https:// and name a host")
    if "@" in parts.netloc:
        raise errors.ConfigurationError(f"{key} must not contain a password: {hint}")
