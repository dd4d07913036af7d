"""A lesson: a file that a teacher writes in YAML, and its errors with their lines.

`docs/lessons.md` describes the format. The lessons that come with the product are in `content/`;
`$DIGITSCOPE_LESSONS` names a folder with more.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.lessons.measures import Cell, Fact, Subject, check_measure, measure, measures_run
from core.recipes.presets import PRESETS
from core.utils.errors import LessonError
from core.utils.files import file_stamp

SHIPPED_LESSONS: Final = Path(__file__).with_name("content")
_FOLDER_VARIABLE: Final = "DIGITSCOPE_LESSONS"
_MAX_BYTES: Final = 200_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_ORDER: Final = ("kundathil", "yalcin", "soorya", "purawr", "katariya", "own-digit")
"""The shipped lessons from the shortest to the longest; others follow by name."""
PageName = Literal["home", "dataset", "train", "confusion", "filters", "predict"]
_SETTINGS: Final[Mapping[PageName, frozenset[str]]] = {
    "home": frozenset(),
    "dataset": frozenset({"view", "split", "index", "scaling"}),
    "train": frozenset({"preset", "recipe", "from", "training", "show"}),
    "confusion": frozenset({"explore", "cell", "with", "run", "epoch"}),
    "filters": frozenset({"inside", "layer", "map", "split", "index", "run", "epoch"}),
    "predict": frozenset({"look", "run", "epoch"}),
}
"""The parameters of each page's address that a lesson may set."""
_KINDS: Final = frozenset({"choice", "number", "cell"})
RUN_PAGES: Final[frozenset[PageName]] = frozenset({"confusion", "filters", "predict"})
"""Pages that show the lesson's run."""


Guess = str | float | Cell


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Measured(_Model):
    """Something that is measured when the visitor gets there: a measure's name and arguments."""

    name: str
    arguments: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: object) -> object:
        if isinstance(given, str):
            return {"name": given}
        if isinstance(given, dict) and "arguments" not in given:
            rest = {key: value for key, value in given.items() if key != "name"}
            return {"name": given.get("name", ""), "arguments": rest}
        return given

    @model_validator(mode="after")
    def _exists(self) -> "Measured":
        check_measure(self.name, self.arguments)
        return self

    @property
    def kind(self) -> str:
        """Of its value: number, text or cell."""
        return check_measure(self.name, self.arguments)

    @property
    def of_drawing(self) -> bool:
        """Whether it is measured in the visitor's drawing."""
        return self.name.startswith("drawing_")

    @property
    def of_run(self) -> bool:
        """Whether it is measured in the lesson's run."""
        return measures_run(self.name)

    def fact(self, subject: Subject) -> Fact:
        """Measure it; raises as `core.lessons.measures.measure`."""
        return measure(self.name, self.arguments, subject)


