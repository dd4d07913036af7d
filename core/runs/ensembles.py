"""Ensembles: runs whose answers are averaged, kept as a run of their own.

Networks that were trained alike but from other seeds err on different digits. The average of their
probabilities is therefore wrong on fewer digits than most of them alone (Hansen and Salamon, 1990,
"Neural network ensembles"); Yash Katariya's tutorial names it as a way past one network's accuracy.
An ensemble takes the time of all its members together.

Nothing is trained: the answers of an ensemble are the averages of those that its members have
stored. Its folder holds copies of them, so that they may be deleted or trained on. Nothing here
needs TensorFlow.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.data.mnist import DATASETS, DatasetName
from core.runs.predictions import check_predictions, score_predictions
from core.runs.registry import MEMBERS_FOLDER
from core.runs.run import Member, Provenance, Run, RunInfo, StoredPredictions
from core.runs.writer import store_predictions, utc_now, write_info
from core.utils.errors import RunError

MAX_MEMBERS: Final = 10
PRESET: Final = "ensemble"
"""What stands in place of the preset that a run came from."""
_COPIED: Final = ("run.json", "model.keras", "history.csv", "test_predictions.npz")


@dataclass(frozen=True)
class EnsemblePlan:
    """An ensemble that can be written.

    Attributes:
        members: the runs whose answers are averaged.
        answers: their average on the test digits of each dataset that all of them have answered.
    """

    members: tuple[Run, ...]
    answers: dict[DatasetName, StoredPredictions]

    @property
    def bytes(self) -> int:
        """About how much room its folder takes."""
        files = [member.folder / name for member in self.members for name in _COPIED]
        return sum(file.stat().st_size for file in files if file.exists()) + 1_000_000

    def write(self, folder: Path) -> RunInfo:
        """Write the ensemble into a folder that is there and empty but for a visitor's card.

        Args:
            folder: its name becomes the run's id.

        Returns:
            What its `run.json` holds; that file is written last.

        Raises:
            OSError: the disk is full, or a member was deleted meanwhile.
        """
        for member in self.members:
            copy = folder / MEMBERS_FOLDER / member.id
            copy.mkdir(parents=True)
            for name in _COPIED:
                if (member.folder / name).exists():
                    shutil.copyfile(member.folder / name, copy / name)
        store_predictions(folder, self.answers)
        info = self._info(folder.name)
        write_info(folder, info)
        return info

    def _info(self, run_id: str) -> RunInfo:
        first = self.members[0].info
        digests = "".join(member.info.model_sha256 for member in self.members)
        provenance = _provenance(self.members)
        return RunInfo(
            id=run_id,
            status="finished",
            recipe=first.recipe,
            provenance=provenance,
            created=utc_now(),
            seconds=sum(member.info.seconds for member in self.members),
            metrics={
                name: score_predictions(answers, held_out=provenance.held_out(name))
                for name, answers in self.answers.items()
            },
            model_sha256=hashlib.sha256(digests.encode()).hexdigest(),
            versions=first.versions,
            preset=PRESET,
            members=tuple(
                Member(
                    id=member.id,
                    parameters=member.info.parameters,
                    model_sha256=member.info.model_sha256,
                )
                for member in self.members
            ),
        )


def plan_ensemble(members: Sequence[Run]) -> EnsemblePlan:
    """Check that runs can be an ensemble, and average their answers; nothing is written.

    Args:
        members: the runs, in their order in the ensemble.

    Raises:
        RunError: they are too few or too many, one of them has no tested network, is an ensemble
            itself or occurs twice, or they have not answered the same test digits.
    """
    if not 2 <= len(members) <= MAX_MEMBERS:
        raise RunError(
            f"An ensemble has 2 to {MAX_MEMBERS} members, not {len(members)}: choose "
            f"{'more' if len(members) < 2 else 'fewer'} runs."
        )
    for member in members:
        _check_member(member)
    digests = [member.info.model_sha256 for member in members]
    if len(set(digests)) < len(digests):
        raise RunError(
            "Two of these runs have the very same network, so averaging them changes nothing: "
            "choose runs that were trained from other seeds or by other recipes."
        )
    answers = {
        name: average(stored)
        for name in DATASETS
        if (stored := _stored_answers(members, name)) is not None
    }
    if not answers:
        raise RunError(
            "These runs were not all tested on the same digits, so nothing would say how good "
            "their average is: choose runs that were."
        )
    return EnsemblePlan(tuple(members), answers)


def average(answers: Sequence[StoredPredictions]) -> StoredPredictions:
    """Average the probabilities of several networks on the same digits.

    Args:
        answers: of each network, to the same n digits; at least one.

    Returns:
        Labels, and the arithmetic means of the probabilities, float32 (n, 10).

    Example:
        >>> first = StoredPredictions(np.array([1]), np.array([[0.2, 0.8]], np.float32))
        >>> second = StoredPredictions(np.array([1]), np.array([[0.6, 0.4]], np.float32))
        >>> average([first, second]).probabilities.round(2).tolist()
        [[0.4000000059604645, 0.6000000238418579]]
    """
    probabilities = np.stack([each.probabilities for each in answers])
    return StoredPredictions(answers[0].labels, np.asarray(probabilities.mean(axis=0), np.float32))


def _check_member(member: Run) -> None:
    info = member.info
    if info.members:
        raise RunError(
            f"The run {member.id!r} is an ensemble itself: choose its members instead of it."
        )
    if not info.model_sha256 or not info.metrics:
        raise RunError(
            f"The run {member.id!r} has no tested network that could be averaged. Choose another."
        )
    if info.status not in {"finished", "stopped"}:
        raise RunError(
            f"The training of the run {member.id!r} is not over: its network still changes. Wait "
            "for its end, or choose another."
        )
    member.check_model()


def _stored_answers(members: Sequence[Run], dataset: DatasetName) -> list[StoredPredictions] | None:
    """The answers of all members on the same test digits of a dataset; None if there are none."""
    stored = [member.predictions(dataset) for member in members]
    answers = [each for each in stored if each is not None]
    if len(answers) < len(members):
        return None
    for member, each in zip(members, answers, strict=True):
        check_predictions(member.id, each)
    same = all(np.array_equal(each.labels, answers[0].labels) for each in answers)
    return answers if same else None


def _provenance(members: Sequence[Run]) -> Provenance:
    """All that the members have seen, together; numbers of digits are those of the largest."""
    sources = [member.info.provenance for member in members]
    full = [source for source in sources if source.dataset == "mnist"]
    return Provenance(
        dataset="mnist" if full else "mnist-sample",
        excluded_sample_test=all(source.held_out("mnist-sample") for source in sources)
        if full
        else all(source.excluded_sample_test for source in sources),
        seen_unlabeled=tuple(
            sorted({name for source in sources for name in source.seen_unlabeled})
        ),
        n_train=max(source.n_train for source in sources),
        n_validation=max(source.n_validation for source in sources),
    )
