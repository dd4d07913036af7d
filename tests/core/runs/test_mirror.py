"""A run folder kept equal on two machines: what is sent, in which order, and what is not."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runs.mirror import FileChange, FolderChanges, apply_changes


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    (folder / "epochs").mkdir(parents=True)
    for name in (
        "events.jsonl",
        "run.json",
        "checkpoint.npz",
        "history.csv",
        "epochs/epoch_01.npz",
    ):
        (folder / name).write_text(f"{name} at first\n")
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_both_folders_are_equal_after_every_kind_of_change(here: Path, there: Path) -> None:
    changes = FolderChanges(here)
    apply_changes(there, changes.read())
    assert contents(there) == contents(here)
    with (here / "events.jsonl").open("a") as file:
        file.write("a second line\n")
    (here / "history.csv").write_text("longer than before, and from its start\n")
    (here / "model.keras").write_bytes(bytes(range(256)))
    (here / "epochs" / "epoch_01.npz").unlink()
    apply_changes(there, changes.read())
    assert contents(there) == contents(here)
    assert changes.read() == []


def test_of_a_growing_file_only_what_is_new_is_sent(here: Path) -> None:
    changes = FolderChanges(here)
    changes.read()
    with (here / "events.jsonl").open("a") as file:
        file.write("new\n")
    assert changes.read() == [FileChange("events.jsonl", b"new\n", len("events.jsonl at first\n"))]


def test_a_file_of_lines_that_was_begun_anew_is_sent_whole(here: Path, there: Path) -> None:
    changes = FolderChanges(here)
    apply_changes(there, changes.read())
    (here / "events.jsonl").write_text("short\n")
    apply_changes(there, changes.read())
    assert (there / "events.jsonl").read_text() == "short\n"


def test_what_belongs_to_a_machine_stays_there(here: Path, there: Path) -> None:
    for name in ("worker.lock", "worker.log", "worker.pid", "job.json", ".history.csv.draft"):
        (here / name).write_text("mine")
    (there / "job.json").write_text("the visitor's")
    changes = FolderChanges(here)
    apply_changes(there, changes.read())
    assert "worker.lock" not in contents(there)
    assert ".history.csv.draft" not in contents(there)
    assert (there / "job.json").read_text() == "the visitor's"


def test_the_checkpoint_is_written_after_its_history_and_the_end_last(here: Path) -> None:
    names = [change.name for change in FolderChanges(here).read()]
    assert names[-2:] == ["checkpoint.npz", "run.json"]


def test_a_checkpoint_never_comes_before_the_history_that_it_rests_on(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes = Path.read_bytes

    def saved_meanwhile(path: Path) -> bytes:
        """An epoch ends at the moment in which the first file is read."""
        content = read_bytes(path)
        if path.name == "run.json":
            (here / "history.csv").write_text("two epochs\n")
            (here / "checkpoint.npz").write_text("after two epochs\n")
            (here / "run.json").write_text("finished\n")
        return content

    changes = FolderChanges(here)
    monkeypatch.setattr(Path, "read_bytes", saved_meanwhile)
    apply_changes(there, changes.read())
    monkeypatch.undo()
    assert (there / "history.csv").read_text() == "two epochs\n"
    assert (there / "run.json").read_text() == "run.json at first\n"
    apply_changes(there, changes.read())
    assert contents(there) == contents(here)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=8), st.integers(0, 7))
def test_lines_that_are_sent_twice_stand_there_once(parts: list[bytes], repeated: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        here, there = Path(place) / "here", Path(place) / "there"
        here.mkdir()
        there.mkdir()
        changes = FolderChanges(here)
        for number, part in enumerate(parts):
            with (here / "orders.jsonl").open("ab") as file:
                file.write(part)
            sent = changes.read()
            apply_changes(there, sent)
            if number == repeated:
                apply_changes(there, sent)
        assert contents(there) == contents(here)


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "epochs/../../x"])
def test_no_name_leads_out_of_the_folder(there: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        apply_changes(there, [FileChange(name, b"x")])
