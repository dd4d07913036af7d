"""`python -m core predict`: files, folders, a list on standard input; lines, JSON, CSV."""

import csv
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.cli.predict import ReadDigit, ReadPage, ReadSign, describe_reading
from core.preprocessing.image_files import picture_files
from core.preprocessing.mnist_format import Box, PreparedDigit
from core.preprocessing.page.detection import FoundDigit, FoundPage, FoundSign
from core.runs.run import Run
from core.utils.errors import PictureError
from tests.core.cli import test_app
from tests.core.cli.test_app import ROOT, Here, is_one_sentence, settings

here, loaded, seven = test_app.here, test_app.loaded, test_app.seven


def digit(value: int, number: int, line: int = 0, verdict: str = "sure") -> ReadDigit:
    return ReadDigit(value, 0.5, [0.1] * 10, (0, 0, 9, 9), line, number, verdict, 0.5)


def test_a_line_of_text_tells_numbers_lines_and_doubts() -> None:
    digits = [digit(4, 0), digit(7, 0), digit(1, 1, verdict="unsure"), digit(3, 2, line=1)]
    page = ReadPage(digits, [], "page")
    assert describe_reading(page) == "47 1? / 3 (50 % sure of the least sure one)"
    nothing = ReadPage([digit(8, 0, verdict="not a digit")], [], "single digit")
    assert describe_reading(nothing) == "? (50 % sure)"


def test_a_line_of_text_shows_signs_in_their_places() -> None:
    digits = [replace(digit(3, 0), box=(20, 0, 9, 9)), replace(digit(5, 0), box=(40, 0, 9, 9))]
    signs = [ReadSign("-", (8, 4, 6, 2), 0, 0), ReadSign(".", (33, 7, 2, 2), 0, 0)]
    assert describe_reading(ReadPage(digits, signs, "page")).startswith("-3.5 (")


@pytest.mark.parametrize(
    ("turn", "further", "told"),
    [(0, 90, "with --turn 90."), (180, 90, "with --turn 270."), (90, 270, "without --turn.")],
)
def test_a_line_of_text_tells_which_turn_reads_better(turn: int, further: int, told: str) -> None:
    page = ReadPage([digit(4, 0)], [], "page", turn, further)
    assert describe_reading(page) == f"4 (50 % sure). It reads better {told}"


def test_several_digits_in_a_picture_are_all_told(
    here: Here, loaded: list[Run], tmp_path: Path
) -> None:
    page = Image.new("L", (400, 300), 255)
    pen = ImageDraw.Draw(page)
    for x, y in ((40, 30), (110, 30), (290, 40), (60, 190)):
        pen.line([(x, y), (x + 40, y), (x + 15, y + 80)], fill=0, width=9, joint="curve")
    page.save(tmp_path / "page.png")
    done = here("predict", "--json", str(tmp_path / "page.png"))
    digits = json.loads(done.stdout)["digits"]
    assert [(digit["line"], digit["number"]) for digit in digits] == [
        (0, 0),
        (0, 0),
        (0, 1),
        (1, 2),
    ]
    assert [digit["box"][0] for digit in digits] == pytest.approx([36, 106, 286, 56], abs=4)
    rows = list(csv.DictReader(io.StringIO(here("predict", "--csv", str(tmp_path)).stdout)))
    assert [(row["line"], row["number"]) for row in rows] == [
        *[("0", "0")] * 2,
        ("0", "1"),
        ("1", "2"),
    ]
    assert here("predict", str(tmp_path)).stdout.startswith(f"{tmp_path / 'page.png'}: 77 7 / 7 (")


def found_at(box: Box) -> FoundDigit:
    return FoundDigit(PreparedDigit(np.zeros((28, 28), np.uint8), (), box), 0, 0)


