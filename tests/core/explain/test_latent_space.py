"""The inside map: embeddings, where they lie, and who is next to whom."""

import numpy as np
import pytest

from core.explain import activations, latent_space
from core.explain.latent_space import (
    displayed_digits,
    latent_points,
    load_latent_space,
    nearest_by_pixels,
    nearest_in_latent_space,
    pca_points,
    place_in_latent_space,
    tsne_positions,
)
from core.inference.predictor import load_predictor
from core.utils.errors import RunError
from tests.helpers.networks import network_of

DIGITS = displayed_digits()


@pytest.mark.parametrize("run", ["fast", "purawr", "soorya"])
def test_from_the_embedding_the_last_layer_reads_the_answer(run: str) -> None:
    kernel, bias = activations.load_layer_model(network_of(run)).model.layers[-1].get_weights()
    logits = np.float64(load_latent_space(network_of(run)).values) @ kernel + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    answers = load_predictor(network_of(run)).probabilities(DIGITS.images)
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(answers, abs=1e-4)


@pytest.mark.parametrize("run", ["fast", "purawr"])
def test_the_map_by_pca_keeps_the_most_variance(run: str) -> None:
    space = load_latent_space(network_of(run))
    centerd = np.float64(space.values) - np.float64(space.values).mean(axis=0)
    # By the digits' products with each other: another way than the one through scikit-learn.
    squares, left = np.linalg.eigh(centerd @ centerd.T)
    sizes, left = np.sqrt(np.maximum(squares[::-1], 0)), left[:, ::-1]
    assert space.shares == pytest.approx(sizes[:2] ** 2 / (sizes**2).sum(), rel=1e-3)
    places = np.empty((1000, 2))
    for some in pca_points(network_of(run)):
        places[some.indices] = some.positions
        assert (DIGITS.labels[some.indices] == some.label).all()
    expected = left[:, :2] * sizes[:2]
    assert np.abs(places) == pytest.approx(np.abs(expected), abs=2e-3 * np.abs(expected).max())


def test_a_test_digit_lies_where_it_lies() -> None:
    nine = next(some for some in pca_points(network_of("fast")) if 17 in some.indices)
    expected = nine.positions[nine.indices.tolist().index(17)]
    assert place_in_latent_space(network_of("fast"), DIGITS.images[17]) == pytest.approx(
        expected, abs=1e-3
    )
    tsne = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    assert place_in_latent_space(network_of("fast"), DIGITS.images[17], tsne) == pytest.approx(
        tsne[17]
    )


def test_a_drawing_lies_among_its_five_nearest() -> None:
    drawing = np.roll(DIGITS.images[17], 1, axis=1)
    values = np.float64(load_latent_space(network_of("yalcin")).values)
    own = np.float64(
        latent_space.embed(activations.load_layer_model(network_of("yalcin")), drawing[None])[0]
    )
    distances = np.array([np.sqrt(((embedding - own) ** 2).sum()) for embedding in values])
    nearest = sorted(range(1000), key=lambda k: distances[k])[:5]
    tsne = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    weights = np.array([1 / distances[k] for k in nearest])
    expected = (tsne[nearest] * weights[:, None]).sum(axis=0) / weights.sum()
    assert place_in_latent_space(network_of("yalcin"), drawing, tsne) == pytest.approx(
        expected, abs=1e-4
    )


def test_neighbors_are_the_nearest_without_the_digit_itself() -> None:
    values = np.float64(load_latent_space(network_of("purawr")).values)
    distances = [float(np.sqrt(((embedding - values[42]) ** 2).sum())) for embedding in values]
    expected = sorted((k for k in range(1000) if k != 42), key=lambda k: distances[k])[:10]
    near = nearest_in_latent_space(network_of("purawr"), DIGITS.images[42])
    assert near.indices.tolist() == expected
    assert near.distances == pytest.approx([distances[k] for k in expected], rel=1e-3)
    assert near.labels.tolist() == DIGITS.labels[expected].tolist()
    label = int(DIGITS.labels[42])
    assert near.count_label(label) == sum(DIGITS.labels[k] == label for k in expected)


def test_neighbors_by_pixels_are_of_the_same_digits() -> None:
    pixels = np.float64(DIGITS.images.reshape(1000, -1))
    distances = np.array([np.sqrt(((picture - pixels[42]) ** 2).sum()) for picture in pixels])
    expected = [k for k in np.argsort(distances, kind="stable") if k != 42][:10]
    assert nearest_by_pixels(DIGITS.images[42]).indices.tolist() == expected


def test_a_network_that_reads_well_has_neighbors_of_one_kind() -> None:
    chosen = range(0, 1000, 25)
    inner, outer = (
        sum(find(k).count_label(int(DIGITS.labels[k])) for k in chosen) / (10 * len(chosen))
        for find in (
            lambda k: nearest_in_latent_space(network_of("fast"), DIGITS.images[k]),
            lambda k: nearest_by_pixels(DIGITS.images[k]),
        )
    )
    assert inner > 0.95
    assert outer < 0.85


def test_t_sne_keeps_neighbors_together_and_is_the_same_each_time() -> None:
    told: list[tuple[int, int]] = []
    positions = tsne_positions(network_of("purawr"), lambda *far: told.append(far))
    assert positions.shape == (1000, 2)
    assert told == [(0, 0), (1000, 1000)]
    apart = ((positions[:, None] - positions[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert (DIGITS.labels[apart.argmin(axis=1)] == DIGITS.labels).mean() > 0.9
    assert sum(len(points.indices) for points in latent_points(positions)) == 1000
    with pytest.raises(ValueError, match="read-only"):
        positions[0, 0] = 1


def test_what_was_worked_out_is_shared_and_cannot_be_changed() -> None:
    assert load_latent_space(network_of("fast")) is load_latent_space(network_of("fast"))
    assert load_latent_space(network_of("fast", 1)) is not load_latent_space(network_of("fast"))
    with pytest.raises(ValueError, match="read-only"):
        load_latent_space(network_of("fast")).values[0, 0] = 1


def test_too_many_numbers_a_digit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_space, "MAX_EMBEDDING", 49)
    with pytest.raises(RunError, match="50 numbers: too many"):
        load_latent_space(network_of("purawr", 2))


def test_a_network_for_which_all_digits_are_one_gets_a_sentence() -> None:
    with pytest.raises(RunError, match="has learned nothing"):
        latent_space._differing(np.ones((1000, 7), np.float32))
    with pytest.raises(RunError, match="diverged"):
        latent_space._checked(np.full((3, 7), np.nan, np.float32))
