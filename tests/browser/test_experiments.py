"""An experiment as a visitor makes it: started from a link, watched to its end, taken away."""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.experiments.links import plan_to_link
from core.experiments.plan import make_factor, make_plan
from tests.browser.accessibility import serious_faults
from tests.browser.app import settle
from tests.conftest import dense_recipe
from tests.helpers.made_experiments import RATES, experiment, finish


@pytest.fixture
def no_experiment_left(own_runs: Path) -> Iterator[None]:
    """Other tests share the server: it has no more runs than before."""
    yield
    for folder in [*own_runs.glob("experiment-*"), own_runs / ".experiments"]:
        shutil.rmtree(folder)


@pytest.mark.usefixtures("no_experiment_left")
def test_an_experiment_runs_to_its_end_while_it_is_watched(page: Page, address: str) -> None:
    plan = make_plan(dense_recipe(validation_split=0.1), [RATES], seeds=1)
    page.goto(f"{address}/train?plan={plan_to_link(plan)}")
    expect(page.get_by_text("2 combinations × 1 seed = 2 trainings")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Which rate?")
    page.get_by_role("button", name="Start the experiment").click()
    expect(page.get_by_role("heading", name="Which rate?")).to_be_visible()
    expect(page).to_have_url(re.compile("experiment=experiment-[0-9-]+$"))
    # Nobody touches the page, and its figures come by themselves.
    expect(page.get_by_text("2 combinations × 1 seed = 2 trainings · finished")).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    assert serious_faults(page) == []
    # While a page is drawn again, its lower part is still the one before, with its file.
    page.reload()
    page.get_by_text("All 2 trainings").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Results as CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [row["optimizer.learning_rate"] for row in rows] == ["0.001", "0.01"]
    assert all(0.5 < float(row["test_accuracy"]) < 1 for row in rows)
    # The link alone shows it to somebody else, who cannot change it.
    link = page.url
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_role("heading", name="Which rate?")).to_be_visible()
    settle(page)
    expect(page.get_by_role("button", name="More seeds")).to_have_count(0)


@pytest.mark.usefixtures("no_experiment_left")
def test_a_click_on_a_cell_of_the_map_lists_its_runs(
    page: Page, address: str, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(own_runs))
    recipe = dense_recipe(validation_split=0.1)
    made = experiment(make_plan(recipe, [RATES, make_factor("epochs", [2, 3])], seeds=1))
    for number in range(4):
        made = finish(made, number, 20 + number)
    page.goto(f"{address}/train?experiment={made.id}")
    expect(page.get_by_text("Click on a cell to list its runs.")).to_be_visible()
    settle(page)
    # The second row's second cell: learning rate 0.01, 3 epochs.
    cell = page.locator(".st-key-experiment-grid .scatterlayer .point").nth(3)
    cell.click(force=True)
    expect(page.get_by_text("Click on a cell to list its runs.")).to_have_count(0)
    expect(page.locator("strong", has_text="Learning rate 0.01, Epochs 3")).to_be_visible()
