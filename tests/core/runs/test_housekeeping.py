"""Renaming, deleting and bringing back runs, and the disk's quota: nobody else's, nothing lost."""

import errno
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from core.runs import housekeeping, registry
from core.runs.housekeeping import (
    MB,
    check_disk_space,
    delete_run,
    empty_trash,
    folder_size,
    rename_run,
    undo_delete,
    used_bytes,
)
from core.runs.locks import queue_lock, worker_lock
from core.runs.permissions import JobCard, Limits, owner_of, read_card, shown_name, write_card
from core.runs.run import BrokenRun, Run
from core.runs.writer import RunWriter
from core.utils.errors import JobError, RunError
from tests.conftest import dense_recipe, provenance

MINE = "my-secret-token-of-this-browser"
THEIRS = "another-visitors-secret-token"
HERE = Limits()
PUBLIC = Limits(public=True)


@pytest.fixture
def own(run_folders: tuple[Path, Path]) -> Path:
    return run_folders[1]


def make(folder: Path, *, owner: str = MINE, status: str = "finished", size: int = 0) -> Run:
    """A run folder of this visitor; `size`: bytes of its network."""
    writer = RunWriter(folder, dense_recipe(), provenance())
    writer.update(status=status)
    writer.close()
    (folder / "model.keras").write_bytes(bytes(size))
    write_card(folder, JobCard(owner=owner_of(owner) if owner else "", title=""))
    return registry.read_run(folder)


def make_status(folder: Path, status: str) -> None:
    """Change a run as a training in another process does."""
    fields = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**fields, "status": status}))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_new_name_is_shown_and_the_id_stays(own: Path) -> None:
    run = make(own / "one")
    assert rename_run(run, "  My \n first\ttry ", token=MINE, allowed=HERE) == "My first try"
    assert shown_name(run) == "My first try"
    assert registry.find_run("one").id == "one"
    assert read_card(run.folder).owner == owner_of(MINE)


def test_an_empty_name_leads_back_to_the_id(own: Path) -> None:
    run = make(own / "one")
    rename_run(run, "something", token=MINE, allowed=HERE)
    rename_run(run, " \u200b ", token=MINE, allowed=HERE)
    assert shown_name(run) == "one"


def test_a_name_of_61_characters_is_refused_and_one_of_60_taken(own: Path) -> None:
    run = make(own / "one")
    rename_run(run, "ü" * 60, token=MINE, allowed=HERE)
    with pytest.raises(JobError, match=r"at most 60 characters, this one has 61"):
        rename_run(run, "x" * 61, token=MINE, allowed=HERE)
    assert shown_name(run) == "ü" * 60


@pytest.mark.parametrize("owner", [THEIRS, ""])
def test_what_others_started_is_theirs(own: Path, owner: str) -> None:
    # Nobody's runs, from the command line, are nobody's to change on a public server.
    run = make(own / "one", owner=owner)
    before = contents(run.folder)
    for act in (
        lambda: rename_run(run, "mine now", token=MINE, allowed=PUBLIC),
        lambda: delete_run(run, token=MINE, allowed=PUBLIC),
    ):
        with pytest.raises(JobError, match="Only the browser that started this run"):
            act()
    assert contents(run.folder) == before


def test_shipped_runs_stay(own: Path, run_folders: tuple[Path, Path]) -> None:
    shipped, _ = run_folders
    run = make(shipped / "best", owner="")
    for act in (
        lambda: rename_run(run, "worst", token=MINE, allowed=HERE),
        lambda: delete_run(run, token=MINE, allowed=HERE),
    ):
        with pytest.raises(JobError, match="came with Digitscope"):
            act()
    assert [each.id for each in registry.list_runs()] == ["best"]


def test_deleting_and_bringing_back_changes_nothing(own: Path) -> None:
    run = make(own / "one", size=1000)
    rename_run(run, "Kept", token=MINE, allowed=HERE)
    before = contents(run.folder)
    deleted = delete_run(run, token=MINE, allowed=HERE)
    assert deleted.name == "Kept"
    assert registry.list_runs() == []
    undo_delete(deleted, token=MINE)
    assert contents(run.folder) == before
    assert [each.id for each in registry.list_runs()] == ["one"]


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_in_work_must_be_stopped_first(own: Path, status: str) -> None:
    make(own / "one", status=status)
    # The page may hold an old copy of the run: what counts is how it stands now.
    stale = Run(
        own / "one", registry.find_run("one").info.model_copy(update={"status": "finished"})
    )
    with pytest.raises(JobError, match="Stop it first"):
        delete_run(stale, token=MINE, allowed=HERE)
    assert (own / "one").is_dir()


def test_a_run_whose_end_is_still_being_written_stays(own: Path) -> None:
    run = make(own / "one", status="stopped")
    with worker_lock(run.folder), pytest.raises(JobError, match="Stop it first"):
        delete_run(run, token=MINE, allowed=HERE)
    delete_run(run, token=MINE, allowed=HERE)
    assert not run.folder.exists()


