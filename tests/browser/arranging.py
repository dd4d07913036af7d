"""What is done on a page before it is photographed: views chosen, digits drawn, a training run."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Page, expect

from core.data import mnist
from core.experiments.links import plan_to_link
from core.experiments.plan import make_factor, make_plan
from core.recipes.architecture import Architecture, Conv, Dense, Flatten, Pool
from core.recipes.recipe import Recipe
from tests.browser.app import SLOW_MS, Point, drawing_area, settle, stroke
from tests.browser.drawing import ONE, SEVEN, ZERO, widen

INK = "#1d2f6f"
DRAWN: Sequence[Point] = ((70, 62), (120, 58), (200, 62), (165, 130), (135, 185), (118, 232))

Arrange = Callable[[Page], None]


def draw_a_seven(page: Page) -> None:
    """A 7 in one stroke, and its answer awaited."""
    drawing_area(page)
    stroke(page, DRAWN)
    expect(page.get_by_test_id("stMetricValue")).to_have_text("7", timeout=SLOW_MS)


def upload_a_five(page: Page) -> None:
    """A picture file with a 5 in it, and its answer awaited."""
    _upload(page, "five.png", png_of_a_five())
    expect(page.get_by_test_id("stMetricValue")).to_have_text("5", timeout=SLOW_MS)


def _upload(page: Page, name: str, png: bytes) -> None:
    page.get_by_text("Upload", exact=True).click()
    file: FilePayload = {"name": name, "mimeType": "image/png", "buffer": png}
    page.locator("input[type=file]").set_input_files(file)


def png_of_a_five() -> bytes:
    """Blue ink on squared paper in an uneven light, drawn by code."""
    picture = Image.new("RGB", (420, 320), "#f4f1e6")
    brush = ImageDraw.Draw(picture)
    for x in range(0, 420, 28):
        brush.line([(x, 0), (x, 320)], fill="#e6e6e0")
    for y in range(0, 320, 28):
        brush.line([(0, y), (420, y)], fill="#e6e6e0")
    brush.line([(270, 70), (190, 72), (182, 146)], fill=INK, width=15, joint="curve")
    brush.arc((150, 128, 262, 250), start=245, end=510, fill=INK, width=15)
    return _in_uneven_light(picture)


def _in_uneven_light(picture: Image.Image) -> bytes:
    """The picture as a PNG file, darker to one side."""
    shade = Image.linear_gradient("L").rotate(90).resize(picture.size)
    picture = Image.composite(picture, picture.point(lambda value: int(value * 0.86)), shade)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def draw_a_number(page: Page) -> None:
    """1, 7 and 0 side by side on the wide sheet."""
    widen(page)
    drawing_area(page)
    scale = drawing_area(page).evaluate("node => node.clientWidth") / 560
    for digit, left in ((ONE, 60), (SEVEN, 190), (ZERO, 370)):
        stroke(page, [((left + 130 * x) * scale, (60 + 150 * y) * scale) for x, y in digit])
        settle(page)
    expect(page.get_by_test_id("stMain").get_by_text("170", exact=True)).to_be_visible(
        timeout=SLOW_MS
    )


def upload_a_page(page: Page) -> None:
    """A page with two lines of numbers, written with the sample's digits."""
    _upload(page, "page.png", png_of_a_page())
    expect(page.get_by_role("group", name="Digits found", exact=True)).to_be_visible(
        timeout=SLOW_MS
    )


def png_of_a_page() -> bytes:
    """Digits of the sample in blue ink on lined paper in an uneven light."""
    test = mnist.load("mnist-sample").test
    picture = Image.new("RGB", (640, 360), "#f6f3ea")
    brush = ImageDraw.Draw(picture)
    for y in range(60, 360, 60):
        brush.line([(0, y), (640, y)], fill="#c9d6e8", width=2)
    for text, y in (("1959  27", 40), ("30  4168", 210)):
        for k, name in enumerate(text):
            if name == " ":
                continue
            index = int(np.flatnonzero(test.labels == int(name))[7 + k])
            ink = Image.fromarray(test.images[index]).resize((100, 100), Image.Resampling.BICUBIC)
            picture.paste(INK, (20 + 72 * k, y), ink)
    return _in_uneven_light(picture)


