"""Answers: the same as Keras's own, from any number of threads, and only from files we trust."""

import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from cachetools import LRUCache
from sklearn.metrics import log_loss

from core.data import mnist
from core.data.normalization import scale
from core.inference.predictor import Predictor, ScaledModel, load_model, load_predictor
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.run import Run
from core.runs.writer import RunWriter
from core.training.trainer import train
from core.utils.errors import RunError
from tests.conftest import Trained, conv_recipe, dense_recipe, provenance
from tests.helpers.networks import network_of

IMAGES = mnist.load("mnist-sample").test.images


@pytest.fixture(scope="module")
def predictor(trained: Trained) -> Predictor:
    return Predictor(ScaledModel(load_model(trained.run), "divide-255"))


@pytest.fixture
def own_run(trained: Trained, run_folders: tuple[Path, Path]) -> Run:
    """A copy of the trained run where links find it, free to be damaged."""
    _, own = run_folders
    shutil.copytree(trained.run.folder, own / "mine")
    return registry.find_run("mine")


# Below, at and above the fixed batch sizes, and more than the largest of them.
@pytest.mark.parametrize("n", [1, 7, 64, 65, 600])
def test_answers_are_those_of_keras_predict(n: int, predictor: Predictor) -> None:
    expected = predictor.model.predict(scale(IMAGES[:n], "divide-255"), verbose=0)
    probabilities = predictor.probabilities(IMAGES[:n])
    assert (probabilities.shape, probabilities.dtype) == ((n, 10), np.float32)
    assert np.abs(probabilities - expected).max() < 1e-5
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_no_digits_no_answers(predictor: Predictor) -> None:
    probabilities = predictor.probabilities(IMAGES[:0])
    assert (probabilities.shape, probabilities.dtype) == ((0, 10), np.float32)


def test_blank_and_full_pictures_are_answered_too(predictor: Predictor) -> None:
    extremes = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    assert predictor.probabilities(extremes).sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_probabilities_are_those_whose_cross_entropy_training_lowers(
    activation: str, tmp_path: Path
) -> None:
    # Keras's own loss is the judge: what it computes from ten sigmoids is easily guessed wrong.
    layers = [{"kind": "flatten"}, {"kind": "dense", "units": 10, "activation": activation}]
    recipe = dense_recipe(architecture={"layers": layers}, validation_split=0.25)
    run = train(recipe, tmp_path / "run")
    validation = mnist.load("mnist-sample").train.take(slice(3000, None))
    answers = Predictor(ScaledModel(load_model(run), recipe.scaling)).probabilities(
        validation.images
    )
    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
    judged = log_loss(validation.labels, answers.astype(float), labels=range(10))
    assert judged == pytest.approx(run.history()["val_loss"].iloc[-1], abs=1e-4)


def test_digits_are_scaled_as_the_network_was_trained(trained: Trained) -> None:
    model = load_model(trained.run)
    expected = model.predict(scale(IMAGES[:8], "standardise"), verbose=0)
    assert Predictor(ScaledModel(model, "standardise")).probabilities(IMAGES[:8]) == pytest.approx(
        expected, abs=1e-5
    )


