"""Where runs lie and how they are called: names from links, shipped and own, folders in the way."""

import os
from pathlib import Path
from typing import Any

import pytest

from core import ROOT
from core.runs import registry
from core.runs.run import BrokenRun
from core.runs.writer import RunWriter
from core.utils.errors import RunError
from tests.conftest import dense_recipe, provenance


def make_run(folder: Path) -> RunWriter:
    return RunWriter(folder, dense_recipe(), provenance())


@pytest.mark.parametrize(
    "name",
    ["../secret", "..", ".", "", "a/b", "/etc", "own\n", "OWN", "a" * 81, "\0", "-own", "ö"],
)
def test_odd_names_are_no_runs(name: str, run_folders: tuple[Path, Path]) -> None:
    # What a link may carry: the folder beside must not be reached, however it is spelled.
    _, own = run_folders
    make_run(own / "own")
    make_run(own.parent / "secret")
    with pytest.raises(RunError, match="There is no run") as caught:
        registry.find_run(name)
    assert str(caught.value).endswith("The runs are: 1 of this server's own.")


def test_a_link_to_no_run_learns_no_visitors_runs(run_folders: tuple[Path, Path]) -> None:
    shipped, own = run_folders
    for folder in (shipped / "best", shipped / "fast", own / "secret-1", own / "secret-2"):
        make_run(folder)
    with pytest.raises(RunError) as caught:
        registry.find_run("x" * 300)
    sentence = str(caught.value)
    assert sentence.count("x") == 39
    assert sentence.endswith("The runs are: best, fast and 2 of this server's own.")
    with pytest.raises(RunError, match=r"The runs are: best, fast, secret-1, secret-2\.$"):
        registry.open_run("nowhere")  # the command line's user may see them all


def test_a_long_list_is_not_read_anew_each_time(
    run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = run_folders
    text = (make_run(own / "first").folder / "run.json").read_bytes()
    for number in range(1100):
        (own / f"copy-{number}").mkdir()
        (own / f"copy-{number}" / "run.json").write_bytes(text)
    assert len(registry.list_runs()) == 1101
    read: list[Path] = []
    monkeypatch.setattr(registry, "read_run", read.append)
    assert len(registry.list_runs()) == 1101
    assert read == []


def test_absolute_path_is_no_run(run_folders: tuple[Path, Path]) -> None:
    _, own = run_folders
    make_run(own / "own")
    with pytest.raises(RunError, match="There is no run"):
        registry.find_run(str(own / "own"))


def test_command_line_may_name_a_folder_anywhere(
    run_folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = run_folders
    make_run(own / "mine")
    make_run(tmp_path / "elsewhere" / "mine")
    monkeypatch.chdir(tmp_path)
    for text in (str(tmp_path / "elsewhere" / "mine"), "elsewhere/mine", "./elsewhere/mine/"):
        assert registry.open_run(text).folder == tmp_path / "elsewhere" / "mine"
    assert registry.open_run("mine").folder == own / "mine"
    for text in ("elsewhere", "nowhere/mine", "", "\0/a"):
        with pytest.raises(RunError, match="There is no run"):
            registry.open_run(text)


@pytest.mark.parametrize("name", ["My run", ".hidden", "a" * 81])
def test_folder_whose_name_no_link_can_carry_is_not_offered(
    name: str, run_folders: tuple[Path, Path]
) -> None:
    _, own = run_folders
    make_run(own / name)
    assert all(isinstance(run, BrokenRun) for run in registry.list_runs())


def test_shipped_runs_come_first_and_own_ones_follow(run_folders: tuple[Path, Path]) -> None:
    shipped, own = run_folders
    for folder in (own / "a", shipped / "z", shipped / "b", own / "c"):
        make_run(folder)
    (own / "a file").write_text("")
    assert [run.id for run in registry.list_runs()] == ["b", "z", "a", "c"]
    assert registry.find_run("z").folder == shipped / "z"
    assert registry.find_run("c").folder == own / "c"


def test_no_runs_at_all_is_said(run_folders: tuple[Path, Path]) -> None:
    for folder in run_folders:
        folder.rmdir()
    assert registry.list_runs() == []
    with pytest.raises(RunError, match="The runs are: none yet"):
        registry.find_run("fast")


def test_setting_moves_the_own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path / "elsewhere"))
    assert registry.own_folder() == tmp_path / "elsewhere"
    beside_models = ROOT / "runs"
    monkeypatch.setenv("DIGITSCOPE_RUNS", "")
    assert registry.own_folder() == beside_models
    monkeypatch.delenv("DIGITSCOPE_RUNS")
    assert registry.own_folder() == beside_models


