"""Each lesson, walked from its first step to its last in a real browser."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from core.lessons.lesson import Choice, Lesson, Link, Number, Step, find_lesson
from pages.widgets.shared.navigation import ENTRIES
from tests.browser.accessibility import serious_faults
from tests.browser.app import SLOW_MS, settle, stroke
from tests.browser.arranging import DRAWN
from tests.browser.drawing import expect_answer

pytestmark = pytest.mark.timeout(400)
LESSONS = ["kundathil", "yalcin", "soorya", "purawr", "katariya", "own-digit", "calibration"]
DRAWS = {("own-digit", "draw"), ("yalcin", "app")}
"""Steps that ask for a drawing."""
# What a step may be about: whatever has a name for somebody who hears the page.
_ROLES = (
    "button",
    "radio",
    "link",
    "tab",
    "slider",
    "switch",
    "spinbutton",
    "combobox",
    "heading",
    "grid",
    "group",
    "figure",
    "img",
)


def control(page: Page, name: str) -> Locator:
    """Whatever on the page has this name."""
    main = page.get_by_test_id("stMain")
    named = main.get_by_label(name, exact=True)
    for role in _ROLES:
        named = named.or_(main.get_by_role(role, name=name, exact=True))  # type: ignore[arg-type]
    return named.or_(main.get_by_text(name, exact=True)).filter(visible=True)


visited: set[str] = set()
"""Links that an earlier step of some lesson has opened, with their settings and controls."""


def open_and_come_back(page: Page, lesson: Lesson, step: Step, link: Link) -> None:
    page.get_by_test_id("stMain").get_by_role("link", name=link.label).click()
    heading = page.get_by_role("heading", name=ENTRIES[link.page].title, exact=True)
    expect(heading).to_be_visible(timeout=SLOW_MS)
    settle(page)
    if link.control:
        expect(control(page, link.control).first).to_be_visible(timeout=20_000)
    # A setting of the link that the page does not know is told there.
    expect(page.get_by_text(re.compile("^The link asks for"))).to_have_count(0)
    if (lesson.id, step.id) in DRAWS:
        stroke(page, DRAWN)
        expect_answer(page, 7)
    page.get_by_role("link", name="Back to the lesson").click()
    expect(page.get_by_role("heading", name=step.title)).to_be_visible(timeout=SLOW_MS)
    settle(page)


def guess(page: Page, step: Step) -> None:
    main = page.get_by_test_id("stMain")
    question = step.guess
    if question is None:
        main.get_by_role("button", name="Done", exact=True).click()
        expect(main.get_by_role("button", name="Done", exact=True)).to_have_count(0)
        return
    if isinstance(question, Choice):
        main.get_by_text(question.options[-1], exact=True).last.click()
    elif isinstance(question, Number):
        main.get_by_role("spinbutton").fill("1")
        main.get_by_role("spinbutton").press("Tab")
    else:
        page.get_by_role("gridcell").nth(12).click()
        settle(page)
    main.get_by_role("button", name="Check", exact=True).click()
    expect(main.get_by_text("Measured:")).to_be_visible(timeout=SLOW_MS)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_walked_from_end_to_end(page: Page, address: str, name: str) -> None:
    lesson = find_lesson(name)
    page.goto(f"{address}/lessons")
    page.locator(f".st-key-open-{name}").get_by_role("button").click()
    for number, step in enumerate(lesson.steps, start=1):
        expect(page.get_by_role("heading", name=f"{number}. {step.title}")).to_be_visible()
        settle(page)
        for link in step.links:
            draws = (lesson.id, step.id) in DRAWS
            same = link.model_dump_json(exclude={"label"})
            if draws or same not in visited:
                visited.add(same)
                open_and_come_back(page, lesson, step, link)
        guess(page, step)
        settle(page)
        if step.after:
            # Whatever was to be measured, was.
            expect(page.get_by_test_id("stMain").get_by_text("{")).to_have_count(0)
        if number < len(lesson.steps):
            page.get_by_role("button", name="Next step").click()
    count = len(lesson.steps)
    expect(page.get_by_text(f"{count} of {count} steps done")).to_be_visible()


def test_progress_stays_in_the_browser_and_goes_along_in_a_link(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=purawr&step=image")
    guess(page, find_lesson("purawr").steps[0])
    settle(page)
    page.goto(f"{address}/lessons")
    expect(page.get_by_text("1 of 8 steps done")).to_be_visible(timeout=SLOW_MS)
    page.get_by_text("Move your progress to another device").click()
    link = page.get_by_test_id("stCode").inner_text()
    assert link.startswith(f"{address}/lessons?progress=")
    page.evaluate("localStorage.clear()")
    page.goto(f"{address}/lessons")
    expect(page.get_by_role("button", name="Begin").first).to_be_visible(timeout=SLOW_MS)
    settle(page)
    expect(page.get_by_text("1 of 8 steps done")).to_have_count(0)
    page.goto(link)
    expect(page.get_by_text("1 of 8 steps done")).to_be_visible(timeout=SLOW_MS)


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus says these words."""
    focused = "() => document.activeElement?.innerText ?? ''"
    for _ in range(80):
        page.keyboard.press("Tab")
        if words in page.evaluate(focused):
            return
    raise AssertionError(f"{words!r} cannot be reached by Tab")


def test_a_step_is_taken_by_keyboard_alone(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=kundathil&step=image")
    main = page.get_by_test_id("stMain")
    radios = main.get_by_role("radio")
    expect(radios.first).to_be_visible(timeout=SLOW_MS)
    settle(page)
    tab_to(page, "Open test digit 8")
    for _ in range(10):  # the radio buttons are the next stop
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.type === 'radio'"):
            break
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    tab_to(page, "Check")
    page.keyboard.press("Enter")
    expect(main.get_by_text("Measured:")).to_be_visible(timeout=SLOW_MS)
    settle(page)
    tab_to(page, "Next step")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3. See the raw pixels")).to_be_visible()


def test_a_worksheet_is_downloaded(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=kundathil&step=dataset")
    page.get_by_text("This lesson on paper").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Worksheet", exact=True).click()
    assert download.value.suggested_filename == "kundathil-worksheet.html"
    assert "My guess" in download.value.path().read_text(encoding="utf-8")


def test_list_and_step_are_free_of_serious_faults_and_fit_a_phone(
    phone: Page, address: str
) -> None:
    for query in ("", "?lesson=purawr&step=matrix", "?lesson=kundathil&step=image"):
        phone.goto(f"{address}/lessons{query}")
        phone.locator("h1").first.wait_for(timeout=SLOW_MS)
        settle(phone)
        assert serious_faults(phone) == []
        assert phone.get_by_test_id("stMain").evaluate("node => node.scrollWidth") <= 390