def test_a_run_continued_in_another_tab_is_judged_as_it_is_now(own: Path) -> None:
    # This tab drew the run when it was finished, and its own rule looks at what it is given.
    drawn = make(own / "one")

    def in_work(run: Run) -> bool:
        return run.info.status in {"queued", "running"}

    for status in ("queued", "running"):
        make_status(own / "one", status)
        with pytest.raises(JobError, match="Stop it first"):
            delete_run(drawn, token=MINE, allowed=HERE, busy=in_work)
    make_status(own / "one", "finished")
    with worker_lock(drawn.folder), pytest.raises(JobError, match="Stop it first"):
        delete_run(drawn, token=MINE, allowed=HERE, busy=lambda run: False)
    assert (own / "one").is_dir()


def damaged(folder: Path, *, owner: str = MINE) -> BrokenRun:
    make(folder, owner=owner)
    (folder / "run.json").write_text("damaged")
    (broken,) = [run for run in registry.list_runs() if run.folder == folder]
    assert isinstance(broken, BrokenRun)
    return broken


def test_a_damaged_run_is_deleted_by_its_owner_and_brought_back(own: Path) -> None:
    broken = damaged(own / "one")
    with pytest.raises(JobError, match="Only the browser that started this run"):
        delete_run(broken, token=THEIRS, allowed=HERE)
    before = contents(broken.folder)
    deleted = delete_run(broken, token=MINE, allowed=PUBLIC)
    assert registry.list_runs() == []
    with pytest.raises(RunError, match="no longer there"):
        delete_run(broken, token=MINE, allowed=PUBLIC)
    undo_delete(deleted, token=MINE)
    assert contents(broken.folder) == before


def test_nobodys_damaged_run_goes_only_where_the_server_is_not_public(own: Path) -> None:
    (own / "empty").mkdir()
    (empty,) = registry.list_runs()
    with pytest.raises(JobError, match="Only the browser that started this run"):
        delete_run(empty, token=MINE, allowed=PUBLIC)
    delete_run(empty, token=MINE, allowed=HERE)
    assert not (own / "empty").exists()


def test_a_damaged_run_that_is_being_trained_stays(own: Path) -> None:
    broken = damaged(own / "one")
    with worker_lock(broken.folder), pytest.raises(JobError, match="Stop it first"):
        delete_run(broken, token=MINE, allowed=HERE)
    assert broken.folder.is_dir()


def test_the_folder_of_all_runs_is_never_deleted(own: Path) -> None:
    unreadable = BrokenRun("runs", own, "The folder 'runs' cannot be read.")
    with pytest.raises(JobError, match="folder of all runs"):
        delete_run(unreadable, token=MINE, allowed=HERE)
    assert own.is_dir()


def test_whether_it_is_in_work_is_asked_while_nothing_can_be_started(own: Path) -> None:
    run = make(own / "one")
    entered: list[str] = []

    def start_another() -> None:
        with queue_lock():
            entered.append("another")

    starter = threading.Thread(target=start_another)

    def busy(_: Run) -> bool:
        starter.start()
        time.sleep(0.3)
        entered.append("asked")
        return False

    delete_run(run, token=MINE, allowed=HERE, busy=busy)
    starter.join()
    assert entered == ["asked", "another"]


def test_a_run_deleted_in_another_tab_gets_a_sentence(own: Path) -> None:
    run = make(own / "one")
    first = delete_run(run, token=MINE, allowed=HERE)
    with pytest.raises(RunError, match="no longer there: it was deleted, perhaps in another tab"):
        delete_run(run, token=MINE, allowed=HERE)
    with pytest.raises(RunError, match="no longer there"):
        rename_run(run, "late", token=MINE, allowed=HERE)
    assert not run.folder.exists()
    undo_delete(first, token=MINE)
    with pytest.raises(RunError, match="no longer in the trash"):
        undo_delete(first, token=MINE)
    assert run.folder.is_dir()


def test_a_run_that_goes_while_it_is_being_deleted_gets_a_sentence(own: Path) -> None:
    run = make(own / "one")

    def gone_meanwhile(_: Run) -> bool:
        shutil.rmtree(run.folder)
        return False

    with pytest.raises(RunError, match="no longer there"):
        delete_run(run, token=MINE, allowed=HERE, busy=gone_meanwhile)


def test_nobody_else_brings_a_run_back(own: Path) -> None:
    deleted = delete_run(make(own / "one"), token=MINE, allowed=HERE)
    with pytest.raises(JobError, match="Only the browser that started this run"):
        undo_delete(deleted, token=THEIRS)
    assert not (own / "one").exists()


def test_a_place_that_was_taken_meanwhile_is_not_overwritten(own: Path) -> None:
    deleted = delete_run(make(own / "one", size=10), token=MINE, allowed=HERE)
    make(own / "one", size=20)
    with pytest.raises(RunError, match="another run is called so"):
        undo_delete(deleted, token=MINE)
    assert (own / "one" / "model.keras").stat().st_size == 20
    # And the second one of that name can be deleted beside the first.
    second = delete_run(registry.find_run("one"), token=MINE, allowed=HERE)
    assert second.folder.is_dir()
    undo_delete(deleted, token=MINE)
    assert (own / "one" / "model.keras").stat().st_size == 10


