"""The patterns that have a name: secrets, e-mail addresses, card numbers; and lists of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from turnstream import errors
from turnstream.guardrails import expressions
from turnstream.guardrails.matching import Pattern

MOST_WORDS = 1000

# Only what has a form of its own: what merely looks random is told from a hash or an id by nobody.
_SECRETS = (
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,400}",  # OpenAI, Anthropic, OpenRouter
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",  # AWS access key ids
    r"AIza[A-Za-z0-9_-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,400}",
    r"gh[opsur]_[A-Za-z0-9]{36,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"glpat-[A-Za-z0-9_-]{20,100}",  # GitLab
    r"hf_[A-Za-z0-9]{30,60}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-AgE[A-Za-z0-9_-]{50,400}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,200}",  # Slack
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{20,200}",  # Stripe
    r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
    r"eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,1000}(?:[A-Za-z0-9_-]{0,1000})\.[A-Za-z0-9_-]{10,1000}",  # JWT
)
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"[A-Za-z0-9+/=\s:,.\\-]*-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
)
_EMAIL = r"[A-Za-z0-9_%+'-]{1,64}(?:\.[A-Za-z0-9_%+'-]{1,64}){0,4}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}"
_BETWEEN = r"[ -\x{a0}\x{2009}\x{202f}\x{2010}-\x{2015}\x{2212}]"  # blanks and dashes, as type has them too
_CARD = rf"[0-9](?:{_BETWEEN}?[0-9]){{12,18}}"
_SHORTEST_CARD, _LONGEST_CARD = 13, 19  # digits
_LONGEST_KEY = 16_384  # bytes


def find_secrets() -> Pattern:
    """Keys and tokens of well-known forms, and private keys."""
    forms = "|".join(_SECRETS)
    expression = expressions.Expression(rf"\b(?:{forms})|{_PRIVATE_KEY}")
    return Pattern(expression, longest=_LONGEST_KEY)


def find_emails() -> Pattern:
    return Pattern(expressions.Expression(_EMAIL))


def find_cards() -> Pattern:
    """Numbers of payment cards: 13 to 19 digits, alone or in groups, with the right check digit."""
    return Pattern(expressions.Expression(_CARD), _narrow_to_card)


NAMED: dict[str, Callable[[], Pattern]] = {"secrets": find_secrets, "emails": find_emails, "cards": find_cards}


def find_expressions(patterns: Sequence[str]) -> Pattern:
    """Whatever matches one of them. Raises `ConfigurationError`."""
    if len(patterns) == 1:
        return Pattern(expressions.Expression(patterns[0]))
    groups = []
    for pattern in patterns:
        flags, pair = expressions.parse(pattern)
        scope = flags[1:-1] if flags else "?"
        groups.append(f"({scope}:{pair.whole})")
    return Pattern(expressions.Expression("|".join(groups)))


def find_words(words: Sequence[str]) -> Pattern:
    """Each as a whole word, or as several, in any case. Any white space will do between two."""
    wanted = [" ".join(word.split()) for word in words]
    if not all(wanted):
        raise errors.ConfigurationError("a word is empty")
    if len(wanted) > MOST_WORDS:
        raise errors.ConfigurationError(f"a list may have {MOST_WORDS} words")
    spelled = dict.fromkeys(unicodedata.normalize(form, word) for word in wanted for form in ("NFC", "NFD"))
    forms = "|".join(r"\s{1,20}".join(re.escape(part) for part in word.split()) for word in spelled)
    known = frozenset(map(_fold, wanted))

    def narrow(before: str, match: str, after: str) -> tuple[int, int] | None:
        """RE2's own ``\\b`` knows the letters of ASCII alone."""
        if _is_in_word(before, match[0]):
            return None
        for end in range(len(match), 0, -1):
            following = match[end] if end < len(match) else after
            if " ".join(_fold(match[:end]).split()) in known and not _is_in_word(match[end - 1], following):
                return 0, end
        return None

    return Pattern(expressions.Expression(f"(?i)(?:{forms})"), narrow)


def _is_in_word(one: str, other: str) -> bool:
    """Both are of one word."""
    return bool(one and other) and _is_letter(one) and _is_letter(other)


def _fold(text: str) -> str:
    """Whatever is the same but for case, or for how an accent is written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _narrow_to_card(before: str, match: str, after: str) -> tuple[int, int] | None:
    """The longest number of a card that begins here. Digits beside it may belong to another number."""
    if before.isdecimal():
        return None
    places = [at for at, character in enumerate(match) if character.isdecimal()]
    digits = [int(match[at]) for at in places]
    for count in range(min(len(digits), _LONGEST_CARD), _SHORTEST_CARD - 1, -1):
        end = places[count - 1] + 1
        following = match[end] if end < len(match) else after
        if not following.isdecimal() and _has_check_digit(digits[:count]):
            return 0, end
    return None


def _has_check_digit(digits: Sequence[int]) -> bool:
    """ISO/IEC 7812-1, annex B (Luhn); the first digit 0 is nobody's."""
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return digits[0] != 0 and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
