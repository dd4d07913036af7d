"""A run on MNIST-C: counted by hand, kept in its folder, and shown in a table."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.data import mnist
from core.data.mnist_c import MNIST_C, corrupt_mnist_c
from core.evaluation.mnist_c import (
    MNIST_C_FILE,
    MnistCResults,
    load_mnist_c,
    measure_and_store_mnist_c,
)
from core.inference.predictor import load_predictor
from core.runs import registry
from core.runs.run import Network
from tests.helpers.networks import SHIPPED

pytestmark = pytest.mark.usefixtures("only_sample")
TEST = mnist.load("mnist-sample").test


def test_it_is_measured_and_kept(run_folders: tuple[Path, Path]) -> None:
    shutil.copytree(ROOT / "models" / "purawr", run_folders[0] / "purawr")
    run = registry.find_run("purawr")
    (run.folder / MNIST_C_FILE).unlink(missing_ok=True)
    assert load_mnist_c(run) is None
    told: list[tuple[int, int]] = []
    measure_and_store_mnist_c(run, lambda done, total: told.append((done, total)))
    assert told[-1] == (15, 15)
    results = load_mnist_c(run)
    assert results is not None
    predict = load_predictor(Network(run)).probabilities
    accuracies = []
    for corruption in MNIST_C:
        answers = predict(corrupt_mnist_c(TEST.images, corruption.name)).argmax(axis=1)
        assert results.wrong[corruption.name] == int((answers != TEST.labels).sum())
        accuracies.append((answers == TEST.labels).mean())
    assert results.mean_accuracy == pytest.approx(np.mean(accuracies))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_runs_hold_their_results(name: str) -> None:
    results = load_mnist_c(registry.find_run(name))
    assert results is not None
    assert results.n == 1000


def test_a_plain_network_is_as_weak_as_the_paper_says() -> None:
    # Kundathil's single convolution; the paper's two have about 79 %.
    results = load_mnist_c(registry.find_run("kundathil"))
    assert results is not None
    assert 0.7 < results.mean_accuracy < 0.88


@pytest.mark.parametrize("damage", ["text", "count", "missing", "other network"])
def test_damaged_results_are_measured_again(run_folders: tuple[Path, Path], damage: str) -> None:
    shutil.copytree(ROOT / "models" / "purawr", run_folders[0] / "purawr")
    run = registry.find_run("purawr")
    file = run.folder / MNIST_C_FILE
    good = MnistCResults(
        model_sha256=run.info.model_sha256, n=10, wrong={c.name: 3 for c in MNIST_C}
    )
    fields = json.loads(good.model_dump_json())
    if damage == "count":
        fields["wrong"]["fog"] = 11
    elif damage == "missing":
        del fields["wrong"]["fog"]
    elif damage == "other network":
        fields["model_sha256"] = "0" * 64
    file.write_text("{" if damage == "text" else json.dumps(fields))
    assert load_mnist_c(run) is None
    file.write_text(good.model_dump_json())
    assert load_mnist_c(run) == good
