"""Writing a run folder: during its training, when that fails, and what is computed afterwards.

`RunWriter` and `ResumedWriter` hold the folder's lock for as long as they are open.
`store_derived_file` adds what is computed from a finished run. `core.runs.registry` describes the
files and reads them.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray

from core.data.mnist import DatasetName
from core.recipes.recipe import Recipe
from core.runs.locks import take_worker_lock
from core.runs.messages import Ended, event_to_line
from core.runs.registry import read_run
from core.runs.run import (
    CHECKPOINT,
    EndedBy,
    Provenance,
    Run,
    RunInfo,
    StoredPredictions,
    epoch_file,
)
from core.utils.errors import DigitscopeError, RunError
from core.utils.files import DISK_FULL, replace_file, to_json, write_atomically

_MAX_EPOCHS_KEPT = 20
MAX_EPOCH_BYTES = 20 * 1024 * 1024
# A file that is deleted when the disk is full, so that the run can still note it.
SPARE_EPOCHS = ".spare"
_SPARE_BYTES = 64 * 1024


class RunWriter:
    """Writes a run folder while its training goes on, and holds the folder's lock meanwhile."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        provenance: Provenance,
        *,
        max_epoch_bytes: int = MAX_EPOCH_BYTES,
        versions: dict[str, str] | None = None,
        machine: str = "",
        preset: str = "",
        command: str = "",
    ) -> None:
        """Make the folder.

        Args:
            folder: of the new run; its name becomes the run's id.
            recipe: what is trained.
            provenance: on which digits.
            max_epoch_bytes: of the weights that are kept of single epochs.
            versions: of the libraries.
            machine: a description of it.
            preset: the preset or run that the recipe came from.
            command: the command that makes such a run again.

        Raises:
            RunError: the folder cannot be written, or exists already.
        """
        make_run_folder(folder)
        self._open(folder, max_epoch_bytes)
        self.info = RunInfo(
            id=folder.name,
            status="running",
            recipe=recipe,
            provenance=provenance,
            created=utc_now(),
            versions=versions or {},
            machine=machine,
            preset=preset,
            command=command,
        )
        self.update()

    def _open(self, folder: Path, max_epoch_bytes: int, lock: FileLock | None = None) -> None:
        self.folder = folder
        self.max_epoch_bytes = max_epoch_bytes
        self.rows: list[dict[str, Any]] = []
        self.ended_before: EndedBy = ""
        try:
            self._lock = lock or take_worker_lock(folder)
            (folder / "epochs").mkdir(exist_ok=True)
            _write(folder / SPARE_EPOCHS, bytes(_SPARE_BYTES))
        except OSError as error:
            raise RunError(why_unwritable(error, folder)) from error

    def close(self) -> None:
        """Release the folder."""
        with suppress(OSError):
            (self.folder / SPARE_EPOCHS).unlink(missing_ok=True)
        self._lock.release()

    def update(self, **changes: Any) -> None:
        """Change fields of `RunInfo` and write `run.json`."""
        self.info = self.info.model_copy(update=changes)
        write_info(self.folder, self.info)

    def fail(self, reason: str) -> None:
        """Note that the training failed, on a full disk too: the spare file is for this."""
        with suppress(OSError):
            (self.folder / SPARE_EPOCHS).unlink(missing_ok=True)
            self.update(status="failed", ended_by="fault", error=reason)

    def event(self, fields: dict[str, Any]) -> None:
        """Append a line to `events.jsonl`; a figure that is not finite is null there."""
        with (self.folder / "events.jsonl").open("ab", buffering=0) as file:
            file.write(to_json(fields).encode() + b"\n")

    def rewind(self, epoch: int, step: int) -> None:
        """Forget what is later than the checkpoint from which an interrupted training continues.

        Args:
            epoch: whole epochs that are done.
            step: batches of the next epoch that are done.
        """
        self.rows = [row for row in self.rows if row["epoch"] <= epoch]
        changes = self.info.rate_changes
        kept = tuple(
            change for change in changes if (change.epoch, change.step) <= (epoch + 1, step)
        )
        self.update(rate_changes=kept, epochs_done=epoch)

    def epoch(self, row: dict[str, Any], weights: Sequence[NDArray[np.float32]]) -> None:
        """Keep an epoch's figures and weights; drop weights of older epochs if they take too much.

        Figures of the same epoch, from before an interruption, are replaced.

        Args:
            row: the figures, a value for each column of `history.csv`.
            weights: in the order of Keras's `get_weights()`; kept as float16.
        """
        self.rows = [old for old in self.rows if old["epoch"] < row["epoch"]] + [row]
        table = pd.DataFrame(self.rows).to_csv(index=False)
        write_atomically(self.folder / "history.csv", lambda file: file.write(table.encode()))
        halves = {f"w{k}": array.astype(np.float16) for k, array in enumerate(weights)}
        target = epoch_file(self.folder, row["epoch"])
        write_atomically(target, lambda file: np.savez_compressed(file, **halves))  # type: ignore[arg-type]
        size = target.stat().st_size
        for extra in thin_epochs(
            Run(self.folder, self.info).epochs(), self.max_epoch_bytes // size
        ):
            epoch_file(self.folder, extra).unlink()

    def model(self, save: Callable[[Path], None]) -> None:
        """Keep the network.

        Args:
            save: writes it to the path that it is given, which ends in `.keras`.
        """
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".model.") as place:
            draft = Path(place) / "model.keras"
            save(draft)
            digest = hashlib.sha256(draft.read_bytes()).hexdigest()
            replace_file(draft, self.folder / "model.keras")
        self.update(model_sha256=digest)

    def predictions(self, answers: dict[DatasetName, StoredPredictions]) -> None:
        """Keep the answers on the test digits of each dataset."""
        store_predictions(self.folder, answers)


