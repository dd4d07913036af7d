"""`python -m core predict`: read the digits in any number of pictures, as they come."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

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
    from core.preprocessing.page.detection import Explanation

Turn = Literal["90", "180", "270"]
ReadAs = Literal["page", "digit"]
_EXPLANATIONS: Final[dict[ReadAs, "Explanation"]] = {"page": "page", "digit": "single digit"}
_FULL_TURN: Final = 360
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
        box: x, y, width and height in pixels of the picture, as it is after `--turn`.
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


@dataclass(frozen=True)
class ReadSign:
    """A sign in a picture, with the fields that `predict --json` prints.

    Attributes:
        sign: ".", ",", "-" or "/".
        box, line, number: as for `ReadDigit`.
    """

    sign: str
    box: tuple[int, int, int, int]
    line: int
    number: int


@dataclass(frozen=True)
class ReadPage:
    """What was read in a picture.

    Attributes:
        digits: in reading order, at least one.
        signs: in reading order.
        explanation: what the picture is taken for.
        turn: degrees clockwise by which it was turned first.
        suggested_turn: further degrees clockwise after which its digits read far better; 0 if none.
    """

    digits: list[ReadDigit]
    signs: list[ReadSign]
    explanation: "Explanation"
    turn: int = 0
    suggested_turn: int = 0


PictureReading = ReadPage | PictureError
Report = Callable[[str, PictureReading], None]
"""Prints what was read in a file, or why nothing was: takes the file's name and the reading."""


@dataclass(frozen=True)
class Reader:
    """A network with its calibration, and how it is to take pictures.

    Attributes:
        network: gives the probabilities.
        temperature: divides the logits (`core.inference.reader`).
        turn: degrees clockwise by which each picture is turned first: 0, 90, 180 or 270.
        explanation: what each picture is taken for; None: whatever explains it best.
    """

    network: "Predictor"
    temperature: float
    turn: int = 0
    explanation: "Explanation | None" = None


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
    turn: Annotated[
        Turn | None,
        typer.Option("--turn", help="Turn each picture first, by so many degrees clockwise."),
    ] = None,
    read_as: Annotated[
        ReadAs | None,
        typer.Option(
            "--as",
            help="Read each picture as a page of digits, or all of its ink as one digit. "
            "Without it, what explains the picture better.",
        ),
    ] = None,
) -> None:
    """Read the digits in each picture, and print them at once.

    A picture that cannot be read does not stop the others; the exit status is 1 then. Boxes are in
    pixels of the picture, after --turn in those of the turned one. CSV leaves signs out.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one")
    from core.inference.temperature import run_temperature

    opened = registry.open_run(run)
    reader = Reader(
        console.load_network(opened, epoch),
        run_temperature(opened),
        turn=int(turn or 0),
        explanation=_EXPLANATIONS[read_as] if read_as else None,
    )
    tell: Report = _as_json if as_json else _csv_report() if as_csv else _as_text
    # Not `all` of a list: what was read is forgotten once it is printed.
    failed = False
    for file in picture_files(_names(files)):
        failed |= not _answer(file, reader, tell)
    if failed:
        raise typer.Exit(1)


def read_picture(file: Path, reader: Reader) -> ReadPage:
    """Read all digits and signs in a picture file.

    Args:
        file: the picture.
        reader: the network that reads.

    Returns:
        What was read, at least one digit.

    Raises:
        PictureError: the file is no picture, or holds no digit.
    """
    import numpy as np

    from core.inference.reader import read_digits
    from core.inference.turning import QUARTER_TURN, suggest_turn, turn_picture
    from core.preprocessing.image_files import Picture, read_image
    from core.preprocessing.page.detection import find_page

    picture = read_image(file)
    if reader.turn:
        turns = reader.turn // QUARTER_TURN
        size = picture.size[::-1] if turns % 2 else picture.size
        picture = Picture(turn_picture(picture.pixels, turns), size)
    page = find_page(picture.pixels, explanation=reader.explanation)
    ask = reader.network.probabilities
    readings = read_digits(page.digits, ask, reader.temperature)
    pixels = np.stack([detection.digit.pixels for detection in page.digits])
    return ReadPage(
        digits=[_plain(reading, picture) for reading in readings],
        signs=[
            ReadSign(sign.text, picture.to_original(sign.box), sign.line, sign.number)
            for sign in page.signs
        ],
        explanation=page.explanation,
        turn=reader.turn,
        suggested_turn=QUARTER_TURN * suggest_turn(pixels, ask),
    )


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
    page, error = (None, str(reading)) if isinstance(reading, PictureError) else (reading, None)
    typer.echo(
        to_json(
            {
                "file": file,
                "digits": [asdict(digit) for digit in page.digits] if page else [],
                "error": error,
                "text": page_text(page) if page else "",
                "signs": [asdict(sign) for sign in page.signs] if page else [],
                "explanation": page.explanation if page else None,
                "suggested_turn": page.suggested_turn if page else 0,
            }
        )
    )


def _as_text(file: str, reading: PictureReading) -> None:
    if isinstance(reading, PictureError):
        typer.echo(f"{file}: {reading}" if file else str(reading), err=True)
    else:
        typer.echo(f"{file}: {describe_reading(reading)}")


def describe_reading(page: ReadPage) -> str:
    """Write what was read in a picture on one line, with the lowest confidence.

    Args:
        page: what was read.

    Returns:
        Its text, and the turn that is suggested, as in "47 1? / 3.5 (50 % sure of the least sure
        one)".
    """
    least = min(digit.confidence for digit in page.digits)
    which = " of the least sure one" if len(page.digits) > 1 else ""
    text = f"{page_text(page)} ({100 * least:.0f} % sure{which})"
    if not page.suggested_turn:
        return text
    turn = (page.turn + page.suggested_turn) % _FULL_TURN
    return f"{text}. It reads better {f'with --turn {turn}' if turn else 'without --turn'}."


def page_text(page: ReadPage) -> str:
    """Write the digits and signs of a picture with " / " between lines.

    A question mark follows an unsure digit, and stands in place of what is no digit.
    """
    from core.inference.reader import lines_text

    marks = [(digit.line, digit.box[0], digit.number, _mark(digit)) for digit in page.digits]
    marks += [(sign.line, sign.box[0], sign.number, sign.sign) for sign in page.signs]
    ordered = sorted(marks, key=lambda mark: mark[:2])
    return " / ".join(lines_text((line, number, text) for line, _, number, text in ordered))


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
            writer.writerows(_row(name, digit) for digit in reading.digits)
        sys.stdout.flush()

    return tell


def _row(file: str, digit: ReadDigit) -> list[object]:
    place = [digit.line, digit.number, digit.verdict, digit.calibrated]
    return [file, digit.digit, digit.confidence, *digit.probabilities, *digit.box, *place, ""]
