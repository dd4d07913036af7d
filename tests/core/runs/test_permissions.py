"""What a server allows a training to take: its settings, their defaults, and what they refuse."""

import importlib.util

import pytest

from core.runs.permissions import Limits, check_limits, describe_limits, fit_to_limits, limits
from core.utils.errors import RecipeError, SettingError
from tests.conftest import conv_recipe, dense_recipe

VARIABLES = [field.alias for field in Limits.model_fields.values() if field.alias]
# 3 × 3 kernels leave 26 × 26 pixels, the pool 13 × 13; every filter and unit has a bias.
CONV_PARAMETERS = (3 * 3 * 1 + 1) * 8 + (13 * 13 * 8 + 1) * 10


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_server_of_ones_own_limits_little() -> None:
    allowed = limits()
    assert not allowed.public
    assert (allowed.trainings, allowed.queued) == (1, 2)
    assert (allowed.epochs, allowed.minutes, allowed.pause_minutes) == (50, 0, 10)
    assert set(allowed.datasets) == {"mnist-sample", "mnist"}
    assert allowed.disk_mb == 2000


def test_limits_are_parsed_again_once_the_environment_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "2")
    first = limits()
    assert limits() is first  # asked for each request of each visitor who waits
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "3")
    assert limits().trainings == 3
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "none")
    for _ in range(2):
        with pytest.raises(SettingError, match="DIGITSCOPE_TRAININGS"):
            limits()
    monkeypatch.delenv("DIGITSCOPE_TRAININGS")
    assert limits().trainings == 1


def test_a_public_server_is_tighter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", "1")
    allowed = limits()
    assert allowed.public
    assert (allowed.epochs, allowed.parameters) == (10, 1_000_000)
    assert (allowed.minutes, allowed.pause_minutes, allowed.disk_mb) == (15, 3, 1000)
    assert allowed.queued == 2


@pytest.mark.parametrize("public", ["0", "1"])
@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("DIGITSCOPE_TRAININGS", "2", "trainings", 2),
        ("DIGITSCOPE_RAY_CPUS", "4", "ray_cpus", 4),
        ("DIGITSCOPE_RAY_SHARED_FOLDER", "0", "ray_shared_folder", False),
        ("DIGITSCOPE_MAX_QUEUED", "5", "queued", 5),
        ("DIGITSCOPE_MAX_WAITING", "9", "waiting", 9),
        ("DIGITSCOPE_MAX_EPOCHS", "7", "epochs", 7),
        ("DIGITSCOPE_MAX_PARAMETERS", "50000", "parameters", 50_000),
        ("DIGITSCOPE_MAX_MINUTES", "2.5", "minutes", 2.5),
        ("DIGITSCOPE_MAX_PAUSE_MINUTES", "1", "pause_minutes", 1),
        ("DIGITSCOPE_DATASETS", "mnist-sample", "datasets", ("mnist-sample",)),
        ("DIGITSCOPE_DATASETS", " mnist , mnist-sample ", "datasets", ("mnist", "mnist-sample")),
        ("DIGITSCOPE_DISK_MB", "300", "disk_mb", 300),
    ],
)
def test_each_limit_can_be_set_on_either_server(
    monkeypatch: pytest.MonkeyPatch,
    public: str,
    variable: str,
    value: str,
    field: str,
    expected: object,
) -> None:
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", public)
    before = limits()
    monkeypatch.setenv(variable, value)
    changed = {
        name for name in Limits.model_fields if getattr(limits(), name) != getattr(before, name)
    }
    assert getattr(limits(), field) == expected
    assert changed <= {field}


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert limits() == Limits()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DIGITSCOPE_PUBLIC", "perhaps"),
        ("DIGITSCOPE_TRAININGS", "many"),
        ("DIGITSCOPE_TRAININGS", "0"),
        ("DIGITSCOPE_TRAININGS", "17"),
        ("DIGITSCOPE_ENGINE", "slurm"),
        ("DIGITSCOPE_RAY_CPUS", "0"),
        ("DIGITSCOPE_MAX_QUEUED", "-1"),
        ("DIGITSCOPE_MAX_WAITING", "0"),
        ("DIGITSCOPE_MAX_EPOCHS", "51"),
        ("DIGITSCOPE_MAX_EPOCHS", "2.5"),
        ("DIGITSCOPE_MAX_PARAMETERS", "999"),
        ("DIGITSCOPE_MAX_MINUTES", "-1"),
        ("DIGITSCOPE_MAX_PAUSE_MINUTES", "0"),
        ("DIGITSCOPE_DATASETS", "cifar10"),
        ("DIGITSCOPE_DATASETS", ","),
        ("DIGITSCOPE_DISK_MB", "9"),
    ],
)
def test_nonsense_is_told_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError, match=rf"^The setting {variable} of this server"):
        limits()


def test_a_server_without_ray_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    monkeypatch.setenv("DIGITSCOPE_RAY_CPUS", "3")  # such an environment was not read before
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"pip install -r requirements-ray\.txt, or unset it"):
        limits()


def test_a_recipe_at_the_limits_passes() -> None:
    exact = Limits(epochs=2, parameters=CONV_PARAMETERS, datasets=("mnist-sample",))
    check_limits(conv_recipe(epochs=2), exact)


@pytest.mark.parametrize(
    ("allowed", "sentence"),
    [
        (Limits(epochs=2), "at most 2 epochs, not 3: choose fewer"),
        (Limits(epochs=1), "at most 1 epoch, not 3: choose fewer"),
        (
            Limits(parameters=CONV_PARAMETERS - 1),
            "at most 13,609 parameters; this one has 13,610: pool more",
        ),
        (Limits(datasets=("mnist",)), "does not train on mnist-sample: choose mnist."),
    ],
)
def test_a_recipe_past_a_limit_is_refused_with_what_to_do(allowed: Limits, sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        check_limits(conv_recipe(epochs=3), allowed)
    assert sentence in str(refused.value)


def test_a_preset_is_brought_within_the_limits() -> None:
    wanted = dense_recipe(epochs=20, dataset="mnist")
    allowed = Limits(epochs=10, datasets=("mnist-sample",))
    fitted = fit_to_limits(wanted, allowed)
    assert (fitted.epochs, fitted.dataset) == (10, "mnist-sample")
    assert fitted.changed(epochs=20, dataset="mnist") == wanted
    check_limits(fitted, allowed)


def test_what_is_within_the_limits_stays() -> None:
    wanted = dense_recipe(epochs=3)
    assert fit_to_limits(wanted, Limits()) == wanted


def test_the_limits_in_words() -> None:
    words = describe_limits(Limits(parameters=1_000_000))
    for part in (
        "one training at a time",
        "2 of yours may wait",
        "at most 50 epochs",
        "1,000,000 parameters",
        "a pause of at most 10 minutes",
        "all runs together may take 2,000 MB.",
    ):
        assert part in words
    assert words.count("minute") == 1  # a training may take as long as it likes
    assert "only" not in words


def test_one_epoch_is_one_in_words() -> None:
    assert "at most 1 epoch," in describe_limits(Limits(epochs=1))


def test_the_limits_of_a_tight_server_in_words() -> None:
    words = describe_limits(
        Limits(trainings=2, minutes=15, pause_minutes=1, datasets=("mnist-sample",), disk_mb=500)
    )
    for part in ("2 trainings at a time", "15 minutes", "on mnist-sample only", "500 MB"):
        assert part in words
    assert "a pause of at most 1 minute," in words
