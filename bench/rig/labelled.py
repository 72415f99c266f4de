"""A small labelled set, made here: passages that each state a fact of an animal, questions with one right answer.

Each fact is asked for in four ways: in the passage's words, in other forms of them, misspelt, and in other words.
"""

from __future__ import annotations

import random
from typing import Literal, NamedTuple, TypeAlias, get_args

Manner: TypeAlias = Literal["same words", "other forms", "misspelt", "other words"]
MANNERS: tuple[Manner, ...] = get_args(Manner)

_ANIMALS = """
albatross alligator antelope armadillo badger barracuda beaver buffalo caribou chameleon cheetah chinchilla cormorant
crocodile dolphin dromedary elephant flamingo gazelle giraffe gorilla hedgehog hyena jaguar kangaroo kingfisher leopard
lobster manatee meerkat narwhal octopus orangutan ostrich pelican porcupine rhinoceros salamander tortoise wolverine
""".split()  # noqa: SIM905  a list of them would be forty lines


class _Fact(NamedTuple):
    """``{a}`` is the animal, ``{n}`` a number."""

    passage: str
    same: str
    forms: str
    other: str


_FACTS = (
    _Fact(
        "A grown {a} weighs about {n} kilograms, males more than females. It was measured in the field.",
        "how many kilograms a grown {a} weighs",
        "weighing of {a}s in kilogram",
        "how heavy is the {a}?",
    ),
    _Fact(
        "The {a} sleeps {n} hours a day, mostly in the shade, and wakes when the air grows cool.",
        "hours the {a} sleeps a day",
        "sleeping hour of {a}s by day",
        "how long does the {a} rest and doze?",
    ),
    _Fact(
        "The diet of the {a} consists of {n} kinds of plants and small prey, taken at dawn.",
        "diet of the {a}",
        "diets that {a}s have, kind of plant and preys",
        "what food does the {a} eat?",
    ),
    _Fact(
        "The young of the {a} are raised for {n} weeks, by both parents, in a hidden place.",
        "weeks the young of the {a} are raised",
        "raising of {a}s, week by week, by a parent",
        "for how long are babies of the {a} cared for?",
    ),
    _Fact(
        "The range of the {a} covers {n} regions of the world; its habitat is shrinking slowly.",
        "range and habitat of the {a}",
        "ranges and habitats of {a}s, covering of regions",
        "where does the {a} live?",
    ),
    _Fact(
        "At full speed the {a} reaches {n} kilometres an hour, for a short distance only.",
        "full speed of the {a}",
        "speeds that {a}s are reaching in kilometre",
        "how fast can the {a} move?",
    ),
)


class Question(NamedTuple):
    """``answer`` is the path of the one right passage."""

    manner: Manner
    text: str
    answer: str


def labelled(animals: int = len(_ANIMALS)) -> tuple[dict[str, str], list[Question]]:
    """The passages by path, and the questions; the same in each run."""
    chance = random.Random(7)
    passages: dict[str, str] = {}
    questions: list[Question] = []
    for animal in _ANIMALS[:animals]:
        for number, fact in enumerate(_FACTS):
            path = f"{animal}-{number}.txt"
            passages[path] = fact.passage.format(a=animal, n=chance.randint(2, 90))
            wrong = _misspelt(animal, chance)
            texts = (
                fact.same.format(a=animal),
                fact.forms.format(a=animal),
                fact.same.format(a=wrong),
                fact.other.format(a=animal),
            )
            questions += [Question(manner, text, path) for manner, text in zip(MANNERS, texts, strict=True)]
    return passages, questions


def _misspelt(word: str, chance: random.Random) -> str:
    """Two neighbours swapped, one letter doubled, or one left out; never the first."""
    at = chance.randrange(1, len(word) - 2)
    match chance.randrange(3):
        case 0 if word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case _:
            return word[:at] + word[at + 1 :]
