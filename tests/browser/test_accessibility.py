"""No view has a serious or critical fault by axe-core, in either theme."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import serious_faults
from tests.browser.app import open_at
from tests.browser.arranging import ARRANGED, draw_a_seven, view
from tests.browser.screenshots import path_of

# Scanned at the end of the tests that train: test_train.py, test_experiments.py.
TRAIN = {"train-watch", "train-experiment"}


@pytest.mark.parametrize("key", ["home", "dataset", "confusion", "filters", "train"])
def test_every_view_is_free_of_serious_faults(page: Page, address: str, key: str) -> None:
    open_at(page, address + path_of(key))
    faults = {key: serious_faults(page)}
    for name, arrange in ARRANGED.get(key, {}).items():
        if name not in TRAIN:
            arrange(page)
            faults[name] = serious_faults(page)
    assert {name: lines for name, lines in faults.items() if lines} == {}


def test_a_drawing_and_what_is_said_of_it_are_free_of_serious_faults(
    page: Page, address: str
) -> None:
    open_at(page, address + path_of("predict"))
    draw_a_seven(page)
    faults = {"answer": serious_faults(page)}
    for name in ("Preprocessing", "Explanation", "Counterfactuals", "My digits"):
        view(name)(page)
        page.wait_for_timeout(1000)  # several fragments, one after the other
        faults[name] = serious_faults(page)
    assert {name: lines for name, lines in faults.items() if lines} == {}


def test_pictures_that_were_uploaded_are_free_of_serious_faults(page: Page, address: str) -> None:
    open_at(page, address + path_of("predict"))
    ARRANGED["predict"]["predict-page"](page)
    assert serious_faults(page) == []


def test_a_fault_is_found(page: Page, address: str) -> None:
    open_at(page, address)
    page.evaluate("() => document.querySelector('[data-testid=stMain] p').style.color = '#bbb'")
    faults = serious_faults(page)
    expect(page.locator("h1")).to_be_visible()
    assert any(fault.startswith("light: color-contrast") for fault in faults)
