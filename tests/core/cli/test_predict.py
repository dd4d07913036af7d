"""`python -m core predict`: files, folders, a list on standard input; lines, JSON, CSV."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from core.cli.predict import ReadDigit, describe_reading
from core.preprocessing.image_files import picture_files
from core.runs.run import Run
from core.utils.errors import PictureError
from tests.core.cli import test_app
from tests.core.cli.test_app import ROOT, Here, is_one_sentence, settings

here, loaded, seven = test_app.here, test_app.loaded, test_app.seven


def digit(value: int, number: int, line: int = 0, verdict: str = "sure") -> ReadDigit:
    return ReadDigit(value, 0.5, [0.1] * 10, (0, 0, 9, 9), line, number, verdict, 0.5)


def test_a_line_of_text_tells_numbers_lines_and_doubts() -> None:
    read = [digit(4, 0), digit(7, 0), digit(1, 1, verdict="unsure"), digit(3, 2, line=1)]
    assert describe_reading(read) == "47 1? / 3 (50 % sure of the least sure one)"
    assert describe_reading([digit(8, 0, verdict="not a digit")]) == "? (50 % sure)"


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