def test_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    make_run(tmp_path / "mine")
    before = (tmp_path / "mine" / "run.json").read_bytes()
    with pytest.raises(RunError, match="is there already"):
        make_run(tmp_path / "mine")
    assert (tmp_path / "mine" / "run.json").read_bytes() == before


@pytest.mark.parametrize("name", [".", "models", "empty"])
def test_folder_that_holds_no_run_is_left_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "models" / "best").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match="is there already"):
        make_run(Path(name))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["below a file", "/proc/digitscope"])
def test_folder_that_cannot_be_written_is_a_sentence(place: str, tmp_path: Path) -> None:
    (tmp_path / "below a file").write_text("")
    with pytest.raises(RunError, match=r"cannot be written \([A-Z]"):
        make_run(tmp_path / place / "run")


@pytest.mark.parametrize(
    ("trained_on", "excluded", "asked", "held_out"),
    [
        ("mnist", True, "mnist", True),
        ("mnist", True, "mnist-sample", True),
        ("mnist", False, "mnist", True),
        # the sample's test digits are MNIST training digits
        ("mnist", False, "mnist-sample", False),
        ("mnist-sample", True, "mnist", True),
        ("mnist-sample", False, "mnist-sample", True),
    ],
)
def test_held_out_means_never_trained_on(
    trained_on: str, excluded: bool, asked: str, held_out: bool
) -> None:
    source = provenance(dataset=trained_on, excluded_sample_test=excluded)
    assert source.held_out(asked) is held_out


def test_own_run_that_is_called_like_a_shipped_one_says_that_it_is_hidden(
    run_folders: tuple[Path, Path],
) -> None:
    shipped, own = run_folders
    make_run(shipped / "twin")
    make_run(own / "twin")
    first, second = registry.list_runs()
    assert (first.folder, second.folder) == (shipped / "twin", own / "twin")
    assert isinstance(second, BrokenRun)
    assert "Rename" in second.problem
    assert registry.find_run("twin").folder == shipped / "twin"


def test_folder_that_may_not_be_read_breaks_no_page(
    run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, own = run_folders
    make_run(shipped / "good")
    whole = os.scandir

    def refuse(folder: Path) -> Any:
        if folder == own:  # root may read everything, so this is how it is for others
            raise PermissionError(13, "Permission denied", str(own))
        return whole(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    good, refused = registry.list_runs()
    assert good.id == "good"
    assert isinstance(refused, BrokenRun)
    assert "Permission denied" in refused.problem
    assert str(own) not in refused.problem


def test_folder_that_may_not_be_looked_at_is_no_run(
    run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = run_folders
    whole = Path.is_dir

    def refuse(folder: Path) -> bool:
        if folder.parent == own:
            raise PermissionError(13, "Permission denied", str(folder))
        return whole(folder)

    monkeypatch.setattr(Path, "is_dir", refuse)
    for ask in (lambda: registry.find_run("mine"), lambda: registry.open_run(str(own / "mine"))):
        with pytest.raises(RunError, match="There is no run"):
            ask()


def test_changed_run_is_seen_at_once_and_an_unchanged_one_is_read_once(
    run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = run_folders
    writer = make_run(own / "mine")
    make_run(own / "other")
    read: list[str] = []
    whole = registry.read_run
    monkeypatch.setattr(
        registry, "read_run", lambda folder: (read.append(folder.name), whole(folder))[1]
    )
    for _ in range(3):
        registry.list_runs()
    assert read == ["mine", "other"]
    for machine in ("one", "two", "six"):  # the file keeps its length
        writer.update(machine=machine)
        assert registry.list_runs()[0].info.machine == machine
    (own / "mine" / "run.json").write_text("damaged")
    assert isinstance(registry.list_runs()[0], BrokenRun)
    (own / "mine" / "run.json").unlink()
    assert "has no run.json" in registry.list_runs()[0].problem
    assert read.count("other") == 1


def test_sentences_do_not_say_where_things_lie(run_folders: tuple[Path, Path]) -> None:
    _, own = run_folders
    run = registry.read_run(make_run(own / "mine").folder)
    (own / "empty").mkdir()
    with pytest.raises(RunError) as without_model:
        run.check_model()
    with pytest.raises(RunError) as taken:
        make_run(own / "mine")
    broken = registry.list_runs()[0]
    for sentence in (str(without_model.value), str(taken.value), broken.problem):
        assert str(own) not in sentence
        assert "python -m" not in sentence
    assert without_model.value.__notes__ == taken.value.__notes__ == [str(own / "mine")]
