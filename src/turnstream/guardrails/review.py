"""What a person is asked about: a rule that finds something then stops nothing, and what it found waits for a yes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from turnstream.guardrails import texts


class Reviewer(Struct, frozen=True):
    """Who is asked, as `asks.Ask.by` says it, and how many seconds that one has; None: as long as for any question."""

    by: str = ""
    expires: float | None = None


class AskingRule(Struct, frozen=True):
    """``rule`` stops where a person is to be asked. ``mask`` hides the same in what nobody is asked about; None puts a
    sentence in its place."""

    rule: texts.Rule
    reviewer: Reviewer = Reviewer()
    mask: texts.Rule | None = None

    @property
    def name(self) -> str:
        return self.rule.name

    def finds(self, text: str) -> bool:
        try:
            self.rule.apply(text)
        except texts.StoppedError:
            return True
        return False

    def hide(self, text: str) -> str:
        if self.mask is not None:
            return self.mask.apply(text)
        return texts.withheld(self.name) if self.finds(text) else text


def hide(rules: Sequence[AskingRule], text: str) -> str:
    for rule in rules:
        text = rule.hide(text)
    return text
