"""An ensemble as a visitor makes it: rows are ticked, the average is shown, a member is opened."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.app import SLOW_MS, settle

ROW_PX = 35


@pytest.fixture
def no_ensemble_left(own_runs: Path) -> Iterator[None]:
    """Other tests share the server: it has no more runs than before."""
    yield
    for folder in own_runs.glob("ensemble-*"):
        shutil.rmtree(folder)


@pytest.mark.usefixtures("no_ensemble_left")
def test_ticked_runs_are_averaged_and_looked_into(page: Page, address: str) -> None:
    page.goto(f"{address}/train")
    page.get_by_text("All runs", exact=True).click()
    page.get_by_role("radio", name="Shipped").click()
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    settle(page)
    for row in range(2):
        table.click(position={"x": 16, "y": 1.5 * ROW_PX + row * ROW_PX})
        settle(page)
    page.get_by_role("button", name="Make an ensemble of these 2").click()
    expect(
        page.get_by_text(re.compile("An ensemble of .*, .*: [0-9,]+ parameters together"))
    ).to_be_visible()
    expect(page.get_by_text("the members have").first).to_be_visible()
    expect(page).to_have_url(re.compile("training=ensemble-"))
    page.get_by_role("link", name="Open its feature maps").click()
    member = page.get_by_role("combobox", name=re.compile("Member"))
    expect(member).to_be_visible(timeout=SLOW_MS)
    first = member.input_value()
    expect(page.get_by_text(re.compile(f"{first} reads")).first).to_be_visible(timeout=SLOW_MS)