def test_the_trash_is_emptied_after_an_hour_and_not_before(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = delete_run(make(own / "old", size=5000), token=MINE, allowed=HERE)
    now = time.time()
    monkeypatch.setattr(housekeeping.time, "time", lambda: now + 3500)
    assert empty_trash() == 0
    monkeypatch.setattr(housekeeping.time, "time", lambda: now + 3700)
    assert empty_trash() >= 5000
    assert list((own / ".trash").iterdir()) == []
    with pytest.raises(RunError, match="no longer in the trash"):
        undo_delete(old, token=MINE)


def test_what_a_removal_left_half_done_goes_with_the_next(own: Path) -> None:
    deleted = delete_run(make(own / "one", size=5000), token=MINE, allowed=HERE)
    half = deleted.folder.with_name(deleted.folder.name + ".gone")
    deleted.folder.rename(half)
    with pytest.raises(RunError, match="no longer in the trash"):
        undo_delete(deleted, token=MINE)
    empty_trash()
    assert not half.exists()


def test_sizes_are_those_of_the_files(own: Path) -> None:
    run = make(own / "one", size=0)
    before = used_bytes()
    (run.folder / "model.keras").write_bytes(bytes(12_345))
    (run.folder / "epochs" / "epoch_01.npz").write_bytes(bytes(1_000))
    assert used_bytes() - before == 13_345
    assert folder_size(run.folder) == sum(len(content) for content in contents(run.folder).values())
    delete_run(run, token=MINE, allowed=HERE)
    assert used_bytes() - before == 13_345  # the trash counts: it can still be brought back
    assert folder_size(own / "nowhere") == 0


def test_room_is_refused_in_numbers_and_the_way_out_is_named(own: Path) -> None:
    make(own / "one", size=9 * MB)
    check_disk_space(MB // 2, Limits(disk_mb=10))
    with pytest.raises(JobError) as caught:
        check_disk_space(3 * MB, Limits(disk_mb=10))
    assert "take 9 of the 10 MB" in str(caught.value)
    assert "may need 3 MB" in str(caught.value)
    assert "Delete runs" in str(caught.value)


def test_room_is_taken_from_the_trash_oldest_first_and_no_more_than_is_needed(own: Path) -> None:
    for name in ("first", "second", "third"):
        make(own / name, size=3 * MB)
    gone = [
        delete_run(registry.find_run(name), token=MINE, allowed=HERE)
        for name in ("second", "first")
    ]
    check_disk_space(3 * MB, Limits(disk_mb=10))
    assert [deleted.folder.exists() for deleted in gone] == [False, True]
    undo_delete(gone[1], token=MINE)


def test_the_trash_is_left_alone_where_it_would_not_help(own: Path) -> None:
    make(own / "one", size=8 * MB)
    deleted = delete_run(make(own / "two", size=MB), token=MINE, allowed=HERE)
    with pytest.raises(JobError, match="of the 10 MB"):
        check_disk_space(5 * MB, Limits(disk_mb=10))
    undo_delete(deleted, token=MINE)


def test_a_disk_that_is_nearly_full_is_no_room_either(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(own / "one")
    usage = shutil.disk_usage(own)._replace(free=105 * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    check_disk_space(4 * MB, HERE)
    with pytest.raises(JobError, match="disk of this server is nearly full: 105 MB are free"):
        check_disk_space(6 * MB, HERE)


def test_room_is_judged_before_there_is_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path / "not" / "yet"))
    check_disk_space(MB, HERE)
    with pytest.raises(JobError, match="take 0 of the 10 MB"):
        check_disk_space(11 * MB, Limits(disk_mb=10))


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_keeps_the_old_name(
    own: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    run = make(own / "one")
    rename_run(run, "old", token=MINE, allowed=HERE)

    def full(*arguments: object, **named: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(housekeeping, "write_card", full)
    with pytest.raises(JobError, match="The disk is full"):
        rename_run(run, "new", token=MINE, allowed=HERE)
    assert shown_name(run) == "old"


def test_a_card_keeps_the_names_that_its_file_has(tmp_path: Path) -> None:
    known = {"owner": "", "title": "", "submitted": 1.0, "max_seconds": 0.0}
    known |= {"max_pause_seconds": 600.0, "starts": 2, "started": 3.0, "start": 4}
    (tmp_path / "job.json").write_text(json.dumps(known | {"stop_asked": 0.0, "experiment": ""}))
    card = read_card(tmp_path)
    assert (card.attempts, card.started_at, card.process_token) == (2, 3.0, 4)
    write_card(tmp_path, card)
    assert json.loads((tmp_path / "job.json").read_text()) == known | {
        "stop_asked": 0.0,
        "experiment": "",
    }