class ResumedWriter(RunWriter):
    """Writes a run that is queued, or whose training was interrupted or has ended."""

    def __init__(
        self,
        run: Run,
        *,
        max_epoch_bytes: int = MAX_EPOCH_BYTES,
        lock: FileLock | None = None,
    ) -> None:
        """Take the folder over.

        Args:
            run: in this folder.
            max_epoch_bytes: of the weights that are kept of single epochs.
            lock: one that this process holds already, in place of the folder's own lock.

        Raises:
            RunError: another process trains the run.
        """
        self._open(run.folder, max_epoch_bytes, lock)
        _remove_drafts(run.folder)
        # Read again, now that nobody else writes it.
        self.info = read_run(run.folder).info
        self.ended_before = self.info.ended_by
        self.update(status="running", ended_by="", error="")
        with suppress(RunError):
            rows = Run(run.folder, run.info).history().to_dict("records")
            self.rows = [{str(name): value for name, value in row.items()} for row in rows]


def make_run_folder(folder: Path) -> None:
    """Make a new run's folder. Raises RunError if it exists already or cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except FileExistsError as error:
        raise RunError(
            "The run's folder is there already. Choose another name, or delete it first."
        ).at(folder) from error
    except OSError as error:
        raise RunError(
            f"The run's folder cannot be written ({error.strerror}). "
            "Choose one that you may write to."
        ).at(folder) from error


def store_predictions(folder: Path, answers: Mapping[DatasetName, StoredPredictions]) -> None:
    """Write the answers on the test digits of each dataset into a run's folder."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, answer in answers.items():
        arrays[f"{name}_labels"] = answer.labels
        arrays[f"{name}_probabilities"] = answer.probabilities
    target = folder / "test_predictions.npz"
    write_atomically(target, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def write_info(folder: Path, info: RunInfo) -> None:
    """Write `run.json`."""
    _write(folder / "run.json", (info.model_dump_json(indent=1) + "\n").encode())


def utc_now() -> datetime:
    """The time now in UTC, to whole seconds, as `run.json` has it."""
    return datetime.now(UTC).replace(microsecond=0)


def why_unwritable(error: OSError, folder: Path) -> str:
    """Say why a file of a run's folder could not be written, and what to do.

    Args:
        error: what the system raised.
        folder: the run's folder.
    """
    if error.errno in DISK_FULL:
        saved = (folder / CHECKPOINT).exists()
        then = "it can be continued from where it was last saved" if saved else "train it again"
        return (
            "The disk is full, so the training ended. Delete runs that are no longer needed; "
            f"then {then}."
        )
    return f"The run's folder cannot be written ({error.strerror}), so the training ended."


def thin_epochs(epochs: Sequence[int], at_most: int) -> Iterator[int]:
    """Choose the epochs whose weights are dropped.

    The first and the last always stay, and the last but one if there is room for three. Of the
    others, the one whose neighbors have the smallest ratio is dropped first, because a network
    changes most in its first epochs.

    Args:
        epochs: that are kept now.
        at_most: how many may stay; never fewer than 2, and never more than 20.

    Yields:
        The epochs to drop.

    Example:
        >>> list(thin_epochs([1, 2, 3, 4, 5, 6], at_most=4))
        [4, 3]
    """
    kept = sorted(epochs)
    while len(kept) > max(2, min(at_most, _MAX_EPOCHS_KEPT)):
        # The last but one stays where it can: pages show what the last epoch changed.
        free = range(1, max(len(kept) - 2, 2))
        ratios = [kept[k + 1] / kept[k - 1] for k in free]
        yield kept.pop(1 + ratios.index(min(ratios)))


def store_derived_file(run: Run, name: str, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file with results about a run into its folder, if the run is still the same.

    Args:
        run: as it was when the computation began.
        name: of the file.
        write: writes its content.

    Raises:
        RunError: the run was deleted or trained on meanwhile, or the file cannot be written.
    """
    if read_run(run.folder).info.model_sha256 != run.info.model_sha256:
        raise RunError(
            f"The run {run.id!r} was trained on meanwhile, so this is of its old network and was "
            "thrown away. Start it again."
        )
    try:
        write_atomically(run.folder / name, write)
    except FileNotFoundError as error:
        raise RunError(f"The run {run.id!r} was deleted meanwhile. Choose another run.") from error
    except OSError as error:
        full = error.errno in DISK_FULL
        why = "the disk is full" if full else error.strerror or "the system refused"
        then = "Delete runs that are no longer needed" if full else "Give the app access to it"
        raise RunError(
            f"What was worked out cannot be kept in the folder of the run {run.id!r} ({why}). "
            f"{then}, then start it again."
        ).at(run.folder) from error


def record_failure(writer: RunWriter, error: BaseException, seconds: float) -> None:
    """Note in the run folder that the training failed, and why.

    The callback for events is not called: its caller gets the error, or it is what failed.

    Args:
        writer: of the run.
        error: what ended the training.
        seconds: of training so far.
    """
    reason = _failure_sentence(error, writer.folder)
    writer.fail(reason)
    with suppress(OSError):
        writer.event(event_to_line(Ended(time.time(), "failed", seconds, reason, "fault")))


def _write(target: Path, content: bytes) -> None:
    write_atomically(target, lambda file: file.write(content))


def _remove_drafts(folder: Path) -> None:
    """Remove unfinished files of a process that was killed; only with the lock held."""
    for draft in [*folder.glob(".*.*"), *folder.glob("epochs/.*.*")]:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _failure_sentence(error: BaseException, folder: Path) -> str:
    """A sentence for visitors; TensorFlow's own messages are for the log."""
    if isinstance(error, DigitscopeError):
        return str(error)
    if isinstance(error, OSError):
        return why_unwritable(error, folder)
    if isinstance(error, KeyboardInterrupt):
        return "The training was broken off in the terminal."
    return (
        f"The training broke off because of a fault inside ({type(error).__name__}). "
        "The log of its process says more."
    )
