"""The confusions page in a real browser: clicks on the matrix, two runs, files, epochs, stress."""

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Download, Page, expect
from sklearn.metrics import confusion_matrix

from core.data import mnist
from core.runs import registry
from tests.browser.app import SLOW_MS, settle, too_wide

pytestmark = pytest.mark.timeout(180)
SAMPLE = "mnist-sample"
TEST = mnist.load(SAMPLE).test
VIEWS = [
    "Matrix",
    "Per-class report",
    "Calibration",
    "Robustness",
    "Training dynamics",
    "Slices",
    "Download",
]


def open_page(page: Page, address: str, query: str) -> None:
    page.goto(f"{address}/confusion?digits={SAMPLE}&{query}")
    page.locator("h1").first.wait_for(timeout=SLOW_MS)
    settle(page)


def read_by(run: str) -> np.ndarray:
    predictions = registry.find_run(run).predictions(SAMPLE)
    assert predictions
    return predictions.probabilities.argmax(axis=1)


def test_rows_columns_arrow_keys_and_a_click_on_a_number_show_the_digits_behind(
    page: Page, address: str
) -> None:
    open_page(page, address, "run=purawr")
    page.get_by_role("button", name="all digits labeled 9").click()
    expect(page.get_by_role("heading", name="Label 9")).to_be_visible()
    page.locator('[data-place="[9,9]"]').focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator('[data-place="[8,9]"]')).to_be_focused()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="all digits read as 9")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Read as 9")).to_be_visible()
    expect(page.get_by_role("button", name="all digits read as 9")).to_be_focused()
    read = read_by("purawr")
    counts = confusion_matrix(TEST.labels, read)
    np.fill_diagonal(counts, 0)
    truth, answer = (int(k) for k in np.unravel_index(counts.argmax(), counts.shape))
    inside = np.flatnonzero((TEST.labels == truth) & (read == answer))
    page.get_by_role("button", name=f"{len(inside)} of 100", exact=False).and_(
        page.locator(f'[data-place="[{truth},{answer}]"]')
    ).click()
    for index in inside:
        name = f"Number {index}, label {truth}, read as {answer}"
        expect(page.get_by_role("button", name=name)).to_be_visible()
    grid = page.get_by_role("button", name=re.compile(r"^Number \d+, label"))
    expect(grid).to_have_count(len(inside))
    expect(page).to_have_url(re.compile(f"cell={truth}-{answer}(&|$)"))
    grid.first.click()
    expect(page.get_by_text(re.compile(rf"purawr reads {answer} .*wrong"))).to_be_visible()
    settle(page)  # the link moves while what stands above it is drawn
    page.get_by_role("link", name="Its numbers and neighbors").click()
    expect(page.get_by_role("heading", name="Dataset", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(rf"of the test digits, label {truth}"))).to_be_visible()


def test_two_runs_are_compared(page: Page, address: str) -> None:
    open_page(page, address, "run=best")
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="purawr").click()
    ours, theirs = (read_by(run) == TEST.labels for run in ("best", "purawr"))
    fixed, broken = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    expect(page.get_by_role("radio", name=f"fixed ({fixed})")).to_be_visible()
    expect(page.get_by_text("McNemar's exact test")).to_be_visible()
    expect(page).to_have_url(re.compile("with=purawr"))
    page.get_by_text(f"broken ({broken})").click()
    expect(page.get_by_text("On these, purawr is right, best wrong.")).to_be_visible()


def downloaded(page: Page, name: str) -> Download:
    with page.expect_download(timeout=SLOW_MS) as download:
        page.get_by_role("button", name=name).click()
    return download.value


def test_files_are_taken_away(page: Page, address: str, tmp_path: Path) -> None:
    open_page(page, address, "run=purawr&explore=Download")
    wrong = int((read_by("purawr") != TEST.labels).sum())
    predictions = downloaded(page, "Predictions (CSV)")
    assert predictions.suggested_filename == "purawr-mnist-sample-predictions.csv"
    predictions.save_as(tmp_path / "predictions.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "predictions.csv").read_text())))
    assert [int(row["predicted"]) for row in rows] == read_by("purawr").tolist()
    downloaded(page, "Wrong digits (zip)").save_as(tmp_path / "wrong.zip")
    with zipfile.ZipFile(tmp_path / "wrong.zip") as archive:
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == wrong
    downloaded(page, "Matrix (PNG)").save_as(tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")
    # The page that was taken away draws its matrix without the app and without a network.
    downloaded(page, "Matrix (HTML)").save_as(tmp_path / "matrix.html")
    page.context.set_offline(True)
    page.goto((tmp_path / "matrix.html").as_uri())
    expect(page.get_by_role("table", name=re.compile("purawr"))).to_be_visible()


def test_a_stress_is_measured_while_the_slider_moves(page: Page, address: str) -> None:
    open_page(page, address, "run=purawr&explore=Robustness")
    said = page.get_by_text(re.compile(r"purawr: \d+ wrong of 1,000"))
    expect(said).to_be_visible(timeout=SLOW_MS)
    before = said.inner_text()
    slider = page.get_by_role("slider", name="Shift right")
    for _ in range(3):
        slider.press("ArrowRight")
    expect(said).not_to_have_text(before, timeout=SLOW_MS)
    expect(
        page.get_by_alt_text(re.compile("before|changed|as they are", re.I)).first
    ).to_be_visible()


def test_the_epoch_moves_the_matrix_and_the_link(page: Page, address: str) -> None:
    open_page(page, address, "run=yalcin&explore=Training+dynamics&epoch=10")
    expect(page.get_by_text("yalcin (epoch 10) misreads")).to_be_visible()
    page.get_by_role("button", name="Earlier").click()
    expect(page.get_by_text("yalcin (epoch 9) misreads")).to_be_visible()
    expect(page).to_have_url(re.compile("epoch=9(&|$)"))
    slider = page.get_by_role("slider", name="At epoch")
    slider.press("ArrowLeft")
    expect(page.get_by_text("yalcin (epoch 1) misreads")).to_be_visible()
    expect(page).to_have_url(re.compile("epoch=1(&|$)"))


def test_nothing_is_wider_than_a_phone(phone: Page, address: str) -> None:
    open_page(phone, address, "run=purawr&cell=9-4")
    assert too_wide(phone, VIEWS) == []
