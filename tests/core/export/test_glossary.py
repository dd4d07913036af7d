"""The glossary: one source for tooltips and documentation."""

from pathlib import Path

from core.export.glossary import glossary_page
from core.recipes.descriptions import GLOSSARY
from core.utils.glossary import TERMS
from pages.widgets.confusion.choices import QUESTIONS as CONFUSION
from pages.widgets.filters.choices import QUESTIONS as FILTERS
from pages.widgets.shared.digit_choice import QUESTIONS as DATASET


def test_the_documentation_is_what_the_source_says() -> None:
    assert Path("docs/glossary.md").read_text(encoding="utf-8") == glossary_page()


def test_it_holds_every_term_and_every_setting() -> None:
    page = glossary_page()
    for term, meaning in TERMS.items():
        assert f"- **{term}**: {meaning}\n" in page
    for name, meaning in GLOSSARY.items():
        assert f"- `{name}`: {meaning}\n" in page


def test_meanings_are_short_sentences() -> None:
    for term, meaning in TERMS.items():
        assert meaning.endswith("."), term
        assert len(meaning) < 200, term


def test_views_that_bear_a_term_are_explained() -> None:
    terms = {term.casefold() for term in TERMS}
    views = [*DATASET, *CONFUSION, *FILTERS]
    plain = {"Statistics", "Browse", "Single digit", "Matrix", "Network", "Adversarial"}
    for view in set(views) - plain:
        word = view.casefold()
        assert word in terms or word.removesuffix("s") in terms, view
