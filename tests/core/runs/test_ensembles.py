"""Ensembles: what is averaged, what is refused, and that the folder needs its members no more."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.jobs import submission
from core.runs import registry
from core.runs.ensembles import average, plan_ensemble
from core.runs.permissions import is_mine, shown_name
from core.runs.run import Run, StoredPredictions
from core.utils.errors import RunError
from tests.helpers import run_list
from tests.helpers.run_list import MINE, MODELS, Copy

copy = run_list.copy
NAMES = ("soorya", "purawr", "fast")


def put(copy: Copy, *names: str, **changes: Any) -> list[Run]:
    """Runs that really ship, in a visitor's folder."""
    return [registry.read_run(copy(name, name, **changes)) for name in names]


def stored(name: str, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(MODELS / name / "test_predictions.npz") as archive:
        return archive[f"{dataset}_labels"], archive[f"{dataset}_probabilities"]


def test_probabilities_are_averaged_not_votes() -> None:
    labels = np.array([3, 4])
    first = np.zeros((2, 10), np.float32)
    second, third = first.copy(), first.copy()
    first[:, 3], first[:, 4] = 0.9, 0.1
    second[:, 3], second[:, 4] = 0.4, 0.6
    third[:, 3], third[:, 4] = 0.3, 0.7
    mean = average([StoredPredictions(labels, each) for each in (first, second, third)])
    # Two of three say 4, but 3 has (0.9 + 0.4 + 0.3) / 3 = 0.5333.
    assert mean.probabilities[:, 3] == pytest.approx([1.6 / 3] * 2)
    assert mean.probabilities[:, 4] == pytest.approx([1.4 / 3] * 2)
    assert mean.probabilities.dtype == np.float32


def test_an_ensemble_is_a_run_with_figures_of_its_own(copy: Copy) -> None:
    run = submission.make_ensemble(put(copy, *NAMES), token=MINE, title="Three together")
    for dataset in ("mnist", "mnist-sample"):
        labels, _ = stored("fast", dataset)
        mean = sum(stored(name, dataset)[1].astype(float) for name in NAMES) / 3
        wrong = int((mean.argmax(axis=1) != labels).sum())
        metrics = run.info.metrics[dataset]
        assert (metrics.n, metrics.wrong, metrics.held_out) == (len(labels), wrong, True)
        # What averaging is for: fewer mistakes than the members have on average.
        alone = [int((stored(name, dataset)[1].argmax(1) != labels).sum()) for name in NAMES]
        assert wrong < sum(alone) / 3
    assert run.info.parameters == 81_066 + 42_310 + 58_026
    assert (run.info.status, run.epochs(), run.model_file.exists()) == ("finished", [], False)
    found = registry.find_run(run.id)
    assert found.info == run.info
    assert is_mine(found, MINE)
    assert shown_name(found) == "Three together"


def test_members_may_be_deleted_afterwards(copy: Copy) -> None:
    members = put(copy, *NAMES)
    run = submission.make_ensemble(members, token=MINE)
    for member in members:
        shutil.rmtree(member.folder)
    assert [member.id for member in registry.read_members(run)] == list(NAMES)
    registry.check_weights(run)
    listed = [each.id for each in registry.list_runs() if isinstance(each, Run)]
    assert listed == [run.id]  # copies are no runs of the list


@pytest.mark.parametrize("damage", ["network", "other run", "gone"])
def test_a_damaged_member_is_told_in_a_sentence(copy: Copy, damage: str) -> None:
    run = submission.make_ensemble(put(copy, *NAMES), token=MINE)
    member = run.folder / "members" / "purawr"
    if damage == "network":
        (member / "model.keras").write_bytes(b"something else")
    elif damage == "gone":
        shutil.rmtree(member)
    else:
        fields = json.loads((member / "run.json").read_text())
        (member / "run.json").write_text(json.dumps({**fields, "model_sha256": "0" * 64}))
    with pytest.raises(RunError) as caught:
        registry.check_weights(run)
    assert "purawr" in str(caught.value)


def test_what_cannot_be_averaged_is_refused_and_leaves_nothing_behind(copy: Copy) -> None:
    soorya, purawr, fast = put(copy, *NAMES)
    (twin,) = [registry.read_run(copy("twin", "fast"))]
    (untested,) = [registry.read_run(copy("untested", "fast", metrics={}))]
    (training,) = [registry.read_run(copy("training", "katariya", status="running"))]
    together = submission.make_ensemble([soorya, purawr], token=MINE)
    before = {path.name for path in registry.own_folder().iterdir()}
    for members, words in (
        ([], "2 to 10 members, not 0"),
        ([fast], "choose more runs"),
        ([fast] * 11, "choose fewer runs"),
        ([fast, twin], "the very same network"),
        ([fast, untested], "'untested' has no tested network"),
        ([fast, training], "'training' is not over"),
        ([fast, together], "is an ensemble itself"),
    ):
        with pytest.raises(RunError, match=words):
            submission.make_ensemble(members, token=MINE)
    assert {path.name for path in registry.own_folder().iterdir()} == before


def test_answers_to_different_digits_are_not_averaged(copy: Copy) -> None:
    fast, purawr = put(copy, "fast", "purawr")
    with np.load(fast.folder / "test_predictions.npz") as archive:
        kept = {name: array for name, array in archive.items() if name.startswith("mnist_")}
    np.savez_compressed(fast.folder / "test_predictions.npz", **kept)
    assert set(plan_ensemble([fast, purawr]).answers) == {"mnist"}
    kept["mnist_labels"] = kept["mnist_labels"][::-1]
    np.savez_compressed(fast.folder / "test_predictions.npz", **kept)
    with pytest.raises(RunError, match="not all tested on the same digits"):
        plan_ensemble([fast, purawr])


@pytest.mark.parametrize(
    ("changes", "held_out"),
    [
        ({}, {"mnist": True, "mnist-sample": True}),
        ({"excluded_sample_test": False}, {"mnist": True, "mnist-sample": False}),
        ({"seen_unlabeled": ["mnist"]}, {"mnist": False, "mnist-sample": True}),
    ],
)
def test_what_one_member_has_seen_the_ensemble_has_seen(
    copy: Copy, changes: dict[str, Any], held_out: dict[str, bool]
) -> None:
    fast, purawr = put(copy, "fast", "purawr")
    fields = json.loads((fast.folder / "run.json").read_text())
    fields["provenance"] |= changes
    (fast.folder / "run.json").write_text(json.dumps(fields))
    run = submission.make_ensemble([registry.read_run(fast.folder), purawr], token=MINE)
    assert {name: each.held_out for name, each in run.info.metrics.items()} == held_out


def test_it_can_neither_be_trained_further_nor_fine_tuned(copy: Copy) -> None:
    run = submission.make_ensemble(put(copy, "fast", "purawr"), token=MINE)
    for forbidden in (run.check_can_go_on, run.check_model, run.history):
        with pytest.raises(RunError, match="is an ensemble"):
            forbidden()
    with pytest.raises(RunError, match="is an ensemble"):
        submission.resume_training(run, token=MINE, epochs=9)


def test_a_full_disk_leaves_no_half_ensemble(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    members = put(copy, "fast", "purawr")
    monkeypatch.setattr("core.runs.ensembles.shutil.copyfile", full)
    with pytest.raises(Exception, match="Make room on the disk"):
        submission.make_ensemble(members, token=MINE)
    assert {path.name for path in registry.own_folder().iterdir()} >= {"fast", "purawr"}
    assert not list(registry.own_folder().glob("ensemble-*"))