@pytest.mark.parametrize(
    "wrong",
    [
        IMAGES[0],
        IMAGES[:2, ..., None],
        IMAGES[:2, :27],
        IMAGES[:2].reshape(2, 784),
        IMAGES[:2].astype(np.float32),
        IMAGES[:2].astype(np.int64),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_other_shapes_and_types_are_refused(wrong: np.ndarray, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(n, 28, 28\), got"):
        predictor.probabilities(wrong)


def test_eight_threads_get_the_answers_of_one(predictor: Predictor) -> None:
    pieces = [IMAGES[k * 37 : k * 37 + 1 + k * 9] for k in range(16)]
    alone = [predictor.probabilities(piece) for piece in pieces]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(predictor.probabilities, pieces * 5))
    for probabilities, expected in zip(together, alone * 5, strict=True):
        assert probabilities == pytest.approx(expected, abs=1e-6)


def test_a_batch_size_is_traced_once_when_it_is_needed_or_beforehand(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[int] = []
    trace = Predictor._traced_function

    def traced_function(self: Predictor, size: int) -> object:
        traced.append(size)
        return trace(self, size)

    monkeypatch.setattr(Predictor, "_traced_function", traced_function)
    predictor = Predictor(ScaledModel(load_model(trained.run), "divide-255"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(predictor.probabilities, [IMAGES[:3]] * 8))
    assert traced == [8]
    predictor.trace()
    assert sorted(traced) == [1, 8, 64, 512]
    for count in (1, 8, 60, 600):
        predictor.probabilities(IMAGES[:count])
    assert len(traced) == 4


@pytest.mark.usefixtures("own_run")
def test_network_is_loaded_once_also_by_eight_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(load_predictor, [network_of("mine")] * 8))
    assert len({id(network) for network in loaded}) == 1
    assert load_predictor(network_of("mine")) is loaded[0]


def test_loaded_run_answers_as_it_did_when_it_was_trained(own_run: Run, trained: Trained) -> None:
    answer = trained.run.predictions("mnist-sample")
    assert answer is not None
    probabilities = load_predictor(network_of(own_run.id)).probabilities(IMAGES)
    assert probabilities == pytest.approx(answer.probabilities, abs=1e-5)


def test_run_deleted_meanwhile_is_a_sentence(own_run: Run) -> None:
    load_predictor(network_of("mine"))
    shutil.rmtree(own_run.folder)
    with pytest.raises(RunError, match="There is no run 'mine'"):
        load_predictor(network_of("mine"))
    with pytest.raises(RunError, match=r"no readable model\.keras"):
        load_model(own_run)


def store(run: Run, content: bytes) -> Run:
    """Put a file in place of the network, as if the training itself had written it."""
    run.model_file.write_bytes(content)
    fields = json.loads((run.folder / "run.json").read_text())
    fields["model_sha256"] = hashlib.sha256(content).hexdigest()
    (run.folder / "run.json").write_text(json.dumps(fields))
    return registry.read_run(run.folder)


def saved(recipe_changes: dict[str, object], folder: Path) -> bytes:
    model = build_model(conv_recipe(**recipe_changes).architecture)
    model.save(folder / "other.keras")
    return (folder / "other.keras").read_bytes()


def test_run_trained_anew_under_its_name_is_loaded_anew(own_run: Run, tmp_path: Path) -> None:
    before = load_predictor(network_of("mine"))
    store(own_run, saved({}, tmp_path))  # the same network with fresh weights
    after = load_predictor(network_of("mine"))
    assert after is not before
    assert not np.allclose(after.probabilities(IMAGES[:9]), before.probabilities(IMAGES[:9]))


def test_changed_file_is_not_opened(own_run: Run) -> None:
    content = bytearray(own_run.model_file.read_bytes())
    content[len(content) // 2] ^= 1
    own_run.model_file.write_bytes(content)
    for ask in (lambda: load_model(own_run), lambda: load_predictor(network_of("mine"))):
        with pytest.raises(RunError, match="is damaged or not the one"):
            ask()


def wider(layers: list[dict[str, object]]) -> None:
    layers[0]["filters"] = 9


def deeper(layers: list[dict[str, object]]) -> None:
    layers[3:3] = [{"kind": "dense", "units": 20}]


def shallower(layers: list[dict[str, object]]) -> None:
    del layers[:2]


@pytest.mark.parametrize("change", [wider, deeper, shallower])
def test_weights_of_another_network_are_refused(
    change: Callable[[list[dict[str, object]]], None], own_run: Run, tmp_path: Path
) -> None:
    layers = [*conv_recipe().architecture.model_dump()["layers"]]
    change(layers)
    run = store(own_run, saved({"architecture": {"layers": layers}}, tmp_path))
    with pytest.raises(RunError, match="does not hold the weights of its recipe's network"):
        load_model(run)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_file_that_is_no_network_is_refused(content: bytes, own_run: Run) -> None:
    run = store(own_run, content)
    with pytest.raises(RunError, match="does not hold the weights"):
        load_model(run)


def test_description_inside_the_file_is_never_looked_at(own_run: Run, tmp_path: Path) -> None:
    # A description can carry code: one that no Keras could read must make no difference.
    expected = [array.copy() for array in load_model(own_run).get_weights()]
    target = tmp_path / "other.keras"
    with zipfile.ZipFile(own_run.model_file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"{evil" if name == "config.json" else old.read(name))
    weights = load_model(store(own_run, target.read_bytes())).get_weights()
    for array, wanted in zip(weights, expected, strict=True):
        assert np.array_equal(array, wanted)


def test_unfinished_run_has_no_network_yet(run_folders: tuple[Path, Path]) -> None:
    _, own = run_folders
    RunWriter(own / "waiting", dense_recipe(), provenance())
    with pytest.raises(RunError, match=r"'waiting' has no readable model\.keras"):
        load_predictor(network_of("waiting"))


def test_weights_that_are_not_finite_are_a_sentence_not_numbers() -> None:
    model = build_model(dense_recipe().architecture)
    model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])
    with pytest.raises(RunError, match="diverged"):
        Predictor(ScaledModel(model, "divide-255")).probabilities(IMAGES[:3])


def test_opening_a_run_does_not_delay_one_that_is_open(
    own_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "other"
    shutil.copytree(own_run.folder, own_run.folder.parent / other)
    ready = load_predictor(network_of("mine"))
    release = threading.Event()

    def slow(run: Run, epoch: int | None) -> None:
        release.wait(90)
        raise RunError("never mind")

    monkeypatch.setattr("core.inference.predictor.load_model", slow)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(load_predictor, network_of(other))
        try:
            assert pool.submit(load_predictor, network_of("mine")).result(timeout=60) is ready
            assert not waiting.done()
        finally:
            release.set()


def test_only_so_many_networks_are_kept(own_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.inference.predictor._ready", LRUCache(2))
    for name in ("a", "b", "c"):
        shutil.copytree(own_run.folder, own_run.folder.parent / name)
    first, second = load_predictor(network_of("a")), load_predictor(network_of("b"))
    load_predictor(network_of("c"))
    assert load_predictor(network_of("b")) is second
    assert load_predictor(network_of("a")) is not first
