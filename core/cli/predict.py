"""`python -m core predict`: read the digits in any number of pictures, as they come."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import console
from core.cli.console import AsJson, EpochOption, RunName
from core.data.mnist import CLASSES
from core.preprocessing.image_files import picture_files
from core.runs import registry
from core.utils.errors import PictureError
from core.utils.files import to_json, without_formulas

if TYPE_CHECKING:
    from core.inference.predictor import Predictor
    from core.inference.reader import DigitReading
    from core.preprocessing.image_files import Picture

_STANDARD_INPUT = "-"
COLUMNS = (
    *("file", "digit", "confidence"),
    *(f"p{digit}" for digit in range(CLASSES)),
    *("x", "y", "width", "height", "line", "number", "verdict", "calibrated", "error"),
)


@dataclass(frozen=True)
class ReadDigit:
    """A digit in a picture, with the fields that `predict --json` prints.

    Attributes:
        digit: the digit of the highest probability, 0 to 9.
        confidence: its probability, 0 to 1.
        probabilities: ten probabilities, of 0 to 9.
        box: x, y, width and height in pixels of the picture.
        line: index of its line, from 0.
        number: index of the number that it is part of, from 0.
        verdict: "sure", "unsure" or "not a digit" (`core.inference.reader`).
        calibrated: calibrated confidence: how often such an answer is right, 0 to 1.
    """

    digit: int
    confidence: float
    probabilities: list[float]
    box: tuple[int, int, int, int]
    line: int
    number: int
    verdict: str
    calibrated: float


PictureReading = list[ReadDigit] | PictureError
Report = Callable[[str, PictureReading], None]
"""Prints what was read in a file, or why nothing was: takes the file's name and the reading."""


@dataclass(frozen=True)
class Reader:
    """A network with its calibration.

    Attributes:
        network: gives the probabilities.
        temperature: divides the logits (`core.inference.reader`).
    """

    network: "Predictor"
    temperature: float


def predict(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Pictures of digits, folders of pictures, or - for a list of them "
            "on standard input, one a line.",
        ),
    ],
    run: RunName = "best",
    epoch: EpochOption = None,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, one digit a line, with a line of names.")
    ] = False,
) -> None:
    """Read the digits in each picture, and print them at once.

    A picture that cannot be read does not stop the others; the exit status is 1 then.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one")
    from core.inference.reader import run_temperature

    opened = registry.open_run(run)
    reader = Reader(console.load_network(opened, epoch), run_temperature(opened))
    tell: Report = _as_json if as_json else _csv_report() if as_csv else _as_text
    # Not `all` of a list: what was read is forgotten once it is printed.
    failed = False
    for file in picture_files(_names(files)):
        failed |= not _answer(file, reader, tell)
    if failed:
        raise typer.Exit(1)


def read_picture(file: Path, reader: Reader) -> list[ReadDigit]:
    """Read all digits in a picture file.

    Args:
        file: the picture.
        reader: the network that reads.

    Returns:
        The digits in reading order, at least one.

    Raises:
        PictureError: the file is no picture, or holds no digit.
    """
    from core.inference.reader import read_digits
    from core.preprocessing.image_files import read_image
    from core.preprocessing.page.detection import find_digits

    picture = read_image(file)
    ask = reader.network.probabilities
    readings = read_digits(find_digits(picture.pixels, predict=ask), ask, reader.temperature)
    return [_plain(reading, picture) for reading in readings]


def _plain(reading: "DigitReading", picture: "Picture") -> ReadDigit:
    rounded = [round(float(p), 6) for p in reading.probabilities]
    answer = int(reading.probabilities.argmax())
    return ReadDigit(
        digit=answer,
        confidence=rounded[answer],
        probabilities=rounded,
        box=picture.to_original(reading.detection.digit.box),
        line=reading.detection.line,
        number=reading.detection.number,
        verdict=reading.verdict.kind,
        calibrated=round(reading.verdict.confidence, 6),
    )


def _names(files: Iterable[str]) -> Iterator[str]:
    """Yield the names, and in place of `-` the lines of standard input as they arrive."""
    for name in files:
        if name == _STANDARD_INPUT:
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield name


def _answer(file: Path | PictureError, reader: Reader, tell: Report) -> bool:
    """Print the answer for a file, or why there is none; return whether there is one."""
    if isinstance(file, PictureError):  # a folder
        tell("", file)
        return False
    try:
        tell(str(file), read_picture(file, reader))
    except PictureError as problem:
        tell(str(file), problem)
        return False
    return True


def _as_json(file: str, reading: PictureReading) -> None:
    digits, error = ([], str(reading)) if isinstance(reading, PictureError) else (reading, None)
    typer.echo(
        to_json({"file": file, "digits": [asdict(digit) for digit in digits], "error": error})
    )


def _as_text(file: str, reading: PictureReading) -> None:
    if isinstance(reading, PictureError):
        typer.echo(f"{file}: {reading}" if file else str(reading), err=True)
    else:
        typer.echo(f"{file}: {describe_reading(reading)}")


def describe_reading(digits: Sequence[ReadDigit]) -> str:
    """Write the digits of a picture on one line, with the lowest confidence.

    A question mark follows an unsure digit, and stands in place of what is no digit.

    Args:
        digits: in reading order, at least one.

    Returns:
        The numbers, with " / " between lines, as in "47 1? / 3 (50 % sure of the least sure one)".
    """
    from core.inference.reader import lines_text

    lines = lines_text((digit.line, digit.number, _mark(digit)) for digit in digits)
    least = min(digit.confidence for digit in digits)
    confidence = f"{100 * least:.0f} % sure" + (" of the least sure one" if len(digits) > 1 else "")
    return f"{' / '.join(lines)} ({confidence})"


def _mark(digit: ReadDigit) -> str:
    return (
        "?"
        if digit.verdict == "not a digit"
        else f"{digit.digit}{'?' * (digit.verdict == 'unsure')}"
    )


def _csv_report() -> Report:
    """Print the names of the columns; return the function that prints the rows of a picture."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)

    def tell(file: str, reading: PictureReading) -> None:
        name = without_formulas(file)
        if isinstance(reading, PictureError):
            error = without_formulas(str(reading))
            writer.writerow([name, *[""] * (len(COLUMNS) - 2), error])
        else:
            writer.writerows(_row(name, digit) for digit in reading)
        sys.stdout.flush()

    return tell


def _row(file: str, digit: ReadDigit) -> list[object]:
    place = [digit.line, digit.number, digit.verdict, digit.calibrated]
    return [file, digit.digit, digit.confidence, *digit.probabilities, *digit.box, *place, ""]
