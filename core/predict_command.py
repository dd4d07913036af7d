"""`python -m core predict`: read the digits in any number of pictures, as they come."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    from core.pictures import Picture
    from core.reading import Reading

FROM_INPUT = "-"
COLUMNS = (
    *("file", "digit", "confidence"),
    *(f"p{digit}" for digit in range(CLASSES)),
    *("x", "y", "width", "height", "line", "number", "verdict", "calibrated", "error"),
)


@dataclass(frozen=True)
class ReadDigit:
    """One digit as `predict --json` prints it.

    Attributes:
        digit, confidence, probabilities: what the network answers; `confidence` is the highest.
        box: x, y, width, height in the picture.
        line, number: where it stands: on which line, and to which number it belongs, from 0.
        verdict: "sure", "unsure" or "not a digit" (`core.refusal`).
        calibrated: how often such an answer is right, 0 to 1.
    """

    digit: int
    confidence: float
    probabilities: list[float]
    box: tuple[int, int, int, int]
    line: int
    number: int
    verdict: str
    calibrated: float


Read = list[ReadDigit] | PictureError
Tell = Callable[[str, Read], None]
"""Prints what was read in a file, or why nothing was."""


@dataclass(frozen=True)
class Reader:
    """A network that reads, and the temperature that calibrates it (`core.temperature`)."""

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
    from core.temperature import temperature_of

    opened = runs.open_path(run)
    reader = Reader(command_line.load_network(opened, epoch), temperature_of(opened))
    tell: Tell = _as_json if as_json else _as_csv() if as_csv else _as_text
    # Not `all` of a list: what was read is forgotten once it is printed.
    failed = False
    for file in picture_files(_names(files)):
        failed |= not _answer(file, reader, tell)
    if failed:
        raise typer.Exit(1)


def read_picture(file: Path, reader: Reader) -> list[ReadDigit]:
    """Read all digits in a picture file. Raises PictureError with a sentence."""
    from core.page_digits import find_digits
    from core.pictures import read
    from core.reading import read_found

    picture = read(file)
    ask = reader.network.probabilities
    readings = read_found(find_digits(picture.pixels, judge=ask), ask, reader.temperature)
    return [_plain(one, picture) for one in readings]


def _plain(one: "Reading", picture: "Picture") -> ReadDigit:
    rounded = [round(float(p), 6) for p in one.probabilities]
    answer = int(one.probabilities.argmax())
    return ReadDigit(
        digit=answer,
        confidence=rounded[answer],
        probabilities=rounded,
        box=picture.to_original(one.found.digit.box),
        line=one.found.line,
        number=one.found.number,
        verdict=one.verdict.kind,
        calibrated=round(one.verdict.confidence, 6),
    )


def _names(files: Iterable[str]) -> Iterator[str]:
    """The names, and in place of `-` those on standard input, as they arrive."""
    for name in files:
        if name == FROM_INPUT:
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield name


def _answer(file: Path | PictureError, reader: Reader, tell: Tell) -> bool:
    """Print the answer for one file; whether there was one."""
    if isinstance(file, PictureError):  # a folder
        tell("", file)
        return False
    try:
        tell(str(file), read_picture(file, reader))
    except PictureError as problem:
        tell(str(file), problem)
        return False
    return True


def _as_json(file: str, found: Read) -> None:
    digits, error = ([], str(found)) if isinstance(found, PictureError) else (found, None)
    typer.echo(to_json({"file": file, "digits": [asdict(one) for one in digits], "error": error}))


def _as_text(file: str, found: Read) -> None:
    if isinstance(found, PictureError):
        typer.echo(f"{file}: {found}" if file else str(found), err=True)
    else:
        typer.echo(f"{file}: {in_words(found)}")


def in_words(digits: Sequence[ReadDigit]) -> str:
    """What stands in a picture: numbers, lines parted by /, and how sure the least sure digit is.

    A digit that the network is not sure of has a question mark behind it, and what is no digit is a
    question mark alone.
    """
    from core.reading import in_lines

    lines = in_lines((one.line, one.number, _mark(one)) for one in digits)
    least = min(one.confidence for one in digits)
    sure = f"{100 * least:.0f} % sure" + (" of the least sure one" if len(digits) > 1 else "")
    return f"{' / '.join(lines)} ({sure})"


def _mark(one: ReadDigit) -> str:
    return "?" if one.verdict == "not a digit" else f"{one.digit}{'?' * (one.verdict == 'unsure')}"


def _as_csv() -> Tell:
    """Print the names of the columns, and give what prints the lines of a picture."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)

    def tell(file: str, found: Read) -> None:
        if isinstance(found, PictureError):
            writer.writerow([file, *[""] * (len(COLUMNS) - 2), str(found)])
        else:
            writer.writerows(_row(file, one) for one in found)
        sys.stdout.flush()

    return tell


def _row(file: str, one: ReadDigit) -> list[object]:
    place = [one.line, one.number, one.verdict, one.calibrated]
    return [file, one.digit, one.confidence, *one.probabilities, *one.box, *place, ""]
