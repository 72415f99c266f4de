"""Who may use the server: what a configuration may say of its keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from turnstream import identity
from turnstream.config.limits import LimitsSection
from turnstream.config.sections import NonEmpty, OptionalSecret, ScopeName, Section, StrList


def read_time(value: Any) -> Any:
    """A date, or a date with a time, in UTC unless it says otherwise → seconds since the epoch."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date such as 2027-01-31, or 2027-01-31T12:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return value


Time = Annotated[float, BeforeValidator(read_time), WithJsonSchema({"type": "string", "format": "date-time"})]


class UsersSection(Section):
    """Whom the holder of a key may name. Never anybody, unless a key says so."""

    secret: Annotated[OptionalSecret, Field(min_length=16)] = None
    """With it users are named by a token (HS256) that is signed with it: Open WebUI's
    `FORWARD_USER_INFO_HEADER_JWT_SECRET`. Without it the field is believed as it is."""
    header: NonEmpty | None = None
    """The request's field that names a user. With `secret` it is `X-OpenWebUI-User-Jwt` without a word."""
    issuer: NonEmpty = "open-webui"
    """How the signer names itself in its tokens."""
    required: bool = True
    """Refuse requests that name nobody. Otherwise they are the key's own."""

    @model_validator(mode="after")
    def _says_where(self) -> UsersSection:
        if self.secret is None and self.header is None:
            raise ValueError("needs `secret`, for names that are signed, or else `header`")
        return self

    def build(self) -> identity.Users:
        header = (self.header or identity.Users.header).lower()
        return identity.Users(header, self.secret, self.issuer, self.required)


class KeySection(Section):
    """An API key that opens the server; a text is a key with nothing else to say."""

    key: OptionalSecret = None
    file: NonEmpty | None = None
    """Instead of `key`: a file with the key, or with several, one a line. It is read again when it changes."""
    name: NonEmpty | None = None
    """Who has it: tools, logs and everything that is kept know this name."""
    agents: Annotated[list[NonEmpty], Field(min_length=1)] | None = None
    """The agents that it opens. Without it: all."""
    scopes: Annotated[list[ScopeName], Field(min_length=1)] | None = None
    """What it may: have runs (`runs`), approve calls (`approve`), read the metrics (`metrics`), see and end the runs of
    all (`admin`). Without it: `runs` and `metrics`."""
    groups: StrList = Field(default_factory=list)
    """Groups that it belongs to, for rules that name one."""
    limits: LimitsSection | None = None
    """The most that it may use, instead of the server's `limits.each`."""
    expires: Time | None = None
    """From when on it opens nothing: `2027-01-31`, in UTC, or with a time."""
    users: UsersSection | None = None
    """Whoever has the key may name users of its own, each of whom is a principal: for front ends."""

    @model_validator(mode="after")
    def _has_one(self) -> KeySection:
        if (self.key is None) == (self.file is None):
            raise ValueError("needs `key`, or else `file`")
        if self.users is not None and (self.name is None or "/" in self.name):
            raise ValueError("with `users` it needs a `name` without '/': each user's begins with it")
        return self

    def build(self, folder: Path) -> str | identity.Key:
        if self.model_fields_set == {"key"}:
            return self.key or ""
        return identity.Key(
            self.key or "",
            self.name,
            _set(self.agents),
            _set(self.scopes),
            frozenset(self.groups),
            None if self.limits is None else self.limits.build(),
            self.expires,
            None if self.file is None else folder / self.file,
            users=None if self.users is None else self.users.build(),
        )


def _set(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _as_key(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


KeyList = Annotated[list[Annotated[KeySection, BeforeValidator(_as_key)]], BeforeValidator(_as_list), Field(repr=False)]
