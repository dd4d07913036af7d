"""A lesson on paper."""

from html.parser import HTMLParser

from core.export.worksheet import worksheet
from core.lessons.lesson import find_lesson, parse_lesson

LESSON = find_lesson("kundathil")


class Page(HTMLParser):
    """The texts of a page by their tag, and the tags that were opened."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_step_stands_there_with_room_for_guesses() -> None:
    page = Page(worksheet(LESSON))
    words = " ".join(page.words)
    for number, step in enumerate(LESSON.steps, start=1):
        assert f"{number}. {step.title}" in words
        if step.guess:
            assert step.guess.question.replace("`", "") in words
    asked = sum(step.guess is not None for step in LESSON.steps)
    assert words.count("My guess") == words.count("Measured: ") == asked
    assert "Dataset: Open the statistics" in words
    assert "script" not in page.tags


def test_with_answers_each_answer_stands_at_its_step() -> None:
    answers = {step.id: f"**{step.id}** was measured" for step in LESSON.steps}
    words = " ".join(Page(worksheet(LESSON, answers)).words)
    assert "My guess" not in words
    assert words.count("was measured") == len(LESSON.steps)


def test_what_a_teacher_writes_cannot_become_code() -> None:
    lesson = parse_lesson(
        "title: <script>1</script>\nabout: <img src=x onerror=1>\nminutes: 1\nsteps:\n"
        "  - {id: a, title: <b>, text: '<script>2</script>'}\n",
        "x",
        "x.yaml",
    )
    page = Page(worksheet(lesson))
    assert {"script", "img", "b"}.isdisjoint(page.tags)
