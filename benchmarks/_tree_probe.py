"""What `same_as_before` asks inside a process of the tree that it looks at.

Run by path, with that tree as PYTHONPATH, never imported. What it calls, it looks up by name in the
source of the tree: modules may have moved.

    python -P _tree_probe.py export FOLDER       each shipped run, as it is taken away, into FOLDER
    python -P _tree_probe.py pages < LINKS       open links of the app, print what they show as JSON
    python -P _tree_probe.py submit < RECIPE     put a training into the queue, print its folder
    python -P _tree_probe.py link < RECIPE       print the recipe as the text of a link
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

TREE: Final = Path(os.environ["PYTHONPATH"])
TEXTS: Final = (
    *("title", "header", "subheader", "markdown", "caption"),
    *("error", "exception", "warning", "info"),
)
LONG: Final = 300
"""Characters; of a longer text (pictures, tables as HTML) the SHA-256 is kept."""


def defined(*names: str, package: str = "core") -> Any:
    """The function or class of that name, wherever it lies; names that it had before come last.

    Raises LookupError unless just one module defines it.
    """
    sources = {file: _definitions(file) for file in (TREE / package).rglob("*.py")}
    for name in names:
        files = [file for file, defines in sources.items() if name in defines]
        if len(files) == 1:
            module = ".".join(files[0].relative_to(TREE).with_suffix("").parts)
            return getattr(import_module(module), name)
    raise LookupError(f"{TREE / package} has no one module that defines {' or '.join(names)}")


def _definitions(file: Path) -> set[str]:
    # Helpers of the tests have names of their own; the tests themselves may define anything.
    if file.name.startswith("test_"):
        return set()
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(file.read_bytes()).body if isinstance(node, kinds)}


def export(folder: Path) -> None:
    """Write each shipped run as the visitor downloads it: a folder a run."""
    bundle = defined("export_bundle", "bundle")
    for run in defined("list_shipped")():
        place = folder / run.id
        place.mkdir(parents=True)
        for name, content in bundle(run).items():
            (place / name).write_bytes(content)


def pages(links: Iterable[str]) -> None:
    """Open each link in a session of its own, and print what the page shows."""
    from streamlit.testing.v1 import AppTest

    shown = {}
    with defined("navigation_remembered", package="tests")():
        for link in links:
            address = urlsplit(link)
            app = AppTest.from_file(str(TREE / "app.py"), default_timeout=300)
            app.run()
            if address.path.strip("/"):
                # By its address, as a browser would; `switch_page` goes by the page's file.
                known = app._registered_pages.items()  # noqa: SLF001
                hashes = {page.get("url_pathname"): number for number, page in known}
                app._page_hash = hashes[address.path.strip("/")]  # noqa: SLF001
            for key, values in parse_qs(address.query).items():
                app.query_params[key] = values
            app.run()
            shown[link] = {kind: [_text(element) for element in app.get(kind)] for kind in TEXTS}
            shown[link]["labels"] = list(_labels(app.main))
    print(json.dumps(shown))


def _text(element: Any) -> str:
    text = str(getattr(element, "value", element))
    return text if len(text) <= LONG else hashlib.sha256(text.encode()).hexdigest()


def _labels(block: Any) -> Iterator[str]:
    """Kind and label of each thing that has one, in the order of the page."""
    for child in block.children.values():
        label = getattr(child, "label", "")
        if label and isinstance(label, str):
            yield f"{child.type}: {label}"
        if hasattr(child, "children"):
            yield from _labels(child)


def submit(text: str) -> None:
    """Put a training into the queue, as a visitor does; print its folder."""
    run = defined("submit")(defined("Recipe").from_json(text), token="a visitor")  # noqa: S106
    print(run.folder)


def link(text: str) -> None:
    """Print the recipe as the page's address holds it."""
    print(defined("recipe_to_link", "to_link")(defined("Recipe").from_json(text)))


def main() -> None:
    """Do the one thing that is asked."""
    asked = sys.argv[1]
    if asked == "export":
        export(Path(sys.argv[2]))
    elif asked == "pages":
        pages(sys.stdin.read().split())
    else:
        {"submit": submit, "link": link}[asked](sys.stdin.read())


if __name__ == "__main__":
    main()
