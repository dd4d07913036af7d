"""Files that a visitor takes away: they come, whoever else looks at the app meanwhile."""

import io
import zipfile

from playwright.sync_api import BrowserContext, Download, Page

from tests.browser.app import DIRECT, SLOW_MS, settle


def downloaded(page: Page, button: str) -> Download:
    with page.expect_download(timeout=SLOW_MS) as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    return waiting.value


def take_code(page: Page, address: str) -> Download:
    """The training page's script, with the settings of the preset `purawr`."""
    page.goto(f"{address}/train?preset=purawr")
    page.get_by_text("Export as code").click()
    return downloaded(page, "Python script")


def take_run(page: Page, address: str) -> Download:
    """The zip of the first run in the list."""
    page.goto(f"{address}/train")
    page.get_by_text("All runs", exact=True).click()
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    settle(page)
    table.click(position={"x": 16, "y": 52})
    return downloaded(page, "Download")


def look(visitors: BrowserContext, address: str) -> None:
    """Come and go, as a visitor who reads a page and leaves."""
    page = visitors.new_page()
    page.goto(address)
    page.locator("h1").first.wait_for()
    settle(page)
    page.close()


def fetch(url: str) -> bytes:
    with DIRECT.open(url) as answer:
        content: bytes = answer.read()
    return content


def test_files_are_taken_away_and_other_visitors_do_not_sweep_them_away(
    page: Page, profile: BrowserContext, address: str
) -> None:
    code, run = take_code(page, address), take_run(profile.new_page(), address)
    assert code.suggested_filename == "train.py"
    script = code.path().read_text(encoding="utf-8")
    compile(script, "train.py", "exec")
    assert "Dense(50" in script
    assert "report.md" in zipfile.ZipFile(io.BytesIO(run.path().read_bytes())).namelist()
    # A slow line: the browser asks for the files only when others have come and gone.
    for _ in range(3):
        look(profile, address)
    for file in (code, run):
        assert fetch(file.url) == file.path().read_bytes()
