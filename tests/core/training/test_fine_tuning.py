"""Fine-tuning: a tiny network learns digits that it misreads, and forgets little."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data import mnist
from core.data.mnist import Split
from core.evaluation.user_digits import add_digit, user_predictions
from core.export.run_report import run_zip
from core.inference.predictor import open_predictor
from core.jobs import submission
from core.jobs.engine import LOCAL
from core.runs import registry
from core.runs.housekeeping import delete_run
from core.runs.messages import Event, Progress
from core.runs.permissions import Limits, read_card
from core.runs.run import Network, Provenance, Run
from core.runs.writer import ResumedWriter
from core.training import fine_tuning
from core.training.callbacks import StopTraining
from core.training.fine_tuning import (
    MAX_REPEATS,
    FineTuneSettings,
    before_and_after,
    describe_plan,
    plan_fine_tuning,
    user_digits_per_epoch,
)
from core.training.start_network import START_FILE
from core.training.trainer import resume_training
from core.utils.errors import JobError, RunError
from tests.conftest import Trained, provenance
from tests.helpers.networks import weights

pytestmark = pytest.mark.usefixtures("only_sample", "idle")
ME = "my-browser"
TRAIN = mnist.load("mnist-sample").train


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: the tests train in their own."""
    monkeypatch.setattr(LOCAL, "start", lambda folder: 0)
    monkeypatch.setattr(LOCAL, "has_ended", lambda start: False)