class Choice(_Model):
    """A question with a few answers to choose from."""

    kind: Literal["choice"]
    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2, max_length=10)
    answer: Measured

    @field_validator("options", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        # YAML reads 7 as a number and yes as a truth.
        words: dict[object, str] = {True: "yes", False: "no"}
        if isinstance(given, list):
            return [words[item] if isinstance(item, bool) else str(item) for item in given]
        return given

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Choice":
        if self.answer.kind == "cell":
            raise ValueError(f"{self.answer.name} gives a cell: ask for it with kind: cell")
        if len(set(self.options)) < len(self.options):
            raise ValueError("two options are the same")
        return self

    def fits(self, guess: Guess) -> bool:
        """Whether a guess is one of the options."""
        return guess in self.options

    def is_right(self, guess: Guess, fact: Fact) -> bool:
        """Whether a guess is what was measured."""
        return guess in {fact.text, str(fact.value)}


class Number(_Model):
    """A question whose answer is a number; a guess that is near enough is right."""

    kind: Literal["number"]
    question: str = Field(min_length=1)
    near: float = Field(default=0, ge=0)
    minimum: float = 0
    maximum: float = 1_000_000
    unit: str = ""
    answer: Measured

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Number":
        if self.answer.kind != "number":
            raise ValueError(f"{self.answer.name} gives a {self.answer.kind}, not a number")
        if self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self

    def fits(self, guess: Guess) -> bool:
        """Whether a guess is a number."""
        return isinstance(guess, float)

    def is_right(self, guess: Guess, fact: Fact) -> bool:
        """Whether a guess is within `near` of what was measured."""
        if not isinstance(guess, int | float) or not isinstance(fact.value, float):
            return False
        return abs(guess - fact.value) <= self.near + 1e-9


class CellQuestion(_Model):
    """A question whose answer is a cell of the confusion matrix."""

    kind: Literal["cell"]
    question: str = Field(min_length=1)
    answer: Measured

    @model_validator(mode="after")
    def _of_its_kind(self) -> "CellQuestion":
        if self.answer.kind != "cell":
            raise ValueError(f"{self.answer.name} gives a {self.answer.kind}, not a cell")
        return self

    def fits(self, guess: Guess) -> bool:
        """Whether a guess is a cell."""
        return isinstance(guess, tuple)

    def is_right(self, guess: Guess, fact: Fact) -> bool:
        """Whether a guess is the cell that was measured."""
        return guess == fact.value


Question = Annotated[Choice | Number | CellQuestion, Field(discriminator="kind")]


class Link(_Model):
    """A page to open, with its settings, and the control to use there."""

    page: PageName
    label: str = Field(min_length=1, max_length=60)
    settings: dict[str, str] = {}
    control: str = Field(
        default="", description="the name of the control that the step is about, as on the page"
    )

    @field_validator("settings", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        if isinstance(given, dict):
            return {str(key): str(value) for key, value in given.items()}
        return given

    @model_validator(mode="after")
    def _known(self) -> "Link":
        unknown = sorted(self.settings.keys() - _SETTINGS[self.page])
        if unknown:
            known = ", ".join(sorted(_SETTINGS[self.page])) or "none"
            raise ValueError(
                f"the page {self.page} has no setting {', '.join(unknown)}; it has: {known}"
            )
        preset = self.settings.get("preset")
        if preset is not None and preset not in PRESETS:
            raise ValueError(f"there is no preset {preset!r}; there are: {', '.join(PRESETS)}")
        return self


class Step(_Model):
    """A step: text, links, a question with a guess first, and what is said after the guess."""

    id: str
    title: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1)
    links: tuple[Link, ...] = ()
    guess: Question | None = None
    facts: dict[str, Measured] = {}
    after: str = ""

    @field_validator("id")
    @classmethod
    def _is_name(cls, given: str) -> str:
        return _checked_name(given)

    @model_validator(mode="after")
    def _complete(self) -> "Step":
        missing = sorted({*_PLACEHOLDER.findall(self.after)} - self.facts.keys() - {"answer"})
        if missing:
            raise ValueError(
                f"the text after the guess names {{{missing[0]}}}, which is not among the facts"
            )
        if "{answer}" in self.after and self.guess is None:
            raise ValueError("{answer} needs a guess")
        words = f"{self.text} {self.guess.question if self.guess else ''}"
        named = _PLACEHOLDER.search(words)
        if named:
            raise ValueError(f"{named[0]} is filled in only in the field after, not in other texts")
        return self

    def measured(self) -> dict[str, Measured]:
        """What the step measures: its facts, and the answer to its question."""
        return {**self.facts, **({"answer": self.guess.answer} if self.guess else {})}

    def conclusion(self, subject: Subject) -> str:
        """The text after the guess, with what was measured; raises as `measure`."""
        facts = self.measured()
        return _PLACEHOLDER.sub(lambda match: facts[match[1]].fact(subject).text, self.after)


class Lesson(_Model):
    """A lesson."""

    id: str
    title: str = Field(min_length=1, max_length=80)
    about: str = Field(min_length=1)
    source: str = Field(default="", description="the tutorial that it follows")
    minutes: int = Field(ge=1, le=180)
    run: str = Field(default="", description="the preset that the visitor trains")
    steps: tuple[Step, ...] = Field(min_length=1, max_length=30)

    @field_validator("id")
    @classmethod
    def _is_name(cls, given: str) -> str:
        return _checked_name(given)

    @field_validator("run")
    @classmethod
    def _is_preset(cls, given: str) -> str:
        if given and given not in PRESETS:
            raise ValueError(f"there is no preset {given!r}; there are: {', '.join(PRESETS)}")
        return given

    @model_validator(mode="after")
    def _steps_differ(self) -> "Lesson":
        ids = [step.id for step in self.steps]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice:
            raise ValueError(f"two steps have the id {twice!r}")
        return self

    def step(self, step_id: str) -> Step | None:
        """The step of that id; None if there is none."""
        return next((step for step in self.steps if step.id == step_id), None)


@dataclass(frozen=True)
class BrokenLesson:
    """A file that is no lesson.

    Attributes:
        name: of the file.
        problem: what is wrong with it, and in which line.
    """

    name: str
    problem: str


def _checked_name(given: str) -> str:
    if not _NAME.fullmatch(given):
        raise ValueError("an id has small letters, digits and hyphens, at most 40")
    return given


def read_lesson(file: Path) -> Lesson:
    """Read a lesson; its id is the file's name.

    Args:
        file: in YAML.

    Raises:
        LessonError: it cannot be read, or is no lesson: the text has a sentence for each fault,
            with its line.
    """
    try:
        content = file.read_bytes()
        text = content.decode()
    except OSError as error:
        raise LessonError(f"{file.name} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise LessonError(f"{file.name} is not written in UTF-8. Save it so.") from error
    if len(content) > _MAX_BYTES:
        raise LessonError(f"{file.name} is larger than {_MAX_BYTES // 1000} kB.")
    return parse_lesson(text, file.stem, file.name)


def parse_lesson(text: str, lesson_id: str, name: str) -> Lesson:
    """Read a lesson from its text.

    Args:
        text: YAML.
        lesson_id: of the lesson.
        name: of the file, for the errors.

    Raises:
        LessonError: as `read_lesson`.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # a date that there is none, such as 2020-13-45
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it is no YAML"
        raise LessonError(f"{name}{where}: this is no YAML ({reason}).") from error
    except RecursionError as error:
        raise LessonError(f"{name}: it is nested too deeply.") from error
    if not isinstance(fields, dict):
        raise LessonError(f"{name}, line 1: a lesson has title, about, minutes and steps.")
    try:
        return Lesson.model_validate({**fields, "id": lesson_id})
    except ValidationError as error:
        faults = error.errors()
        # Where a step is faulty, pydantic also says that there are too few of them.
        deepest = [
            fault
            for fault in faults
            if not any(
                other["loc"][: len(fault["loc"])] == fault["loc"] and other is not fault
                for other in faults
            )
        ]
        lines = [_fault(fault, node, name) for fault in deepest]
        raise LessonError("\n".join(lines)) from error


def _fault(fault: Any, node: yaml.Node | None, name: str) -> str:
    """A sentence about a fault that pydantic has found."""
    line, place = _place(node, fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    kind = fault["type"]
    if kind == "extra_forbidden":
        message = "there is no such field"
    elif kind == "missing":
        message = "this field lacks"
    return f"{name}, line {line}: {place}: {message}."


def _place(node: yaml.Node | None, location: Iterable[str | int]) -> tuple[int, str]:
    """The line of a place in the file, from 1, and its name, such as "steps 2, guess, near"."""
    line = node.start_mark.line + 1 if node else 1
    words: list[str] = []
    for part in location:
        child = _child(node, part)
        if child is None and words and part in _KINDS:
            continue  # pydantic names the kind of the question, too
        if isinstance(part, int):
            words.append(f"{words.pop()} {part + 1}" if words else str(part + 1))
        else:
            words.append(part)
        if child is None:
            node = None
            continue
        node = child
        line = node.start_mark.line + 1
    return line, ", ".join(words) or "the lesson"


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None


def list_lessons() -> list[Lesson | BrokenLesson]:
    """All lessons: those that come with the product, then those of the teacher's folder."""
    lessons: dict[str, Lesson | BrokenLesson] = {}
    for file in (file for folder in _folders() for file in sorted(folder.glob("*.yaml"))):
        if file.stem in lessons:
            taken = f"{file.name}: a lesson of this name comes with the app. Rename the file."
            lessons[str(file)] = BrokenLesson(file.name, taken)
            continue
        with suppress(OSError):  # it was renamed or removed at this moment
            lessons[file.stem] = _read_cached(file, file_stamp(file))
    return sorted(lessons.values(), key=_rank)


def find_lesson(lesson_id: str) -> Lesson:
    """Find a lesson.

    Raises:
        LessonError: there is none of that id, or its file is broken.
    """
    for lesson in list_lessons():
        if isinstance(lesson, Lesson) and lesson.id == lesson_id:
            return lesson
        if isinstance(lesson, BrokenLesson) and Path(lesson.name).stem == lesson_id:
            raise LessonError(lesson.problem)
    raise LessonError("There is no such lesson here. Choose one of the list.")


def _folders() -> Iterator[Path]:
    yield SHIPPED_LESSONS
    own = os.environ.get(_FOLDER_VARIABLE)
    if own and Path(own).is_dir():
        yield Path(own)


def _rank(lesson: Lesson | BrokenLesson) -> tuple[int, str]:
    name = lesson.id if isinstance(lesson, Lesson) else lesson.name
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


@lru_cache(maxsize=100)
def _read_cached(file: Path, _stamp: tuple[int, ...]) -> Lesson | BrokenLesson:
    try:
        return read_lesson(file)
    except LessonError as error:
        return BrokenLesson(file.name, str(error))
