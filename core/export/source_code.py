"""Copy definitions from Digitscope's own source into exported scripts, so that both do the same.

The files are parsed, not imported: some of them would load TensorFlow, which takes seconds.
"""

import ast
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from core import ROOT

_DEFINITION = (ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Section:
    """A part of the exported code.

    Attributes:
        title: its heading.
        text: what it does, in Markdown, as one paragraph.
        code: definitions, which need those of the sections before.
        steps: what uses them: a cell of its own in the notebook, lines of `main` in the script.
            `{epochs}` and `{weights}` stand for what the two take from different places.
    """

    title: str
    text: str
    code: str
    steps: str = ""


@dataclass(frozen=True)
class _Piece:
    """A definition at the top level of a module.

    Attributes:
        name: the function, class or constant.
        text: its source, with the comment right above it.
        needs: all names in it.
    """

    name: str
    text: str
    needs: frozenset[str]


@dataclass(frozen=True)
class _Module:
    """A parsed module.

    Attributes:
        pieces: its definitions by name, in their order.
        origin: the module of core that each imported name comes from.
    """

    pieces: dict[str, _Piece]
    origin: dict[str, str]


def required_definitions(roots: Iterable[tuple[str, str]], given: Iterable[str] = ()) -> list[str]:
    """Collect functions and constants with all definitions that they need.

    Args:
        roots: (module of core, name) of each wanted function or constant.
        given: names that the exported code defines itself; they are not looked up.

    Returns:
        The source of each definition, after those that it needs.

    Raises:
        ValueError: two modules define the same name, so that one file cannot hold both.
        KeyError: a root is not defined in its module.
    """
    pieces_by_module: dict[str, dict[str, _Piece]] = {}
    owner = dict.fromkeys(given, "")

    def take(module: str, name: str) -> None:
        source = _read(module)
        if name in source.origin and name not in source.pieces:
            take(source.origin[name], name)
            return
        if owner.setdefault(name, module) != module:
            if owner[name] == "":
                return
            raise ValueError(f"{name} is defined in core.{owner[name]} and in core.{module}")
        pieces = pieces_by_module.setdefault(module, {})
        if name not in pieces:
            pieces[name] = source.pieces[name]
            for other in sorted(
                source.pieces[name].needs & (set(source.pieces) | set(source.origin))
            ):
                take(module, other)

    for module, name in roots:
        take(module, name)
    order = _lowest_first(pieces_by_module)
    return [
        piece.text
        for module in order
        for name, piece in _read(module).pieces.items()
        if name in pieces_by_module[module]
    ]


def dataclass_source(part: BaseModel, methods: Sequence[str] = ()) -> str:
    """Write a part of a recipe as a frozen dataclass whose defaults are the part's values.

    Args:
        part: such as an augmentation or a schedule; its fields are numbers, texts or flags.
        methods: names of the methods of its class that are copied.

    Returns:
        Python source, with the docstring of the part's class.
    """
    kind = type(part)
    text = _source_of(kind.__module__.removeprefix("core."))
    node = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    lines = text.splitlines()
    fields = "".join(
        f"    {name}: {type(value).__name__} = {python_literal(value)}\n"
        for name, value in part.model_dump().items()
    )
    bodies = [
        "\n".join(lines[child.lineno - 1 : child.end_lineno])
        for child in node.body
        if isinstance(child, ast.FunctionDef) and child.name in methods
    ]
    told = "\n".join(lines[node.body[0].lineno - 1 : node.body[0].end_lineno])
    whole = f"@dataclass(frozen=True)\nclass {kind.__name__}:\n{told}\n\n{fields}"
    return "\n\n".join([whole.rstrip("\n"), *bodies])


def python_literal(value: object) -> str:
    """Write a number, text or flag as Python source, text in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def join_definitions(pieces: Iterable[str]) -> str:
    """Join the sources of definitions, with the blank lines of PEP 8 between them."""
    text, last_is_block = "", False
    for piece in (piece.strip("\n") for piece in pieces):
        is_block = isinstance(ast.parse(piece).body[-1], _DEFINITION)
        if text:
            text += "\n\n\n" if is_block or last_is_block else "\n" + "\n" * piece.startswith("#")
        text, last_is_block = text + piece, is_block
    return text


def import_statements(code: str, known: Sequence[tuple[str, str]]) -> str:
    """Write the import statements that some code needs.

    Args:
        code: Python source.
        known: the imports to choose from, in their order: ("math", "") for `import math`,
            ("numpy", "np") for `import numpy as np`, ("pathlib", "from Path") for
            `from pathlib import Path`.

    Returns:
        The statements for the names that `code` uses, one a line.
    """
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    lines: list[str] = []
    for module, name in known:
        wanted = name.removeprefix("from ")
        if name.startswith("from ") and wanted in used:
            start = f"from {module} import "
            if lines and lines[-1].startswith(start):
                lines[-1] += f", {wanted}"
            else:
                lines.append(start + wanted)
        elif not name.startswith("from ") and (wanted or module) in used:
            lines.append(f"import {module}" + (f" as {name}" if name else ""))
    return "\n".join(lines)


def _lowest_first(modules: Iterable[str]) -> list[str]:
    """Sort modules so that each comes after those from which it imports."""
    order: list[str] = []

    def visit(module: str) -> None:
        for other in dict.fromkeys(_read(module).origin.values()):
            if other not in order:
                visit(other)
        if module not in order:
            order.append(module)

    wanted = list(modules)
    for module in wanted:
        visit(module)
    return [module for module in order if module in wanted]


def _file_of(module: str) -> Path:
    """Return the file of a module of core, named as in "training.input_pipeline"."""
    return ROOT.joinpath("core", *module.split(".")).with_suffix(".py")


def _source_of(module: str) -> str:
    return _file_of(module).read_text(encoding="utf-8")


@lru_cache(maxsize=32)
def _read(module: str) -> _Module:
    text = _source_of(module)
    lines = text.splitlines()
    pieces: dict[str, _Piece] = {}
    origin: dict[str, str] = {}
    body = ast.parse(text).body
    for number, node in enumerate(body):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core."):
            source = str(node.module).removeprefix("core.")
            if _file_of(source).exists():  # else a package, from which a module is imported
                origin |= {alias.name: source for alias in node.names}
        after = body[number + 1] if number + 1 < len(body) else None
        for name in _names(node):
            pieces[name] = _Piece(name, _text(lines, node, after), _needs(node))
    return _Module(pieces, origin)


def _names(node: ast.stmt) -> list[str]:
    """Return the names that a top-level statement defines."""
    if isinstance(node, _DEFINITION):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _needs(node: ast.stmt) -> frozenset[str]:
    return frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _text(lines: list[str], node: ast.stmt, after: ast.stmt | None) -> str:
    """Return a statement with the comment right above it and the docstring below a constant."""
    first = node.lineno
    if isinstance(node, _DEFINITION) and node.decorator_list:
        first = node.decorator_list[0].lineno
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    last = node.end_lineno or first
    told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    if after is not None and told and not isinstance(node, _DEFINITION):
        last = after.end_lineno or last
    return "\n".join(lines[first - 1 : last])
