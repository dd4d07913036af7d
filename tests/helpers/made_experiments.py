"""Experiments whose trainings are over at once, with results made by hand."""

from typing import Any

import pandas as pd

from core.experiments.experiment import Experiment, find_experiment, write_experiment
from core.experiments.plan import Plan, make_factor, make_plan
from core.experiments.search import AnyPlan, Search, make_dimension, make_search
from core.jobs.time_estimate import LAYER_WORK_KINDS, MachineSpeed
from core.runs.permissions import JobCard, write_card
from core.runs.run import EndedBy, Metrics, RunInfo, Status
from core.runs.writer import utc_now, write_info
from tests.conftest import dense_recipe, provenance

RATES = make_factor("optimizer.learning_rate", [0.001, 0.01])
RATE_BOUNDS = make_dimension("optimizer.learning_rate", [0.0001, 0.1])

SPEED = MachineSpeed.model_validate(
    {
        "machine": {},
        "measured": "2026-11-30T00:00:00Z",
        "costs": dict.fromkeys(LAYER_WORK_KINDS, 0.0),
        "answer": 0.3,
        "launch": 3.0,
        "trace": 1.0,
        "trace_layer": 0.0,
        "epoch": 0.5,
        "epoch_weight": 0.0,
        "test_layer": 0.0,
        "company": 0.0,
    }
)
"""4 s to start a training, 0.5 s an epoch, whatever is trained."""


def small_plan(seeds: int = 3, **changes: object) -> Plan:
    """Two learning rates of the cheapest recipe, validated."""
    return make_plan(dense_recipe(validation_split=0.1, epochs=2, **changes), [RATES], seeds)


def small_search(**changes: Any) -> Search:
    """Six trainings of the cheapest recipe, validated, between two learning rates."""
    fields: dict[str, Any] = {
        "recipe": dense_recipe(validation_split=0.1, epochs=10, seed=7),
        "dimensions": [RATE_BOUNDS],
        "runs": 6,
    }
    return make_search(**(fields | changes))


def experiment(
    plan: AnyPlan | None = None, name: str = "experiment-1", **fields: object
) -> Experiment:
    """Write an experiment of which no training was put into the queue."""
    made = Experiment.model_validate(
        {"id": name, "plan": plan or small_plan(), "created": utc_now(), **fields}
    )
    write_experiment(made)
    return find_experiment(name)


def finish(
    made: Experiment,
    number: int,
    wrong: int = 50,
    val_loss: float = 0.3,
    *,
    status: Status = "finished",
    ended_by: EndedBy = "last epoch",
) -> Experiment:
    """End a training of an experiment with a result; those before it must have been ended."""
    recipe = made.trial(number).recipe
    folder = made.run_folder(number)
    folder.mkdir(parents=True, exist_ok=True)
    info = RunInfo(
        id=folder.name,
        status=status,
        recipe=recipe,
        provenance=provenance(n_validation=400),
        created=utc_now(),
        seconds=2.0,
        metrics={"mnist-sample": Metrics(n=1000, wrong=wrong, loss=wrong / 300, held_out=True)},
        ended_by=ended_by,
        epochs_done=recipe.epochs,
    )
    write_info(folder, info)
    write_card(folder, JobCard(owner=made.owner, experiment=made.id))
    pd.DataFrame(
        {
            "epoch": [1, 2],
            "loss": [val_loss + 0.2, val_loss],
            "accuracy": [0.8, 0.9],
            "val_loss": [val_loss + 0.1, val_loss],
            "val_accuracy": [0.85, 1 - wrong / 1000],
        }
    ).to_csv(folder / "history.csv", index=False)
    ended = made.model_copy(update={"submitted": max(made.submitted, number + 1)})
    write_experiment(ended)
    return ended
