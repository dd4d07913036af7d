"""The documentation names what there is: settings with their real defaults, commands, modules."""

import re
from pathlib import Path

import pytest
import typer

from core.cli.app import app
from core.runs.permissions import Limits, limits

pytestmark = pytest.mark.offline

ROOT = Path(__file__).resolve().parent.parent
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for line in TRAINING.splitlines()
    if (cells := re.findall(r"\| `([^`|]*)` (?=\|)", line))
}
SETTINGS = [str(field.alias) for field in Limits.model_fields.values()]
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{file.name}" for file in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("name", [*SETTINGS, "DIGITSCOPE_RUNS", "MNIST_NPZ"])
def test_every_environment_variable_is_in_a_table(name: str) -> None:
    assert f"\n| `{name}` |" in TRAINING


@pytest.mark.parametrize(("column", "public"), [(0, "0"), (1, "1")])
def test_the_defaults_in_the_table_are_those_of_a_server(
    column: int, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", public)
    real = limits()
    for name in SETTINGS:
        monkeypatch.setenv(name, ROWS[name][column])
    assert limits() == real


def test_the_documentation_shows_every_command() -> None:
    commands = set(typer.main.get_command(app).commands)
    shown = set(
        re.findall(r"^python -m core ([a-z-]+)", _text("docs/command-line.md"), re.MULTILINE)
    )
    assert "continue" in commands
    assert shown == commands


def test_every_package_has_its_place_in_the_house() -> None:
    packages = {folder.parent.name for folder in (ROOT / "core").glob("*/__init__.py")}
    assert "recipes" in packages
    table = _text("docs/architecture.md").split("## The packages", 1)[1].split("\n\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(packages)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(name: str) -> None:
    source = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", source.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = source.parent / path if path else source
        assert linked.exists(), f"{source.name} links to {target}"
        if heading:
            assert heading in _anchors(linked), f"{source.name} links to {target}"


def test_git_holds_only_pictures_that_are_shown_and_few_and_light_ones() -> None:
    shown = {
        (ROOT / name).parent / target
        for name in PAGES
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+\.(?:png|gif))\)", _text(name))
    }
    pictures = set((ROOT / "docs" / "screenshots").iterdir())
    assert pictures == shown
    assert len(pictures) <= 12
    films = {file for file in pictures if file.suffix == ".gif"}
    assert {file.name for file in pictures - films if file.stat().st_size > 150_000} == set()
    assert {file.name for file in films if file.stat().st_size > 1_000_000} == set()


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _anchors(file: Path) -> set[str]:
    """The names that GitHub gives to headings: small letters, words joined by dashes."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
