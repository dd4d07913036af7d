"""A run folder kept equal on two machines that do not see the same one.

One side trains in a folder of its own, the other side shows it. `FolderChanges` notes what has
changed in a folder since it was last asked; `apply_changes` makes the same changes in the other
folder. What comes between is bytes: any way of sending them will do (`core.jobs.ray_worker`).

A reader of the second folder, and a training that goes on from it, must never find a checkpoint
that is newer than the history that belongs to it, or a run that is said to be finished without its
answers. So `run.json` and the checkpoint are read first and written last: whatever is written while
the others are read is then newer than they are, never older.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from core.runs.run import CHECKPOINT
from core.utils.files import file_stamp, write_atomically

_READ_FIRST: Final = ("run.json", CHECKPOINT)
_GROWS: Final = ".jsonl"
_STAYS: Final = frozenset({"worker.lock", "worker.log", "worker.pid", "trainer.lock", "job.json"})
"""What belongs to the side that it lies on: processes' locks, log, number; the visitor's card."""


@dataclass(frozen=True)
class FileChange:
    """What has become of one file.

    Attributes:
        name: the path inside the folder, with "/".
        content: the new bytes; None if the file is gone.
        offset: where they begin in the file; what stands before is as it was.
    """

    name: str
    content: bytes | None
    offset: int = 0


class FolderChanges:
    """Notes what has changed in a run folder since the last call of `read`."""

    def __init__(self, folder: Path, takes: Callable[[str], bool] = lambda name: True) -> None:
        """Begin with nothing known: the first `read` gives the whole folder.

        Args:
            folder: of a run.
            takes: whether a file, by its path inside the folder, is compared at all.
        """
        self._folder, self._takes = folder, takes
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._sizes: dict[str, int] = {}

    def read(self) -> list[FileChange]:
        """Read what has changed, in the order in which `apply_changes` writes it."""
        names = self._names()
        gone = sorted(self._stamps.keys() - set(names))
        for name in gone:
            del self._stamps[name], self._sizes[name]
        read = [change for name in names if (change := self._read_file(name))]
        return [*(FileChange(name, None) for name in gone), *reversed(read)]

    def _names(self) -> list[str]:
        """The files to compare, those first that are read first."""
        paths = (path for path in self._folder.rglob("*") if path.is_file())
        names = {path.relative_to(self._folder).as_posix() for path in paths}
        shown = {name for name in names if not self._is_left_out(name)}
        first = [name for name in _READ_FIRST if name in shown]
        return first + sorted(shown - set(first))

    def _is_left_out(self, name: str) -> bool:
        path = PurePosixPath(name)
        is_draft = any(part.startswith(".") for part in path.parts)
        return is_draft or name in _STAYS or not self._takes(name)

    def _read_file(self, name: str) -> FileChange | None:
        path = self._folder / name
        try:
            stamp = file_stamp(path)
            if stamp == self._stamps.get(name):
                return None
            content = path.read_bytes()
        except OSError:  # it was replaced or removed at this moment: the next call tells
            return None
        self._stamps[name] = stamp
        offset = self._sizes.get(name, 0) if name.endswith(_GROWS) else 0
        self._sizes[name] = len(content)
        if offset > len(content):  # another file of this name
            offset = 0
        return FileChange(name, content[offset:], offset)


def apply_changes(folder: Path, changes: Iterable[FileChange]) -> None:
    """Make the changes of another folder in this one.

    Args:
        folder: of the same run.
        changes: as `FolderChanges.read` gives them, in this order.

    Raises:
        OSError: a file cannot be written.
        ValueError: a name leads out of the folder.
    """
    for change in changes:
        path = PurePosixPath(change.name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{change.name!r} is no name of a file in a run folder")
        _apply(folder / path, change)


def _apply(target: Path, change: FileChange) -> None:
    content = change.content
    if content is None:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not change.offset:
        write_atomically(target, lambda file: file.write(content))
        return
    with target.open("r+b") as file:
        file.seek(change.offset)
        file.write(content)
        file.truncate()
