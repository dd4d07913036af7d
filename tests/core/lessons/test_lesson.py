"""Lessons: what a teacher may write, and what they are told about a mistake in it."""

import textwrap
from pathlib import Path

import pytest

from core.lessons import lesson as lesson_module
from core.lessons.lesson import (
    BrokenLesson,
    CellQuestion,
    Choice,
    Lesson,
    Number,
    find_lesson,
    list_lessons,
    parse_lesson,
    read_lesson,
)
from core.lessons.measures import Fact, Subject
from core.runs import registry
from core.utils.errors import LessonError

TUTORIALS = ["kundathil", "yalcin", "soorya", "purawr", "katariya"]
SMALL = """
title: A small lesson
about: What a label is.
minutes: 5
steps:
  - id: label
    title: Look at a label
    text: Open digit 0.
    links:
      - page: dataset
        label: Open it
        settings: {view: Single digit, index: 0}
    guess:
      kind: choice
      question: Which one is it?
      options: [1, 7, yes]
      answer: {name: digit_label, split: test, index: 0}
    facts:
      count: {name: digit_count, split: test}
    after: It is {answer}, one of {count}.
"""


def small(**changes: str) -> str:
    text = SMALL
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def parsed(text: str) -> Lesson:
    return parse_lesson(text, "small", "small.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(LessonError) as caught:
        parsed(text)
    return str(caught.value).splitlines()


def test_a_lesson_is_read_and_its_answer_is_measured() -> None:
    lesson = parsed(SMALL)
    step = lesson.steps[0]
    assert lesson.id == "small"
    assert isinstance(step.guess, Choice)
    # YAML's numbers and truths are texts here.
    assert step.guess.options == ("1", "7", "yes")
    assert step.links[0].settings == {"view": "Single digit", "index": "0"}
    assert step.conclusion(Subject()) == "It is 7, one of 1,000."
    assert step.guess.is_right("7", step.guess.answer.fact(Subject()))
    assert not step.guess.is_right("1", step.guess.answer.fact(Subject()))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("minutes: 5", "minutes: five", 4, "minutes: Input should be a valid integer"),
        ("about: What", "abuot: What", 3, "abuot: there is no such field"),
        ("page: dataset", "page: datset", 10, "steps 1, links 1, page: Input should be 'home'"),
        ("index: 0}\n    guess", "indx: 0}\n    guess", 10, "has no setting indx"),
        ("kind: choice", "kind: chioce", 14, "steps 1, guess"),
        ("digit_label, split", "digit_lable, split", 17, "there is no measure 'digit_lable'"),
        ("split: test, index: 0}\n    f", "split: test}\n    f", 17, "has other arguments"),
        ("options: [1, 7, yes]", "options: [7]", 16, "options: Tuple should have at least 2"),
        ("one of {count}", "one of {counts}", 6, "{counts}, which is not among the facts"),
        ("text: Open", "text: There are {count}. Open", 6, "only in the field after"),
        ("id: label", "id: La bel", 6, "small letters, digits and hyphens"),
        ("title: Look", "titles: Look", 7, "titles: there is no such field"),
        ("  - id", "   -id", 7, "this is no YAML"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    told = faults(small(**{old: new}))
    assert any(f"small.yaml, line {line}" in fault and words in fault for fault in told), told


def test_several_faults_are_told_at_once_and_only_the_real_ones() -> None:
    told = faults(small(**{"minutes: 5": "minutes: -5", "kind: choice": "kind: number"}))
    assert len(told) == 2  # the minutes; a number has no options
    assert not any("at least 1 item" in fault for fault in told)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a lesson has title"),
        ("- a\n- b", "a lesson has title"),
        ("a: [1, 2", "line 1: this is no YAML"),
        ("a: 2020-13-45", "this is no YAML"),
        ("a: !!python/object/apply:os.system ['id']", "this is no YAML"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (SMALL.replace("steps:", "run: nobody\nsteps:"), "there is no preset 'nobody'"),
    ],
)
def test_what_is_no_lesson_is_told_so(text: str, words: str) -> None:
    assert words in " ".join(faults(text))


def test_kinds_of_questions_fit_their_measures() -> None:
    number = small(
        **{"kind: choice": "kind: number", "      options: [1, 7, yes]\n": "      near: 2\n"}
    )
    assert "gives a text, not a number" in " ".join(faults(number))
    near = parsed(number.replace("digit_label, split: test, index: 0", "digit_count, split: test"))
    question = near.steps[0].guess
    assert isinstance(question, Number)
    fact = question.answer.fact(Subject())
    assert [question.is_right(guess, fact) for guess in (998, 1002, 997.9)] == [True, True, False]
    cell = CellQuestion.model_validate({"kind": "cell", "question": "?", "answer": "worst_cell"})
    assert cell.is_right((4, 9), Fact((4, 9), "4 read as 9"))
    assert not cell.is_right((9, 4), Fact((4, 9), "4 read as 9"))


def test_two_steps_of_one_id_are_refused() -> None:
    step = SMALL[SMALL.index("  - id") :]
    assert "two steps have the id 'label'" in " ".join(faults(SMALL + step))


@pytest.mark.parametrize("name", [*TUTORIALS, "own-digit", "calibration"])
def test_every_shipped_lesson_can_be_measured(name: str) -> None:
    lesson = find_lesson(name)
    subject = Subject(registry.find_run(lesson.run))
    for step in lesson.steps:
        measured = [each for each in step.measured().values() if not each.of_drawing]
        facts = [each.fact(subject) for each in measured]
        assert all(fact.text for fact in facts)
        if isinstance(step.guess, Choice) and not step.guess.answer.of_drawing:
            fact = step.guess.answer.fact(subject)
            assert fact.text in step.guess.options, (step.id, fact)
        if isinstance(step.guess, Number) and not step.guess.answer.of_drawing:
            value = float(str(step.guess.answer.fact(subject).value))
            assert step.guess.minimum <= value <= step.guess.maximum, step.id


def test_no_lesson_knows_an_answer_before_it_is_measured() -> None:
    for name in TUTORIALS:
        lesson = find_lesson(name)
        for step in lesson.steps:
            if step.guess and step.guess.kind == "number":
                fact = step.guess.answer.fact(Subject(registry.find_run(lesson.run)))
                known = len(fact.text) > 2 and fact.text in step.guess.question
                assert not known, step.id


def test_a_teachers_folder_is_read_too_and_a_broken_lesson_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_LESSONS", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(SMALL)
    (tmp_path / "broken.yaml").write_text("title: x")
    (tmp_path / "latin.yaml").write_bytes(b"title: caf\xe9")
    lessons = {each.id if isinstance(each, Lesson) else each.name: each for each in list_lessons()}
    assert list(lessons)[:6] == [*TUTORIALS, "own-digit"]
    assert isinstance(lessons["mine"], Lesson)
    broken = lessons["broken.yaml"]
    assert isinstance(broken, BrokenLesson)
    assert "line 1: about: this field lacks" in broken.problem
    with pytest.raises(LessonError, match="this field lacks"):
        find_lesson("broken")
    with pytest.raises(LessonError, match="UTF-8"):
        find_lesson("latin")
    with pytest.raises(LessonError, match="no such lesson"):
        find_lesson("nobody")
    (tmp_path / "soorya.yaml").write_text(SMALL)
    assert "comes with the app. Rename the file" in next(
        each.problem
        for each in list_lessons()
        if isinstance(each, BrokenLesson) and each.name == "soorya.yaml"
    )
    assert find_lesson("soorya").run == "soorya"
    (tmp_path / "mine.yaml").write_text("id: soorya\n" + SMALL)
    assert find_lesson("mine").id == "mine"
    (tmp_path / "mine.yaml").write_text(SMALL.replace("A small lesson", "Another"))
    assert find_lesson("mine").title == "Another"


def test_a_file_that_is_too_large_or_gone_is_told(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text(SMALL + "#" * 250_000)
    with pytest.raises(LessonError, match="larger than 200 kB"):
        read_lesson(large)
    with pytest.raises(LessonError, match="cannot be read"):
        read_lesson(tmp_path / "nobody.yaml")


def test_the_example_of_the_documentation_is_a_lesson() -> None:
    text = Path("docs/lessons.md").read_text(encoding="utf-8")
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert parsed(textwrap.dedent(block)).steps


def test_every_tutorials_step_has_its_lesson() -> None:
    """Of `lesson_module`'s shipped lessons: what each tutorial shows its readers."""
    assert {file.stem for file in lesson_module.SHIPPED_LESSONS.glob("*.yaml")} >= {
        *TUTORIALS,
        "own-digit",
    }
    # By tutorial: the views that a step of its table needs.
    wanted = {
        "soorya": {"Statistics", "Single digit", "Network", "Matrix"},
        "yalcin": {"Single digit", "Convolution", "Network", "Matrix"},
        "kundathil": {"Statistics", "Single digit", "Per-class report", "Matrix"},
        "purawr": {"Single digit", "Matrix", "Network"},
        "katariya": {"Single digit", "Convolution", "Augmentation", "Feature maps", "Matrix"},
    }
    for name, views in wanted.items():
        links = [link for step in find_lesson(name).steps for link in step.links]
        opened = {value for link in links for value in link.settings.values()}
        assert views <= opened, name
        assert any(link.settings.get("preset") == name for link in links)