@pytest.fixture
def tiny(run_folders: tuple[Path, Path], trained: Trained) -> Run:
    """The small convolutional network as a run that shipped."""
    shutil.copytree(trained.run.folder, run_folders[0] / "tiny")
    return registry.find_run("tiny")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch is short, where it does not matter what is learned."""
    monkeypatch.setattr("core.training.fine_tuning.REHEARSED_DIGITS", 600)


def mirrored(count: int = 24, labels: tuple[int, ...] = (2, 7)) -> Split:
    """Digits that nobody writes so, and no network reads: mirrored ones, with their labels."""
    places = [np.flatnonzero(TRAIN.labels == label)[: count // len(labels)] for label in labels]
    digits = TRAIN.take(np.concatenate(places))
    return Split(np.ascontiguousarray(digits.images[:, :, ::-1]), digits.labels)


def misread(run: Run, count: int = 24) -> Split:
    """Mirrored digits, all of which the run's finished network misreads."""
    digits = mirrored(200)
    wrong = (
        open_predictor(Network(run)).probabilities(digits.images).argmax(axis=1) != digits.labels
    )
    places = [np.flatnonzero(wrong & (digits.labels == label))[: count // 2] for label in (2, 7)]
    return digits.take(np.concatenate(places))


def asked(digits: Split, parent: str = "tiny", **settings: float) -> Run:
    chosen = FineTuneSettings(**{"epochs": 2, "learning_rate": 0.002, **settings})
    return submission.fine_tune(registry.find_run(parent), digits, chosen, token=ME)


def test_it_learns_what_it_misread_and_forgets_little(tiny: Run) -> None:
    run = asked(misread(tiny))
    assert (run.info.status, run.info.preset) == ("queued", "tiny")
    assert read_card(run.folder).title == "tiny + my digits"
    assert before_and_after(run.info)[0].after is None
    run = resume_training(ResumedWriter(run))
    assert (run.info.status, run.info.epochs_done, len(run.history())) == ("finished", 2, 2)
    assert run.info.provenance.n_train == 4000 + 900
    sample, known, unseen = before_and_after(run.info)
    assert sample.digits == "the sample's test digits"
    assert sample.before == tiny.info.metrics["mnist-sample"]
    assert sample.after is not None
    assert sample.after.held_out
    assert sample.after.wrong <= sample.before.wrong + 25
    assert (known.digits, known.before.n) == ("your digits, trained on", 18)
    assert (unseen.digits, unseen.before.n) == ("your digits, held out", 6)
    assert known.after is not None
    assert unseen.after is not None
    assert (known.after.held_out, unseen.after.held_out) == (False, True)
    assert (known.before.wrong, unseen.before.wrong) == (18, 6)
    assert known.after.wrong <= 2
    assert unseen.after.wrong <= 3
    # ... and what it says of itself is what it answers.
    own = fine_tuning.load_user_digits(run)
    digits = ()
    for image, label in zip(own.held_out_digits.images, own.held_out_digits.labels, strict=True):
        digits = add_digit(digits, image, int(label))
    answers = user_predictions(digits, Network(run))
    assert int((~answers.correct).sum()) == unseen.after.wrong
    assert answers.held_out
    trained = own.trained_on
    seen = user_predictions(
        add_digit(digits, trained.images[0], int(trained.labels[0])), Network(run)
    )
    assert not seen.held_out
    assert user_predictions(
        add_digit(digits, trained.images[0], 2), Network(registry.find_run("tiny"))
    ).held_out


def test_its_origin_is_told(tiny: Run) -> None:
    digits = mirrored()
    run = asked(digits)
    source = run.info.provenance
    tuned = source.fine_tuned
    assert tuned is not None
    assert (tuned.parent, tuned.parent_sha256) == ("tiny", tiny.info.model_sha256)
    assert (tuned.own_trained, tuned.own_held_out, tuned.rehearsed) == (18, 6, 4000)
    assert tuned.own_per_epoch == MAX_REPEATS * 18  # a quarter would be 1,333
    assert tuned.own_sha256 == fine_tuning.load_user_digits(run).sha256
    assert tuned.base_recipe == tiny.info.recipe
    assert registry.read_run(run.folder).info == run.info
    assert run.info.recipe.architecture == tiny.info.recipe.architecture
    assert run.info.recipe.augmentation.active
    assert not run.info.recipe.validates


def test_an_epoch_shows_the_datasets_digits_and_the_own_ones_but_none_held_out(tiny: Run) -> None:
    run = asked(mirrored())
    mixture = fine_tuning.training_mixture(run)
    own = fine_tuning.load_user_digits(run)
    shown = fine_tuning.digit_hashes(mixture.images)
    counts = {
        digest: shown.count(digest) for digest in fine_tuning.digit_hashes(own.trained_on.images)
    }
    assert set(counts.values()) == {MAX_REPEATS}
    assert set(shown).isdisjoint(fine_tuning.digit_hashes(own.held_out_digits.images))
    assert set(shown).isdisjoint(fine_tuning.digit_hashes(mnist.load("mnist-sample").test.images))
    assert len(set(shown)) == len(set(fine_tuning.digit_hashes(TRAIN.images))) + 18
    assert len(mixture) == 4000 + 900


def stop_at_once(event: Event) -> None:
    if isinstance(event, Progress):
        raise StopTraining


@pytest.mark.usefixtures("short")
def test_broken_off_without_its_parent_it_goes_on_to_the_same_weights(
    tiny: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "DOUBLE_CLICK_S", 0.0)
    # Each batch is told, so that it is broken off in the middle of the epoch, however fast it goes.
    monkeypatch.setattr("core.training.callbacks.PROGRESS_EVERY_S", 0.0)
    whole = resume_training(ResumedWriter(asked(mirrored(), epochs=1)))
    run = asked(mirrored(), epochs=1)
    assert run.id != whole.id
    shutil.rmtree(tiny.folder)
    run = resume_training(ResumedWriter(run), stop_at_once)
    assert (run.info.status, run.info.epochs_done) == ("stopped", 0)
    before = run.info.own_before
    run = resume_training(ResumedWriter(run))
    assert weights(run) == weights(whole)
    assert (run.info.own_before, run.info.own_after) == (before, whole.info.own_after)


def test_two_clicks_are_one_training_but_other_digits_are_another(tiny: Run) -> None:
    first = asked(mirrored())
    assert asked(mirrored()).id == first.id
    assert asked(mirrored(20)).id != first.id
    assert tiny.folder.exists()


@pytest.mark.usefixtures("short")
def test_a_second_fine_tuning_keeps_back_nothing_that_the_first_saw(tiny: Run) -> None:
    first = asked(mirrored(), epochs=1)
    seen = fine_tuning.load_user_digits(first).trained_on
    first = resume_training(ResumedWriter(first), stop_at_once)
    second = asked(mirrored(), first.id)
    own = fine_tuning.load_user_digits(second)
    again = set(fine_tuning.digit_hashes(seen.images))
    assert again.isdisjoint(fine_tuning.digit_hashes(own.held_out_digits.images))
    assert second.info.provenance.fine_tuned is not None
    assert second.info.provenance.fine_tuned.base_recipe == tiny.info.recipe
    # A third, on none of those digits, still knows that the network has seen them.
    second = resume_training(ResumedWriter(second), stop_at_once)
    third = asked(mirrored(8, (4, 5)), second.id)
    assert fine_tuning.has_seen_any(third, seen.images)


@pytest.mark.usefixtures("short")
def test_deleting_the_run_takes_the_digits_away_and_its_zip_never_had_them(tiny: Run) -> None:
    run = resume_training(ResumedWriter(asked(mirrored(), epochs=1)), stop_at_once)
    assert (run.folder / fine_tuning.USER_DIGITS_FILE).exists()
    packed = run_zip(run)
    assert fine_tuning.USER_DIGITS_FILE.encode() not in packed
    with pytest.raises(JobError, match="Only the browser"):
        delete_run(run, token="another", allowed=Limits())
    gone = delete_run(run, token=ME, allowed=Limits())
    assert not run.folder.exists()
    assert (
        gone.folder / fine_tuning.USER_DIGITS_FILE
    ).exists()  # until it is removed for good, with all else
    assert tiny.folder.exists()


@pytest.mark.parametrize("lost", [fine_tuning.USER_DIGITS_FILE, START_FILE])
@pytest.mark.usefixtures("tiny")
def test_without_its_files_it_fails_with_a_sentence(lost: str) -> None:
    run = asked(mirrored())
    (run.folder / lost).write_bytes(b"something else")
    with pytest.raises(RunError, match="missing or damaged"):
        resume_training(ResumedWriter(run))
    failed = registry.read_run(run.folder).info
    assert (failed.status, "gain." in failed.error) == ("failed", True)


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_fine_tuned_is_refused_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def files() -> list[Path]:
        return [path for path in registry.own_folder().iterdir() if not path.name.startswith(".")]

    with pytest.raises(JobError, match="no digits of yours"):
        asked(mirrored().take(slice(0)))
    waiting = asked(mirrored())
    with pytest.raises(JobError, match="no tested network"):
        asked(mirrored(), waiting.id)
    with pytest.raises(RunError, match="There is no run"):
        asked(mirrored(), "nobody")
    monkeypatch.setattr(fine_tuning, "save_user_digits", full)
    with pytest.raises(JobError, match="Make room on the disk"):
        asked(mirrored(20))
    assert files() == [waiting.folder]


def full(folder: Path, own: fine_tuning.UserDigitSet) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("own", "rehearsed", "share", "wanted"),
    [(30, 6000, 0.25, 1500), (100, 6000, 0.25, 2000), (400, 4000, 0.05, 400), (1, 6000, 0.5, 50)],
)
def test_how_many_own_digits_an_epoch_shows(
    own: int, rehearsed: int, share: float, wanted: int
) -> None:
    assert user_digits_per_epoch(own, rehearsed, share) == wanted


@pytest.mark.parametrize(
    ("parent", "rehearsed", "clean"),
    [
        (("mnist", True), "mnist-sample", True),
        (("mnist", False), "mnist-sample", False),
        (("mnist-sample", True), "mnist-sample", True),
    ],
)
def test_a_test_set_that_the_parent_saw_stays_seen(
    tiny: Run, parent: tuple[str, bool], rehearsed: str, clean: bool
) -> None:
    """The full MNIST is not at hand, so that the sample is rehearsed instead."""
    source = provenance(dataset=parent[0], excluded_sample_test=parent[1])
    recipe = tiny.info.recipe.changed(dataset=parent[0], exclude_sample_test=parent[1])
    info = tiny.info.model_copy(update={"provenance": source, "recipe": recipe})
    plan = plan_fine_tuning(Run(tiny.folder, info), mirrored(), FineTuneSettings(), Limits())
    told: Provenance = plan.provenance
    assert plan.recipe.dataset == rehearsed
    assert told.held_out("mnist-sample") == clean
    assert told.held_out("mnist")
    assert told.dataset == parent[0]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (24, "6 digits of yours it never sees, to test it by. That is few"),
        (80, "20 digits of yours it never sees, to test it by."),
        (1, "None of yours can be kept back"),
    ],
)
def test_it_says_what_will_be_trained_on(tiny: Run, count: int, words: str) -> None:
    digits = mirrored(max(count, 2)).take(slice(count))
    told = describe_plan(plan_fine_tuning(tiny, digits, FineTuneSettings(), Limits()))
    assert words in told
    assert ("That is few" in told) == (count == 24)
    assert "4,000 digits of mnist-sample" in told
