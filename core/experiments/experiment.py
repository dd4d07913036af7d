"""An experiment on disk: its plan, whose it is, and how far it has come.

Each is a file of its own, `.experiments/ID.json` in the folder of runs; the dot keeps it out of the
list of runs. Its trainings are ordinary runs with the ids `ID-001`, `ID-002`, ... in the order of
the plan, so nothing has to be looked up to find them, and none is started twice after a crash.
Whoever changes the file holds the queue's lock, as for a run.
"""

import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from core.experiments.plan import Combination, Trial, combinations_of
from core.experiments.search import AnyPlan, Search
from core.experiments.settings import SettingValue
from core.runs import registry
from core.runs.permissions import MAX_TITLE
from core.runs.run import Run
from core.utils.errors import DigitscopeError, ExperimentError, RunError
from core.utils.files import file_stamp, write_atomically
from core.utils.text import shortened
from core.utils.validation import FrozenModel

FORMAT: Final = 1
_FOLDER: Final = ".experiments"
# Room for "-001" in a run's id, which has at most 80 characters.
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,70}")
ExperimentState = Literal["going on", "paused", "stopped"]
TrialStatus = Literal[
    "planned", "queued", "running", "finished", "pruned", "stopped", "failed", "deleted"
]


class Experiment(FrozenModel):
    """What the file of an experiment holds."""

    format: Literal[1] = FORMAT
    id: str
    plan: AnyPlan
    created: datetime
    owner: str = Field(default="", description="SHA-256 of its visitor's token; empty: nobody's")
    title: str = Field(default="", max_length=MAX_TITLE)
    preset: str = Field(default="", description="the preset or run that its recipe came from")
    state: ExperimentState = "going on"
    submitted: int = Field(default=0, ge=0, description="trainings that were put into the queue")
    proposals: tuple[tuple[SettingValue, ...], ...] = Field(
        default=(), description="of a search: the values of each training that was proposed"
    )
    problem: str = Field(default="", description="why it was paused or stopped, if not by hand")

    @property
    def name(self) -> str:
        """Its title, else its id."""
        return self.title or self.id

    @model_validator(mode="after")
    def _has_its_proposals(self) -> Self:
        if not isinstance(self.plan, Search):
            return self
        if len(self.proposals) < self.submitted:
            raise ValueError("a training of the search has no proposed values")
        width = len(self.plan.dimensions)
        if any(len(values) != width for values in self.proposals):
            raise ValueError("proposed values do not fit the searched settings")
        return self

    def trial(self, number: int) -> Trial:
        """Get a training by its place, from 0; one of a search must have been proposed."""
        if isinstance(self.plan, Search):
            return self.plan.trial(number, self.proposals[number])
        return self.plan.trial(number)

    def trials(self) -> list[Trial]:
        """All trainings whose settings are known, in their order."""
        known = self.submitted if isinstance(self.plan, Search) else self.plan.trials
        return [self.trial(number) for number in range(known)]

    def combinations(self) -> list[Combination]:
        """All combinations that are known, in their order; of a search, one for each training."""
        if isinstance(self.plan, Search):
            return [trial.combination for trial in self.trials()]
        return list(combinations_of(self.plan))

    def run_folder(self, number: int) -> Path:
        """The folder of the run of a training, by its place in the plan, from 0."""
        return registry.own_folder() / f"{self.id}-{number + 1:03d}"


@dataclass(frozen=True)
class TrialRun:
    """A training of an experiment, and the run that came of it.

    Attributes:
        trial: its place, settings and seed.
        status: of its run; "planned" before it was put into the queue.
        run: None while it is planned, and after it was deleted or damaged.
    """

    trial: Trial
    status: TrialStatus
    run: Run | None

    @property
    def result(self) -> Run | None:
        """Its run, if the training came to an end by the plan, and was tested.

        A training that was stopped by hand has seen fewer epochs than the others: what it reached
        says nothing of its settings.
        """
        tested = self.run is not None and self.status == "finished" and self.run.info.metrics
        return self.run if tested else None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.status not in {"planned", "queued", "running"}


@dataclass(frozen=True)
class BrokenExperiment:
    """A file that is no experiment.

    Attributes:
        id: its name.
        problem: a sentence that says why.
    """

    id: str
    problem: str


def experiments_folder() -> Path:
    """Where the experiments lie."""
    return registry.own_folder() / _FOLDER


def experiment_file(experiment_id: str) -> Path:
    """The file of an experiment."""
    return experiments_folder() / f"{experiment_id}.json"


def find_experiment(experiment_id: str) -> Experiment:
    """Read an experiment by its id, from a link, a page or the command line.

    Raises:
        ExperimentError: there is none, or its file is damaged.
    """
    name = shortened(experiment_id, 40)
    if not _ID.fullmatch(experiment_id):
        raise ExperimentError(f"There is no experiment {name!r}. Choose another one.")
    try:
        stamp = file_stamp(experiment_file(experiment_id))
    except OSError as error:
        raise ExperimentError(
            f"There is no experiment {name!r}: it was deleted, or its link was cut off. "
            "Choose another one."
        ) from error
    return _read_once(experiment_file(experiment_id), stamp)


@lru_cache(maxsize=1024)
def _read_once(file: Path, _stamp: tuple[int, ...]) -> Experiment:
    """Read a file, again only when it has changed: its plan may hold a thousand recipes."""
    try:
        fields = json.loads(file.read_bytes())
        return Experiment.model_validate({**fields, "id": file.stem})
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ExperimentError(
            f"The experiment {file.stem!r} cannot be opened: its file is damaged, or of another "
            "version of Digitscope. Delete it; its runs stay."
        ) from error
    except DigitscopeError as error:
        raise ExperimentError(f"The experiment {file.stem!r} cannot be opened: {error}") from error


def list_experiments() -> list[Experiment | BrokenExperiment]:
    """All experiments, the newest first, damaged ones last."""
    try:
        names = [entry.name for entry in os.scandir(experiments_folder())]
    except OSError:
        return []
    usable: list[Experiment] = []
    broken: list[BrokenExperiment] = []
    for name in sorted(names):
        stem, dot, ending = name.rpartition(".")
        if name.startswith(".") or (dot, ending) != (".", "json"):
            continue
        try:
            usable.append(find_experiment(stem))
        except ExperimentError as error:
            broken.append(BrokenExperiment(stem, str(error)))
    return [*sorted(usable, key=lambda known: known.created, reverse=True), *broken]


def write_experiment(experiment: Experiment) -> None:
    """Write an experiment's file, under the queue's lock.

    Raises:
        ExperimentError: the disk is full, or the folder cannot be written.
    """
    file = experiment_file(experiment.id)
    text = experiment.model_dump_json(indent=1) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda target: target.write(text.encode()))
    except OSError as error:
        raise ExperimentError(
            f"The experiment cannot be written ({error.strerror}). Make room on the disk, and try "
            "it again."
        ) from error


def trial_runs(experiment: Experiment) -> list[TrialRun]:
    """All trainings of an experiment whose settings are known, in their order, with their runs."""
    return [_trial_run(experiment, trial) for trial in experiment.trials()]


def _trial_run(experiment: Experiment, trial: Trial) -> TrialRun:
    if trial.number >= experiment.submitted:
        return TrialRun(trial, "planned", None)
    try:
        run = registry.read_cached(experiment.run_folder(trial.number))
    except RunError:
        return TrialRun(trial, "deleted", None)
    return TrialRun(trial, "pruned" if run.info.ended_by == "pruning" else run.info.status, run)
