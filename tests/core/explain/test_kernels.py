"""A network as it forms: each epoch's own kernels, maps and answers, and the GIF of them."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.data import mnist
from core.explain import activations
from core.explain.kernels import kernel_evolution
from core.figures import style
from core.figures.images import colorize
from core.figures.network_images import evolution_gif, evolution_kernel_sheet
from core.figures.prediction_charts import probability_strip
from core.inference.predictor import load_predictor
from core.runs import registry
from core.runs.run import Run, epoch_file
from core.utils.errors import RunError
from tests.helpers.networks import network_of

TEST = mnist.load("mnist-sample").test
IMAGE = TEST.images[17]


@pytest.mark.parametrize(
    ("run_id", "layer"),
    [("fast", "pool_1"), ("purawr", "dense_2"), ("soorya", "conv_1"), ("fast", "dense_1")],
)
def test_each_epoch_is_the_network_as_it_was_then(run_id: str, layer: str) -> None:
    run = registry.find_run(run_id)
    evolution = kernel_evolution(run, IMAGE, layer)
    assert evolution.epochs == (*run.epochs(), None)
    for epoch in (run.epochs()[0], None):
        place = evolution.index_of(epoch)
        expected = activations.layer_activations(network_of(run_id, epoch), IMAGE)[layer]
        expected = expected.reshape(*evolution.maps.shape[1:3], -1)[..., list(evolution.channels)]
        np.testing.assert_allclose(evolution.maps[place], expected, atol=1e-4)
        answer = load_predictor(network_of(run_id, epoch)).probabilities(IMAGE[None])[0]
        np.testing.assert_allclose(evolution.probabilities[place], answer, atol=1e-5)


def test_the_first_kernels_are_those_of_the_kept_weights() -> None:
    run = registry.find_run("kundathil")
    evolution = kernel_evolution(run, IMAGE, "pool_1")
    assert evolution.kernel_layer == "conv_1"
    assert evolution.kernels.shape == (3, 4, 4, 32)
    for place, epoch in enumerate(run.epochs()):
        kept = run.epoch_weights(epoch)[0][:, :, 0].astype(np.float32)
        np.testing.assert_array_equal(evolution.kernels[place], kept)


def test_of_a_dense_network_they_are_pictures_of_the_digit() -> None:
    evolution = kernel_evolution(registry.find_run("purawr"), IMAGE, "dense_1")
    assert evolution.kernels.shape == (11, 28, 28, 32)
    kept = registry.find_run("purawr").epoch_weights(4)[0].astype(np.float32)
    np.testing.assert_array_equal(evolution.kernels[3].reshape(784, 32), kept[:, :32])


def test_of_many_maps_the_same_strongest_are_shown_at_all_times() -> None:
    evolution = kernel_evolution(registry.find_run("best"), IMAGE, "pool_2")
    at_the_end = activations.layer_activations(network_of("best"), IMAGE)["pool_2"]
    means = np.abs(at_the_end).mean(axis=(0, 1))
    left_out = [channel for channel in range(64) if channel not in evolution.channels]
    assert len(evolution.channels) == 32
    assert means[list(evolution.channels)].min() >= means[left_out].max()


def test_one_scale_of_colors_holds_for_all_epochs() -> None:
    evolution = kernel_evolution(registry.find_run("fast"), IMAGE, "conv_1")
    end = float(np.percentile(np.abs(evolution.kernels), 99))
    assert evolution.kernel_color_limit == pytest.approx(end)
    for place in range(len(evolution.epochs)):
        sheet = evolution_kernel_sheet(evolution, place, "dark")
        corner = sheet[4, 4]  # inside the first kernel's first weight
        expected = colorize(evolution.kernels[place, :1, 0, 0], end, "dark")[0]
        assert corner.tolist() == expected.tolist()


def test_it_is_worked_out_once_and_cannot_be_changed() -> None:
    evolution = kernel_evolution(registry.find_run("fast"), IMAGE, "conv_1")
    assert kernel_evolution(registry.find_run("fast"), IMAGE.copy(), "conv_1") is evolution
    assert kernel_evolution(registry.find_run("fast"), TEST.images[3], "conv_1") is not evolution
    with pytest.raises(ValueError, match="read-only"):
        evolution.maps[0] = 0


def test_the_networks_of_visitors_stay_loaded() -> None:
    kept = load_predictor(network_of("best", 2))
    kernel_evolution(registry.find_run("purawr"), TEST.images[5], "dense_2")
    assert load_predictor(network_of("best", 2)) is kept


def test_what_does_not_exist_is_told() -> None:
    with pytest.raises(RunError, match="no layer 'conv_9'"):
        kernel_evolution(registry.find_run("fast"), IMAGE, "conv_9")
    with pytest.raises(RunError, match="epoch 7 cannot be read"):
        kernel_evolution(registry.find_run("fast"), IMAGE, "conv_1").index_of(7)


def own_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(folder))
    shutil.copytree(registry.SHIPPED_FOLDER / "purawr", folder / "mine")
    return registry.find_run("mine")


def test_damaged_epochs_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = own_copy(tmp_path, monkeypatch)
    epoch_file(run.folder, 2).write_bytes(b"no archive")
    assert kernel_evolution(run, IMAGE, "dense_1").epochs == (1, *range(3, 11), None)


def test_another_networks_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = own_copy(tmp_path, monkeypatch)
    shutil.copy(epoch_file(registry.find_run("fast").folder, 1), epoch_file(run.folder, 1))
    with pytest.raises(RunError, match="epoch 1 of the run 'mine'"):
        kernel_evolution(run, IMAGE, "dense_1")


def test_an_epoch_that_gives_no_numbers_has_no_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_copy(tmp_path, monkeypatch)
    weights = run.epoch_weights(1)
    weights[0] = np.full_like(weights[0], np.nan)
    named: dict[str, Any] = {f"w{k}": array for k, array in enumerate(weights)}
    np.savez(epoch_file(run.folder, 1), **named)
    evolution = kernel_evolution(run, IMAGE, "dense_1")
    assert np.isnan(evolution.probabilities[0]).all()
    assert np.isfinite(evolution.probabilities[1:]).all()
    assert np.isfinite([evolution.kernel_color_limit, evolution.map_color_limit]).all()
    assert evolution_gif(run, IMAGE, "dense_1").startswith(b"GIF89a")


def test_the_gif_has_a_frame_for_each_epoch_and_loops() -> None:
    run = registry.find_run("kundathil")
    picture: Any = Image.open(io.BytesIO(evolution_gif(run, IMAGE, "conv_1")))
    assert picture.n_frames == 3
    assert picture.info["loop"] == 0
    frames, last = [], []
    for k in range(picture.n_frames):
        picture.seek(k)
        frames.append(np.asarray(picture.convert("RGB"), int))
        last.append(picture.info["duration"])
    assert not np.array_equal(frames[0], frames[1])
    assert last[-1] > last[0]
    # Light paper, and on it the sheet of kernels as it is on the page, within a GIF's 256 colors.
    assert (frames[0][0, 0] == 255).all()
    sheet = evolution_kernel_sheet(kernel_evolution(run, IMAGE, "conv_1"), 1, "light").astype(int)
    top = next(
        row
        for row in range(len(frames[1]))
        if np.abs(frames[1][row, 12 : 12 + sheet.shape[1]] - sheet[0]).max() < 30
    )
    part = frames[1][top : top + len(sheet), 12 : 12 + sheet.shape[1]]
    assert np.abs(part - sheet).mean() < 8


def test_the_strip_frames_the_epoch_and_marks_the_label() -> None:
    answers = np.full((3, 10), 0.001, np.float32)
    answers[0, 4], answers[1] = 0.991, np.nan
    answers[2, 9] = 0.6
    figure = probability_strip(["1", "2", "end"], answers, 2, 9)
    trace = figure.data[0]
    assert trace.text[4][0] == "> 99"
    assert trace.text[9][2] == "60"
    assert trace.text[4][1] == trace.text[0][0] == ""
    assert [digit for digit in range(10) if "◂" in trace.y[digit]] == [9]
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1) == (1.5, 2.5)
    assert not any("◂" in row for row in probability_strip(["1"], answers[:1], 0, None).data[0].y)
    assert style.DIVERGING_SCALES["dark"][7] in str(
        probability_strip(["1"], answers[:1], 0, None, theme="dark").data[0].colorscale
    )
