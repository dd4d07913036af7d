"""How many pictures of a folder are read exactly right?

The folder holds pictures and a `labels.csv` with the columns `file`, `label` and, if you like,
`set`: the label is the digits in reading order ("3.75" counts its digits alone), or nothing for a
picture without any digit. Each file is read as the app reads an upload. A picture with digits is
right if exactly these digits are read in this order, and none is called "not a digit"; one without
is right if no answer is called sure.

    python -m benchmarks.real_pictures FOLDER [--run best] [--wrong] [--name NAME]

Prints the figures; `--wrong` also lists what was read wrong. With `--name` it writes
`benchmarks/results/NAME.json`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._page_way import Answer, PageWay
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result


@dataclass(frozen=True)
class Labeled:
    """A picture file, the digits in it (empty: none), and the set that it is counted in."""

    file: Path
    label: str
    group: str


def labeled_files(folder: Path) -> Iterator[Labeled]:
    """The rows of a folder's `labels.csv`.

    Raises:
        SystemExit: there is no such file, or it lacks a column.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        sys.exit(f"{folder} has no labels.csv: a table with the columns file, label and set.")
    with table.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        if not {"file", "label"} <= set(rows.fieldnames or ()):
            sys.exit(f"{table} needs the columns file and label in its first line.")
        for row in rows:
            yield Labeled(folder / row["file"], row["label"], row.get("set") or "all")


def is_right(answer: Answer, label: str) -> bool:
    """Whether a picture was read right."""
    expected = "".join(character for character in label if character.isdigit())
    return answer.digits == expected if expected else not answer.is_sure


def measure(files: Iterable[Labeled], way: PageWay, *, show_wrong: bool) -> dict[str, Any]:
    """Read each file: {set: {n, right}}, and sums of those with and without digits."""
    sets: dict[str, dict[str, int]] = {}
    for item in files:
        answer = way.read_file(item.file.read_bytes(), item.file.name)
        right = is_right(answer, item.label)
        total = "with digits" if any(map(str.isdigit, item.label)) else "without digits"
        for name in (item.group, total):
            row = sets.setdefault(name, {"n": 0, "right": 0})
            row["n"] += 1
            row["right"] += right
        if show_wrong and not right:
            read = answer.text or answer.refused
            print(f"{item.file.name}: {item.label or 'no digit'}, read as {read}", flush=True)
    return {name: row | {"share": round(row["right"] / row["n"], 4)} for name, row in sets.items()}


def main() -> None:
    """Measure a folder, print the figures and, if a name is given, write them down."""
    line = parser(__doc__)
    line.add_argument("folder", type=Path)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--wrong", action="store_true", help="list what was read wrong")
    line.add_argument("--name", help="of the result file")
    options = line.parse_args()
    way = PageWay(options.run)
    figures = measure(labeled_files(options.folder), way, show_wrong=options.wrong)
    for name, row in figures.items():
        print(f"{name:16}{row['right']:5} of {row['n']:5} ({row['share']:.1%})")
    if options.name:
        write_result(
            options.name,
            figures,
            packages=(*NETWORK_PACKAGES, "opencv-python-headless"),
            quick=options.quick,
            run=way.note(options.run),
        )


if __name__ == "__main__":
    start(main)
