"""What several test files share: small recipes, one trained run, a place without the full MNIST."""

import gc
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from numpy.typing import NDArray
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from xdist.scheduler import LoadFileScheduling

from core.data import mnist
from core.recipes.architecture import Architecture, Conv, Dense, Flatten, Pool
from core.recipes.recipe import Optimizer, Recipe
from core.runs import registry
from core.runs.messages import Event
from core.runs.run import Provenance, Run
from pages.widgets.shared.warm_up import keep_networks_prepared
from tests.helpers.pages_manager import navigation_remembered
from tests.helpers.sample_digits import sample_digits

# The same examples every time, and no deadline: a busy machine is no fault of the code.
settings.register_profile("calm", deadline=None, derandomize=True, database=None)
settings.load_profile("calm")


# A browser and its server are costly, and as many files as possible share one: these are one group
# of tests, the other browser tests another.
IN_THE_SECOND_BROWSER = {"test_download", "test_experiments", "test_train", "test_visitor"}


class FileScheduling(LoadFileScheduling):
    """Each test process takes one file after the other; files of one browser count as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(super()._split_scope(nodeid))
        if file.parent.name != "browser":
            return str(file)
        return f"browser {1 + (file.stem in IN_THE_SECOND_BROWSER)}"


# TensorFlow and 3,000 tests are objects by the million, and nearly all of them stay: to search them
# for garbage again and again takes a third of the time in which tests are found.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for."""
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling | None:
    """Schedule by `FileScheduling` under `--dist loadfile`."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None


# Every page asks which digits are there, and the command line does; elsewhere single files do.
OFFLINE = ("tests/pages/", "tests/core/cli/", "tests/core/data/")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a newcomer without MNIST and without network has to have tested too."""
    if item.nodeid.startswith(OFFLINE):
        item.add_marker(pytest.mark.offline)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no test process is left alone with it at the end."""

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("browser"):
            return 0
        return 1 if item.get_closest_marker("long") else 2

    items.sort(key=place)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs all 70,000 digits where they are not, and say how to get them."""
    if item.get_closest_marker("full_mnist") and mnist.mnist_file() is None:
        pytest.skip(
            "needs all 70,000 digits, which are not on this machine: "
            "set MNIST_NPZ to an mnist.npz, or run `python -m core download`"
        )


@dataclass(frozen=True)
class Trained:
    """A run that was really trained, and every event that was told on the way."""

    run: Run
    events: list[Event]


def conv_recipe(**changes: object) -> Recipe:
    """The smallest convolutional network that learns the sample well: two seconds of training."""
    layers = (Conv(filters=8), Pool(), Flatten(), Dense(units=10, activation="softmax"))
    return Recipe(
        architecture=Architecture(layers=layers),
        optimizer=Optimizer(learning_rate=0.005),
        batch_size=64,
        epochs=2,
        validation_split=0.1,
        seed=1,
    ).changed(**changes)


def dense_recipe(**changes: object) -> Recipe:
    """Softmax regression: the cheapest recipe that can be trained at all."""
    layers = (Flatten(), Dense(units=10, activation="softmax"))
    return Recipe(architecture=Architecture(layers=layers), batch_size=128, epochs=1).changed(
        **changes
    )


def provenance(**changes: object) -> Provenance:
    """Where the digits of a made-up run come from."""
    fields = {"dataset": "mnist-sample", "excluded_sample_test": True}
    return Provenance.model_validate({**fields, "n_train": 4000, "n_validation": 0, **changes})


def forget_full_mnist(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make this a machine on which the full MNIST was never downloaded."""
    patch.delenv("MNIST_NPZ", raising=False)
    patch.setenv("KERAS_HOME", str(folder / "keras-home"))


@pytest.fixture(autouse=True, scope="module")
def tensorflow_out_of_the_collectors_way() -> None:
    """Streamlit collects garbage after each script run: half a second, with TensorFlow loaded.

    Once is enough, and garbage that is frozen is never freed.
    """
    if "tensorflow" in sys.modules and not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def networks_stay_prepared() -> None:
    """As in the app: a page alone, without `app.py`, is run no more slowly."""
    keep_networks_prepared()


@pytest.fixture(autouse=True, scope="session")
def packages_searched_once() -> Iterator[None]:
    """Each new AppTest reads what every installed package says of itself; a server does so once."""
    with pytest.MonkeyPatch.context() as patch:
        search = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", search)
        yield


@pytest.fixture(autouse=True)
def nothing_in_the_background(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page's test neither measures this machine nor leaves a thread behind for the queue."""
    monkeypatch.setattr("pages.widgets.shared.scheduler_thread._keep_ticking", lambda: None)
    if "measuring" not in request.keywords:
        monkeypatch.setattr("core.jobs.scheduler._start_benchmark", lambda command, wait_s: False)


@pytest.fixture
def only_sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The test runs as if the full MNIST were not on this machine."""
    forget_full_mnist(monkeypatch, tmp_path)


@pytest.fixture
def run_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Empty folders in place of `models/` and `runs/`: (shipped, own)."""
    shipped, own = tmp_path / "models", tmp_path / "runs"
    shipped.mkdir()
    own.mkdir()
    monkeypatch.setattr(registry, "SHIPPED_FOLDER", shipped)
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(own))
    return shipped, own


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Trained:
    """The small convolutional network, trained once; nobody may change its folder (copy it).

    Of several test processes, one trains, and the others wait for it.
    """
    place = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        place = place.parent
    kept = place / "trained.pickle"
    with FileLock(place / "trained.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_trained(place / "trained")))
    training = pickle.loads(kept.read_bytes())
    assert isinstance(training, Trained)
    return training


def _trained(folder: Path) -> Trained:
    from core.training.trainer import train

    events: list[Event] = []
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        forget_full_mnist(patch, folder)
        run = train(conv_recipe(), folder / "tiny", events.append)
    return Trained(run, events)


@pytest.fixture(scope="session")
def digits() -> NDArray[np.uint8]:
    """60 real MNIST digits, six of each class, uint8 (60, 28, 28)."""
    images, labels = sample_digits()
    return images[np.concatenate([np.flatnonzero(labels == k)[:6] for k in range(10)])]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The app, not yet run, without its warm-up (a test must not leave TensorFlow loading)."""
    monkeypatch.setattr("pages.widgets.shared.warm_up._load_default", lambda: None)
    with navigation_remembered():
        yield AppTest.from_file(
            str(Path(__file__).resolve().parents[1] / "app.py"), default_timeout=60
        )
