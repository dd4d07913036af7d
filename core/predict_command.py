"""`python -m core predict`: read the digit in each of any number of pictures, as they come."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core import command_line, runs
from core.command_line import AsJson, EpochOption, RunName
from core.datasets import CLASSES
from core.errors import PictureError
from core.picture_files import picture_files
from core.plain_json import to_json

if TYPE_CHECKING:
    from core.inference import Predictor

FROM_INPUT = "-"
COLUMNS = (
    *("file", "digit", "confidence"),
    *(f"p{digit}" for digit in range(CLASSES)),
    *("x", "y", "width", "height", "error"),
)


@dataclass(frozen=True)
class ReadDigit:
    """One digit as `predict --json` prints it. `box`: x, y, width, height in the picture."""

    digit: int
    confidence: float
    probabilities: list[float]
    box: tuple[int, int, int, int]


Tell = Callable[[str, ReadDigit | PictureError], None]
"""Prints what was read in a file, or why nothing was."""


def predict(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Pictures with one digit each, folders of such pictures, or - for a list of them "
            "on standard input, one a line.",
        ),
    ],
    run: RunName = "best",
    epoch: EpochOption = None,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, one picture a line, with a line of names.")
    ] = False,
) -> None:
    """Read the digit in each picture, and print it at once.

    A picture that cannot be read does not stop the others; the exit status is 1 then.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one")
    predictor = command_line.load_network(runs.open_path(run), epoch)
    tell: Tell = _as_json if as_json else _as_csv() if as_csv else _as_text
    # Not `all` of a list: what was read is forgotten once it is printed.
    failed = False
    for file in picture_files(_names(files)):
        failed |= not _answer(file, predictor, tell)
    if failed:
        raise typer.Exit(1)


def read_picture(file: Path, predictor: "Predictor") -> ReadDigit:
    """Read the one digit in a picture file. Raises PictureError with a sentence."""
    from core.pictures import read
    from core.preprocessing import find_digit

    picture = read(file)
    digit = find_digit(picture.pixels)
    probabilities = predictor.probabilities(digit.pixels[None])[0]
    answer = int(probabilities.argmax())
    rounded = [round(float(p), 6) for p in probabilities]
    return ReadDigit(answer, rounded[answer], rounded, picture.to_original(digit.box))


def _names(files: Iterable[str]) -> Iterator[str]:
    """The names, and in place of `-` those on standard input, as they arrive."""
    for name in files:
        if name == FROM_INPUT:
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield name


def _answer(file: Path | PictureError, predictor: "Predictor", tell: Tell) -> bool:
    """Print the answer for one file; whether there was one."""
    if isinstance(file, PictureError):  # a folder
        tell("", file)
        return False
    try:
        tell(str(file), read_picture(file, predictor))
    except PictureError as problem:
        tell(str(file), problem)
        return False
    return True


def _as_json(file: str, found: ReadDigit | PictureError) -> None:
    read = isinstance(found, ReadDigit)
    digits = [asdict(found)] if isinstance(found, ReadDigit) else []
    typer.echo(to_json({"file": file, "digits": digits, "error": None if read else str(found)}))


def _as_text(file: str, found: ReadDigit | PictureError) -> None:
    if isinstance(found, ReadDigit):
        typer.echo(f"{file}: {found.digit} ({100 * found.confidence:.0f} % sure)")
    else:
        typer.echo(f"{file}: {found}" if file else str(found), err=True)


def _as_csv() -> Tell:
    """Print the names of the columns, and give what prints a line."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)

    def tell(file: str, found: ReadDigit | PictureError) -> None:
        if isinstance(found, ReadDigit):
            row = [file, found.digit, found.confidence, *found.probabilities, *found.box, ""]
        else:
            row = [file, *[""] * (len(COLUMNS) - 2), str(found)]
        writer.writerow(row)
        sys.stdout.flush()

    return tell
