"""The glossary as a page of the documentation."""

from core.recipes.descriptions import GLOSSARY
from core.utils.glossary import TERMS

_HEAD = """# Glossary

The words of Digitscope, on its pages, on the command line and in its code. The same sentences
stand in the tooltips of the pages. This file is written by `python -m core glossary`.

## Terms

"""
_SETTINGS = """
## Settings of a training

Each is called here as in a recipe's file.

"""


def glossary_page() -> str:
    """The glossary in Markdown: all terms, then all settings of a recipe."""
    terms = sorted(TERMS.items(), key=lambda item: item[0].casefold())
    settings = sorted(GLOSSARY.items())
    return (
        _HEAD
        + "".join(f"- **{term}**: {meaning}\n" for term, meaning in terms)
        + _SETTINGS
        + "".join(f"- `{name}`: {meaning}\n" for name, meaning in settings)
    )
