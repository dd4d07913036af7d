"""A run as it was after an epoch: Keras's own answers with these weights, or a sentence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cachetools import LRUCache
from PIL import Image

from core.__main__ import main
from core.data import mnist
from core.data.normalization import scale
from core.inference.predictor import load_model, load_predictor
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.run import Run
from core.utils.errors import RunError
from tests.conftest import Trained, conv_recipe
from tests.helpers.networks import network_of

IMAGES = mnist.load("mnist-sample").test.images


@pytest.fixture
def own_run(trained: Trained, run_folders: tuple[Path, Path]) -> Run:
    """A copy of the trained run, which keeps both its epochs, free to be damaged."""
    _, own = run_folders
    shutil.copytree(trained.run.folder, own / "mine")
    return registry.find_run("mine")


def test_an_epochs_answers_are_those_of_keras_with_its_weights(own_run: Run) -> None:
    answers = {}
    for epoch in (1, 2):
        # Rebuilt by hand: what training kept in the file, in a network of Keras's own making.
        with np.load(own_run.folder / "epochs" / f"epoch_{epoch:02d}.npz") as archive:
            weights = [archive[f"w{k}"].astype("float32") for k in range(len(archive.files))]
        judge = build_model(conv_recipe().architecture)
        judge.set_weights(weights)
        expected = judge.predict(scale(IMAGES[:50], "divide-255"), verbose=0)
        answers[epoch] = load_predictor(network_of("mine", epoch)).probabilities(IMAGES[:50])
        assert answers[epoch] == pytest.approx(expected, abs=1e-5)
    assert not np.allclose(answers[1], answers[2], atol=0.01)
    # The last epoch's are the finished network's, but for the rounding to float16.
    finished = load_predictor(network_of("mine")).probabilities(IMAGES[:50])
    assert answers[2] == pytest.approx(finished, abs=0.01)


def test_each_epoch_is_loaded_once_and_apart_from_the_finished_network(own_run: Run) -> None:
    first, finished = load_predictor(network_of("mine", 1)), load_predictor(network_of("mine"))
    assert load_predictor(network_of("mine", 1)) is first
    assert load_predictor(network_of("mine")) is finished
    predictors = (first, load_predictor(network_of("mine", 2)), finished)
    assert len({id(predictor) for predictor in predictors}) == 3


def test_an_epoch_can_be_asked_while_the_run_has_no_network_yet(own_run: Run) -> None:
    expected = load_model(own_run, 1).get_weights()
    own_run.model_file.unlink()
    for weights, wanted in zip(load_model(own_run, 1).get_weights(), expected, strict=True):
        assert np.array_equal(weights, wanted)


@pytest.mark.parametrize("epoch", [0, -1, 3, 99, 123])
def test_an_epoch_that_is_not_kept_is_a_sentence(own_run: Run, epoch: int) -> None:
    with pytest.raises(RunError, match=r"epoch .* cannot be read\. The epochs kept are: 1, 2\."):
        load_predictor(network_of("mine", epoch))


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_epoch_is_a_sentence(own_run: Run, content: bytes) -> None:
    (own_run.folder / "epochs" / "epoch_01.npz").write_bytes(content)
    with pytest.raises(RunError, match="weights of epoch 1 of the run 'mine'"):
        load_predictor(network_of("mine", 1))
    assert load_predictor(network_of("mine", 2))


@pytest.mark.parametrize("damage", ["transposed", "missing", "words"])
def test_an_epoch_of_another_network_is_a_sentence(own_run: Run, damage: str) -> None:
    file = own_run.folder / "epochs" / "epoch_01.npz"
    with np.load(file) as archive:
        arrays = dict(archive)
    last = f"w{len(arrays) - 2}"
    arrays[last] = np.array(["a"]) if damage == "words" else arrays[last].T
    if damage == "missing":
        arrays.popitem()
    np.savez(file, **arrays)
    with pytest.raises(RunError, match="are not those of its recipe's network"):
        load_predictor(network_of("mine", 1))


def test_who_goes_through_epochs_does_not_push_out_what_another_visitor_uses(
    own_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inference.predictor._ready", LRUCache(2))
    used = load_predictor(network_of("mine"))
    for epoch in (1, 2, 1, 2):
        load_predictor(network_of("mine", epoch))
        assert load_predictor(network_of("mine")) is used


@pytest.mark.usefixtures("own_run")
def test_evaluate_scores_the_network_of_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    test = mnist.load("mnist-sample").test
    answers = load_predictor(network_of("mine", 1)).probabilities(test.images)
    options = ["--dataset", "mnist-sample", "--epoch", "1"]
    assert main(["evaluate", "mine", *options, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["run"], result["epoch"], result["n"]) == ("mine", 1, 1000)
    assert result["accuracy"] == pytest.approx((answers.argmax(axis=1) == test.labels).mean())
    assert main(["evaluate", "mine", *options]) == 0
    assert capsys.readouterr().out.startswith("mine after epoch 1 on mnist-sample: ")


@pytest.mark.usefixtures("own_run")
def test_predict_reads_with_the_network_of_an_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(IMAGES[0]).resize((112, 112)).save(tmp_path / "digit.png")
    sure = {}
    for options in ([], ["--epoch", "1"], ["--epoch", "2"]):
        assert main(["predict", str(tmp_path / "digit.png"), "--run", "mine", *options]) == 0
        main(["predict", str(tmp_path / "digit.png"), "--run", "mine", "--json", *options])
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        sure[" ".join(options)] = told["digits"][0]["probabilities"]
    assert sure["--epoch 2"] == pytest.approx(sure[""], abs=0.01)
    assert sure["--epoch 1"] != pytest.approx(sure[""], abs=0.01)


@pytest.mark.usefixtures("own_run")
@pytest.mark.parametrize("command", [["evaluate", "mine"], ["predict", "--run", "mine", "x.png"]])
def test_an_epoch_that_is_not_kept_is_a_sentence_on_the_command_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--epoch", "7"]) == 1
    said = capsys.readouterr().err
    assert "The epochs kept are: 1, 2." in said
    assert "Traceback" not in said
