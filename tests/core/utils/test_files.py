"""Files that other programs open."""

import pytest

from core.utils.files import without_formulas


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_takes_for_a_formula_is_quoted(start: str) -> None:
    """The list is that of OWASP's page on CSV injection."""
    assert without_formulas(f"{start}cmd.png") == f"'{start}cmd.png"


@pytest.mark.parametrize("text", ["", "seven.png", "1+1.png", "a=b", " - "])
def test_any_other_text_is_kept(text: str) -> None:
    assert without_formulas(text) == text
