"""What axe-core finds wrong with a page for people who see, hear or move differently."""

from importlib.resources import files
from typing import Any, Final

from playwright.sync_api import Page

from tests.browser.app import settle

_AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
_SERIOUS: Final = frozenset({"serious", "critical"})
# Streamlit's sign that a script runs comes and goes, and fades as it does.
_CONTEXT: Final = "{ exclude: [['[data-testid=stStatusWidget]']] }"
_THEMES: Final = {
    "light": f"() => axe.run({_CONTEXT}, {{ resultTypes: ['violations'] }})",
    # The theme changes colors and nothing else.
    "dark": f"() => axe.run({_CONTEXT}, "
    "{ resultTypes: ['violations'], runOnly: ['color-contrast'] })",
}
"""What is run in each theme."""


def serious_faults(page: Page) -> list[str]:
    """The serious and critical faults of a page as it is now, in the light and the dark theme.

    Returns:
        A line for each faulty element: theme, axe's rule, the element.
    """
    faults: list[str] = []
    for frame in page.frames:
        frame.evaluate(_AXE)
    for theme, script in _THEMES.items():
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.wait_for_timeout(200)  # transitions of colors
        settle(page)
        faults += [f"{theme}: {fault}" for fault in _faults(page, script)]
    page.emulate_media(color_scheme="light")
    return faults


def _faults(page: Page, script: str) -> list[str]:
    violations: list[dict[str, Any]] = page.evaluate(script)["violations"]
    return [
        f"{violation['id']} in {node['html'][:160]}"
        for violation in violations
        if violation["impact"] in _SERIOUS
        for node in violation["nodes"]
    ]
