"""Which encoding a text is in that is not UTF-8 and does not say: by what texts of each are full of."""

from __future__ import annotations

import re

from turnstream.tools.retrieval.documents import SkippedError

_SAMPLE = 65536
_LEAST_SCORE = 0.5
# Of each encoding, what its texts are full of; patterns may ask for neighbours, which garbage does not have.
_TYPICAL = {  # and how much of a text they are at the least
    **dict.fromkeys(("shift_jis", "euc_jp"), (re.compile("[\u3041-\u3096\u30a1-\u30fa]"), 0.1)),
    **dict.fromkeys(("cp1251", "koi8-r"), (re.compile("[аеёиоуыэюя]", re.IGNORECASE), 0.25)),
}
_USUAL_SHARES = {"gb18030": 0.3, "big5": 0.3}  # of a Chinese text, of the most common characters
_RARER = ("cp1253", "koi8-r", "euc_kr", "cp1250", "cp1255", "cp1256")  # of two that fit alike, the other is meant
_KANA = "[\u3041-\u3096\u30a1-\u30fc\u3001\u3002\u300c\u300d\u4e00-\u9fff]"
_HAN = (
    "["
    "的一是不了在人有我他这個个上们來来到时時大地为為子中你说說生国國年着就那和要她出也得里後后"
    "自以会會家可下而过過天去能对對小多然于於心学學么之都好看起发發当當没成只如事把还用第样道想"
    "作种開开美总从無情己面最女但现前些所同日手又行意动動方期它头經经长長儿回位分爱老因很给名法"
    "间斯知世什两次使身者被高已亲其进此话常与活正感，。、！？；：「」"
    "]"
)
_LETTERS = {
    "cp1252": re.compile(
        "(?<=[A-Za-z])[àâäáãåæçéèêëíìîïñóòôöõøœšúùûüýÿžß]|[ÀÂÄÁÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØŒÚÙÛÜÝ](?=[A-Za-zàáâäéèêëíïóôöúüß])"
        "|[àâäáãåæçéèêëíìîïñóòôöõøœšúùûüýÿžß](?=[A-Za-z])|(?<=[ (])[àéèêôö](?=[ ,.])"
        "|(?<=\\s)[–—•·](?=\\s)|[“”„‘’…«»§©®°€£±µ½¼²³]"
    ),
    "cp1251": re.compile("[а-яё](?=[а-яё .,!?;:)–—-])|[А-ЯЁ](?=[а-яё ])|[–—«»№…]"),
    "koi8-r": re.compile("[а-яё](?=[а-яё .,!?;:)-])|[А-ЯЁ](?=[а-яё ])"),
    "cp1253": re.compile("[α-ωάέήίόύώϊϋςΐΰ](?=[α-ωάέήίόύώϊϋςΐΰ .,!?;])|[Α-ΩΆΈΉΊΌΎΏ](?=[α-ωάέήίόύώ ])"),
    "cp1250": re.compile("(?<=[A-Za-zěščřžýáíéúůťďňąćęłńóśźżőűăâîșț])[ěščřžýáíéúůťďňąćęłńóśźżőűă]|[–„”“…]"),
    "shift_jis": re.compile(f"{_KANA}(?={_KANA}|\\s|$)"),
    "euc_jp": re.compile(f"{_KANA}(?={_KANA}|\\s|$)"),
    "gb18030": re.compile(_HAN),
    "big5": re.compile(_HAN),
    "euc_kr": re.compile("[\uac00-\ud7a3]"),
    "cp1255": re.compile("[\u05d0-\u05ea](?=[\u05d0-\u05ea .,!?])"),
    "cp1256": re.compile("[\u0621-\u064a](?=[\u0621-\u064a \u060c.])"),
}


def guess(data: bytes) -> str:
    """The encoding that bytes look like which are not UTF-8. Raises `SkippedError` if nobody can say."""
    if b"\0" in data:
        return _utf16(data)
    fitting = [(score, name) for name, letters in _LETTERS.items() if (score := _score(data, name, letters)) > 0]
    best, encoding = max(fitting, default=(0.0, ""))
    if best < _LEAST_SCORE:
        raise SkippedError("its encoding is unknown; name it with --encoding")
    return encoding


def _utf16(data: bytes) -> str:
    """Without a byte order mark: where the zeros of Latin letters stand."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if max(even, odd) < len(data) / 8 or min(even, odd) > len(data) / 50:
        raise SkippedError("it is not text")
    return "utf-16-be" if even > odd else "utf-16-le"


def _score(data: bytes, encoding: str, letters: re.Pattern[str]) -> float:
    """The share of the characters beyond ASCII that are usual in texts of this encoding; 0 for what it cannot be."""
    try:
        text = data[:_SAMPLE].decode(encoding)
    except UnicodeDecodeError as error:
        if len(data) <= _SAMPLE or error.start < _SAMPLE - 4:
            return 0.0
        text = data[: error.start].decode(encoding)
    beyond = sum(character > "\x7f" for character in text)
    typical, least = _TYPICAL.get(encoding, (None, 0.0))
    if not beyond or (typical is not None and len(typical.findall(text)) < beyond * least):
        return 0.0
    share = sum(map(len, letters.findall(text))) / beyond
    return min(share / _USUAL_SHARES.get(encoding, 1.0), 1.0) * (0.98 if encoding in _RARER else 1.0)
