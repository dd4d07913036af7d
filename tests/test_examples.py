"""The examples in the docstrings of core: each line after `>>>` gives what stands below it."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "core").rglob("*.py"))
    if ">>>" in file.read_text()
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_say(module: str):
    result = doctest.testmod(import_module(module))
    assert result.failed == 0, "the output above says which example"
    assert result.attempted > 0, "no docstring that doctest reads holds the example"
