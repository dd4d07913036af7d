"""Writing a run folder while its training goes on; `core.runs` says what is in it and reads it."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets import DatasetName
from core.errors import RunError
from core.plain_json import to_json
from core.recipes import Recipe
from core.run_info import Provenance, RunInfo
from core.runs import Predictions, Run, epoch_file

MAX_EPOCHS_KEPT = 20
MAX_EPOCH_BYTES = 20 * 1024 * 1024
REPLACING_S = 1.0


class RunWriter:
    """Writes a run folder while its training goes on."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        provenance: Provenance,
        *,
        max_epoch_bytes: int = MAX_EPOCH_BYTES,
        versions: dict[str, str] | None = None,
        machine: str = "",
    ) -> None:
        """Make the folder. Raises RunError if it cannot be written, or holds a run already."""
        self.folder = folder
        self.max_epoch_bytes = max_epoch_bytes
        self._rows: list[dict[str, float]] = []
        try:
            folder.mkdir(parents=True, exist_ok=False)
            (folder / "epochs").mkdir()
        except FileExistsError as error:
            raise RunError(
                "The run's folder is there already. Choose another name, or delete it first."
            ).at(folder) from error
        except OSError as error:
            raise RunError(
                f"The run's folder cannot be written ({error.strerror}). "
                "Choose one that you may write to."
            ).at(folder) from error
        self.info = RunInfo(
            id=folder.name,
            status="running",
            recipe=recipe,
            provenance=provenance,
            created=datetime.now(UTC).replace(microsecond=0),
            versions=versions or {},
            machine=machine,
        )
        self.update()

    def update(self, **changes: Any) -> None:
        """Change fields of `run.json` and write it."""
        self.info = self.info.model_copy(update=changes)
        text = self.info.model_dump_json(indent=1) + "\n"
        write_whole(self.folder / "run.json", lambda file: file.write(text.encode()))

    def event(self, fields: dict[str, Any]) -> None:
        """Append a line to `events.jsonl`; a figure that is not finite is null there."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(to_json(fields) + "\n")

    def epoch(self, row: dict[str, float], weights: Sequence[NDArray[np.float32]]) -> None:
        """Keep an epoch's figures and its weights; thin the older ones if they grow too many."""
        self._rows.append(row)
        table = pd.DataFrame(self._rows).to_csv(index=False)
        write_whole(self.folder / "history.csv", lambda file: file.write(table.encode()))
        halves = {f"w{k}": array.astype(np.float16) for k, array in enumerate(weights)}
        target = epoch_file(self.folder, len(self._rows))
        write_whole(target, lambda file: np.savez_compressed(file, **halves))  # type: ignore[arg-type]
        size = target.stat().st_size
        for extra in thin(Run(self.folder, self.info).epochs(), self.max_epoch_bytes // size):
            epoch_file(self.folder, extra).unlink()

    def model(self, save: Callable[[Path], None]) -> None:
        """Keep the network: `save` writes it to the path it is given (which ends in .keras)."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            draft = Path(place) / "model.keras"
            save(draft)
            digest = hashlib.sha256(draft.read_bytes()).hexdigest()
            _replace(draft, self.folder / "model.keras")
        self.update(model_sha256=digest)

    def predictions(self, answers: dict[DatasetName, Predictions]) -> None:
        """Keep what the run answers on the test digits of each dataset."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, answer in answers.items():
            arrays[f"{name}_labels"] = answer.labels
            arrays[f"{name}_probabilities"] = answer.probabilities
        target = self.folder / "test_predictions.npz"
        write_whole(target, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def thin(epochs: Sequence[int], at_most: int) -> Iterator[int]:
    """Which epochs to drop so that at most `at_most` (never fewer than 2) and 20 stay.

    The first and the last always stay; each time the one goes whose neighbours are closest
    together as a ratio, because a network changes most in its first epochs.
    """
    kept = sorted(epochs)
    while len(kept) > max(2, min(at_most, MAX_EPOCHS_KEPT)):
        ratios = [kept[k + 1] / kept[k - 1] for k in range(1, len(kept) - 1)]
        yield kept.pop(1 + ratios.index(min(ratios)))


def write_whole(target: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a reader sees the old one or the whole new one, never a part."""
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(draft).chmod(0o644)
        _replace(Path(draft), target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _replace(draft: Path, target: Path) -> None:
    """Put the new file in the old one's place; Windows refuses while a reader has that one open."""
    until = time.monotonic() + REPLACING_S
    while True:
        try:
            draft.replace(target)
        except PermissionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