def test_json_tells_signs_and_what_the_picture_is_taken_for(
    here: Here, loaded: list[Run], seven: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def find_page(picture: object, explanation: object) -> FoundPage:
        asked.append(explanation)
        digits = found_at((20, 20, 30, 60)), found_at((70, 20, 30, 60))
        return FoundPage(digits, (FoundSign("/", (55, 18, 10, 64), 0, 0),), "page", "single digit")

    monkeypatch.setattr("core.preprocessing.page.detection.find_page", find_page)
    monkeypatch.setattr("core.inference.turning.suggest_turn", lambda digits, predict: 3)
    monkeypatch.setattr("core.inference.reader.digitness", lambda pixels: np.ones(len(pixels)))
    told = json.loads(here("predict", "--json", str(seven)).stdout)
    assert told["text"] == "7/7"
    assert told["signs"] == [{"sign": "/", "box": [55, 18, 10, 64], "line": 0, "number": 0}]
    assert (told["explanation"], told["suggested_turn"], told["error"]) == ("page", 270, None)
    assert [digit["digit"] for digit in told["digits"]] == [7, 7]
    for named in ("page", "digit"):
        here("predict", "--json", "--as", named, str(seven))
    assert asked == [None, "page", "single digit"]


def test_json_of_a_picture_that_cannot_be_read_has_all_fields(
    here: Here, loaded: list[Run], tmp_path: Path
) -> None:
    told = json.loads(here("predict", "--json", str(tmp_path / "gone.png")).stdout)
    assert "gone.png" in told.pop("error")
    assert told == {
        "file": str(tmp_path / "gone.png"),
        "digits": [],
        "text": "",
        "signs": [],
        "explanation": None,
        "suggested_turn": 0,
    }


def test_a_turned_file_is_read_as_the_upright_one(
    here: Here, loaded: list[Run], tmp_path: Path, seven: Path
) -> None:
    def told(*arguments: str) -> dict[str, object]:
        return dict(json.loads(here("predict", "--json", *arguments).stdout))

    upright = told(str(seven))
    # Pillow turns counterclockwise, the command turns back; shrinking keeps the file's own pixels.
    for degrees in ("90", "180", "270"):
        lying = tmp_path / f"{degrees}.png"
        with Image.open(seven) as picture:
            picture.rotate(int(degrees), expand=True).save(lying)
        assert {**told("--turn", degrees, str(lying)), "file": str(seven)} == upright


def test_boxes_of_a_large_turned_picture_are_in_pixels_of_the_turned_file(
    here: Here, loaded: list[Run], tmp_path: Path, seven: Path
) -> None:
    with Image.open(seven) as picture:
        large = picture.resize((4000, 3200))
    large.rotate(90, expand=True).save(tmp_path / "lying.png")
    done = here("predict", "--json", "--turn", "90", str(tmp_path / "lying.png"))
    (only,) = json.loads(done.stdout)["digits"]
    # The ink of the seven in its file, 200 pixels wide, goes from 70 to 136 and from 24 to 142.
    assert only["box"] == pytest.approx([20 * 70, 20 * 24, 20 * 66, 20 * 118], abs=100)


@pytest.mark.parametrize("wrong", [("--turn", "45"), ("--as", "letter")])
def test_another_turn_or_reading_is_refused(
    here: Here, seven: Path, wrong: tuple[str, str]
) -> None:
    done = here("predict", *wrong, str(seven))
    assert done.returncode != 0
    assert wrong[1] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def folder(tmp_path: Path, seven: Path) -> Path:
    """b.PNG and a.png, c.jpg in a folder below; a hidden picture, a text, an empty folder."""
    place = tmp_path / "pictures"
    (place / "below").mkdir(parents=True)
    (place / "empty").mkdir()
    for name in ("b.PNG", "a.png", ".hidden.png"):
        shutil.copy(seven, place / name)
    (place / "notes.txt").write_text("no picture")
    with Image.open(seven) as picture:
        picture.save(place / "below" / "c.jpg")
    return place


def test_a_folder_gives_its_pictures_and_those_below_in_order(folder: Path) -> None:
    files = list(picture_files([str(folder)]))
    assert files == [folder / "a.png", folder / "b.PNG", folder / "below" / "c.jpg"]


def test_a_folder_without_pictures_is_told(folder: Path, tmp_path: Path) -> None:
    (sentence,) = picture_files([str(folder / "empty")])
    assert isinstance(sentence, PictureError)
    assert f'The folder "{folder / "empty"}" holds no picture' in str(sentence)
    (named,) = picture_files([str(folder / "notes.txt")])  # who names a file means it
    assert named == folder / "notes.txt"


def test_a_link_to_a_folder_above_does_not_go_round(folder: Path) -> None:
    (folder / "below" / "up").symlink_to(folder, target_is_directory=True)
    assert len(list(picture_files([str(folder)]))) == 3


def test_files_and_folders_together(
    here: Here, loaded: list[Run], folder: Path, seven: Path
) -> None:
    done = here("predict", str(seven), str(folder / "empty"), str(folder / "below"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{seven}: 7 (100 % sure)",
        f"{folder / 'below' / 'c.jpg'}: 7 (100 % sure)",
    ]
    assert is_one_sentence(done.stderr)
    assert "holds no picture" in done.stderr


def test_csv_has_a_line_of_names_and_keeps_odd_names_whole(
    here: Here, loaded: list[Run], tmp_path: Path, seven: Path
) -> None:
    odd = tmp_path / 'a "quoted", name.png'
    shutil.copy(seven, odd)
    done = here("predict", "--csv", str(odd), str(tmp_path / "gone.png"))
    assert done.returncode == 1
    read, gone = csv.DictReader(io.StringIO(done.stdout))
    assert read["file"] == str(odd)
    assert (read["digit"], read["confidence"], read["p7"], read["p0"]) == ("7", "1.0", "1.0", "0.0")
    assert int(read["width"]) == pytest.approx(72, abs=16)
    assert read["error"] == ""
    assert gone["digit"] == ""
    assert "gone.png" in gone["error"]


def test_no_file_name_is_a_formula_in_the_csv(
    here: Here,
    loaded: list[Run],
    tmp_path: Path,
    seven: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(seven, "=1+1.png")
    done = here("predict", "--csv", "=1+1.png", "@gone.png", "+gone.png")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["file"] for row in rows] == ["'=1+1.png", "'@gone.png", "'+gone.png"]
    assert [row["digit"] for row in rows] == ["7", "", ""]
    asked = here("predict", "--json", "=1+1.png")
    assert json.loads(asked.stdout)["file"] == "=1+1.png"  # JSON has no formulas


def test_json_and_csv_at_once_are_refused(here: Here, seven: Path) -> None:
    done = here("predict", "--json", "--csv", str(seven))
    assert done.returncode == 1
    assert "exclude each other" in done.stderr


def test_answers_come_while_the_list_still_grows(seven: Path) -> None:
    command = [sys.executable, "-m", "core", "predict", "--run", "fast", "--json", "-"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=settings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(3):
            process.stdin.write(f"{seven}\n\n")  # empty lines are nobody
            process.stdin.flush()
            # The pipe is still open: the answer does not wait for its end.
            assert json.loads(process.stdout.readline())["digits"][0]["digit"] == 7
        process.stdin.close()
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
