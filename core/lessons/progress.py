"""How far a visitor is in the lessons: their guesses, as a text for a link, a file, a browser."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.lessons.lesson import Guess, Lesson, Step
from core.utils.compact_text import pack_text, unpack_text
from core.utils.errors import LessonError

_MAX_BYTES: Final = 50_000
_MAX_STEPS: Final = 2_000
_MAX_TEXT: Final = 80
READ: Final = "read"
"""Stands for a guess where a step asks nothing."""
_NOT_READABLE: Final = (
    "The progress cannot be read: it is damaged, or of another program. Your own is unchanged."
)


@dataclass
class Progress:
    """The steps that are done, each with its guess.

    Attributes:
        guesses: by lesson and step.
    """

    guesses: dict[str, dict[str, Guess]] = field(default_factory=dict)

    def guess(self, lesson: Lesson, step: Step) -> Guess | None:
        """The guess at a step; None if there is none, or it is none of the step's kind."""
        guess = self.guesses.get(lesson.id, {}).get(step.id)
        fits = guess is not None and (step.guess is None or step.guess.fits(guess))
        return guess if fits else None

    def note(self, lesson: Lesson, step: Step, guess: Guess) -> None:
        """Note a guess, in place of an earlier one."""
        self.guesses.setdefault(lesson.id, {})[step.id] = guess

    def forget(self, lesson: Lesson, step: Step | None = None) -> None:
        """Forget a step, or a whole lesson."""
        if step is None:
            self.guesses.pop(lesson.id, None)
        else:
            self.guesses.get(lesson.id, {}).pop(step.id, None)

    def done(self, lesson: Lesson) -> int:
        """How many steps of a lesson are done."""
        return sum(self.guess(lesson, step) is not None for step in lesson.steps)

    def next_step(self, lesson: Lesson) -> Step:
        """The first step that is not done, or the last one."""
        return next(
            (step for step in lesson.steps if self.guess(lesson, step) is None), lesson.steps[-1]
        )

    def add(self, other: "Progress") -> None:
        """Take over what another one has done; where both have, this one's guess stays."""
        for lesson, guesses in other.guesses.items():
            self.guesses[lesson] = {**guesses, **self.guesses.get(lesson, {})}

    def to_text(self) -> str:
        """As JSON, for a file or the browser's store."""
        return json.dumps(self.guesses, sort_keys=True, ensure_ascii=False)

    def to_link(self) -> str:
        """As a short text for a link."""
        return pack_text(self.to_text())


def progress_from_text(text: str | bytes) -> Progress:
    """Read what `Progress.to_text` has written.

    Raises:
        LessonError: it is something else.

    Example:
        >>> progress_from_text('{"soorya": {"look": "7", "train": 97.5}}').guesses
        {'soorya': {'look': '7', 'train': 97.5}}
    """
    try:
        fields: Any = json.loads(text) if len(text) <= _MAX_BYTES else None
    except (ValueError, RecursionError) as error:
        raise LessonError(_NOT_READABLE) from error
    if not isinstance(fields, dict) or not all(
        isinstance(guesses, dict) for guesses in fields.values()
    ):
        raise LessonError(_NOT_READABLE)
    if sum(map(len, fields.values())) > _MAX_STEPS:
        raise LessonError(_NOT_READABLE)
    return Progress({name: _readable(guesses) for name, guesses in fields.items()})


def progress_from_link(text: str) -> Progress:
    """Read what `Progress.to_link` has written. Raises LessonError if it is something else."""
    try:
        return progress_from_text(unpack_text(text, _MAX_BYTES))
    except ValueError as error:
        raise LessonError(_NOT_READABLE) from error


def _readable(guesses: Mapping[str, Any]) -> dict[str, Guess]:
    readable = {step: _guess(value) for step, value in guesses.items()}
    if any(guess is None for guess in readable.values()):
        raise LessonError(_NOT_READABLE)
    return {step: guess for step, guess in readable.items() if guess is not None}


def _guess(value: object) -> Guess | None:
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value):
        return (int(value[0]), int(value[1]))
    return None