def after_a_seven(arrange: Arrange) -> Arrange:
    """Something that is done once a 7 is drawn."""

    def both(page: Page) -> None:
        draw_a_seven(page)
        arrange(page)
        page.wait_for_timeout(2000)  # several fragments, one after the other
        settle(page)

    return both


def mine(page: Page) -> None:
    """The drawn digit said to be right, and the collection that it is in."""
    page.get_by_role("button", name="Right", exact=True).click()
    settle(page)
    view("My digits")(page)


def train_and_watch(page: Page) -> None:
    """Train the default recipe to its end."""
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("What next?").wait_for()


def an_experiment(page: Page) -> None:
    """A grid of settings, trained with several seeds to its end."""
    layers = (Conv(filters=8), Pool(), Flatten(), Dense(units=10, activation="softmax"))
    recipe = Recipe(
        architecture=Architecture(layers=layers), epochs=2, batch_size=64, validation_split=0.1
    )
    rates = make_factor("optimizer.learning_rate", [0.0005, 0.005])
    plan = make_plan(recipe, [rates, make_factor("batch_size", [32, 128])], seeds=3)
    page.goto(f"{page.url.partition('?')[0]}?plan={plan_to_link(plan)}")
    page.get_by_label("Name", exact=True).fill("Learning rate and batch size")
    page.get_by_role("button", name="Start the experiment").click()
    page.get_by_text("= 12 trainings · finished").wait_for(timeout=10 * SLOW_MS)


def all_runs(page: Page) -> None:
    """The list of runs."""
    page.get_by_text("All runs", exact=True).click()
    page.get_by_test_id("stDataFrame").wait_for()


def everything(page: Page) -> None:
    """The settings with every knob."""
    page.get_by_text("Everything", exact=True).click()
    page.get_by_role("tab", name="Network").wait_for()


def view(name: str) -> Arrange:
    """A view of a page that has several."""

    def choose(page: Page) -> None:
        page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()
        settle(page)

    return choose


def dream(page: Page) -> None:
    """Dreams of the ten digits."""
    view("Feature visualization")(page)
    asks = page.get_by_role("button", name="Visualize the ten digits")
    dreamt = page.get_by_alt_text("responds to most for").first
    expect(asks.or_(dreamt)).to_be_visible(timeout=SLOW_MS)
    if asks.count():  # the first visitor of a server
        asks.click()
    dreamt.wait_for(timeout=SLOW_MS)


def a_lesson(page: Page) -> None:
    """A step of a lesson whose question is answered."""
    page.goto(f"{page.url.partition('?')[0]}?lesson=purawr&step=image")
    page.get_by_test_id("stMain").get_by_text("6", exact=True).last.click()
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("Measured:").wait_for()


# What is done on a page before it is photographed once more, under a name of its own.
ARRANGED: dict[str, dict[str, Arrange]] = {
    "lessons": {"lessons-step": a_lesson},
    "dataset": {
        "dataset-browse": view("Browse"),
        "dataset-digit": view("Single digit"),
        "dataset-kernel": view("Convolution"),
        "dataset-augmentation": view("Augmentation"),
        "dataset-map": view("Embedding"),
        "dataset-label-issues": view("Label issues"),
    },
    "confusion": {
        "confusion-report": view("Per-class report"),
        "confusion-calibration": view("Calibration"),
        "confusion-robustness": view("Robustness"),
        "confusion-dynamics": view("Training dynamics"),
        "confusion-slices": view("Slices"),
        "confusion-download": view("Download"),
    },
    "filters": {
        "filters-kernels": view("Kernels"),
        "filters-maps": view("Feature maps"),
        "filters-dynamics": view("Training dynamics"),
        "filters-attribution": view("Attribution"),
        "filters-visualization": dream,
        "filters-embedding": view("Embedding"),
        "filters-detector": view("Digit detector"),
    },
    "train": {
        "train-everything": everything,
        "train-watch": train_and_watch,
        "train-runs": all_runs,
        "train-experiment": an_experiment,
    },
    "predict": {
        "predict-answer": draw_a_seven,
        "predict-upload": upload_a_five,
        "predict-number": draw_a_number,
        "predict-page": upload_a_page,
        "predict-steps": after_a_seven(view("Preprocessing")),
        "predict-why": after_a_seven(view("Explanation")),
        "predict-flips": after_a_seven(view("Counterfactuals")),
        "predict-mine": after_a_seven(mine),
    },
}
