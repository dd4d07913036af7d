"""The dataset page's logic without a browser: filters, links, one digit, the kernel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.data.mnist import MNIST_DOWNLOAD
from core.runs import registry
from core.utils.background import BackgroundTask, TaskState
from pages.widgets.shared.digit_choice import FORMER_NAMES
from tests.helpers.networks import SHIPPED
from tests.helpers.opening import open_page
from tests.pages.train.test_page import said

pytestmark = pytest.mark.usefixtures("only_sample")
TEST = mnist.load("mnist-sample").test


def opened(app: AppTest, **link: str) -> AppTest:
    """The dataset page by a link."""
    return open_page(app, "dataset", **link)


def grid(app: AppTest, key: str = "dataset-grid") -> Any:
    """What the grid of digits was given to show."""
    import json

    protos = [element.proto for element in app.get("bidi_component")]
    (ours,) = [
        proto for proto in protos if proto.component_name == "digitscope_digits" and key in proto.id
    ]
    return json.loads(ours.json)


def indices(app: AppTest) -> list[int]:
    return [digit["index"] for digit in grid(app)["digits"]]


def test_facts_come_first(app: AppTest) -> None:
    opened(app)
    assert "All ten digits are equally frequent: 100 of each." in said(app)
    assert "about 250 writers" in said(app)
    rows = app.table[0].value
    assert rows["shape"].tolist() == ["(4000, 28, 28)", "(4000,)", "(1000, 28, 28)", "(1000,)"]


def test_the_grid_shows_the_split_by_its_index(app: AppTest) -> None:
    opened(app, view="Browse")
    assert indices(app) == list(range(120))
    assert "1,000 of 1,000 digits" in said(app)


def test_a_link_holds_the_filters(app: AppTest) -> None:
    opened(app, view="Browse", label="3", sort="ink", descending="true")
    shown = indices(app)
    assert len(shown) == 100
    assert set(TEST.labels[shown].tolist()) == {3}
    amounts = TEST.images[shown].mean(axis=(1, 2))
    assert (np.diff(amounts) <= 0).all()


def test_what_the_run_in_use_misreads(app: AppTest) -> None:
    opened(app, view="Browse", run="purawr", answer="wrong")
    stored = registry.find_run("purawr").predictions("mnist-sample")
    assert stored
    wrong = np.flatnonzero(stored.probabilities.argmax(axis=1) != TEST.labels)
    assert indices(app) == wrong.tolist()
    first = grid(app)["digits"][0]
    read = stored.probabilities[wrong[0]].argmax()
    assert first["note"] == f"{TEST.labels[wrong[0]]} → {read}"
    assert first["wrong"]


def test_answers_to_training_digits_are_refused_and_the_rest_is_shown(app: AppTest) -> None:
    opened(app, view="Browse", split="train", answer="wrong", label="4")
    assert "Choose the test split" in said(app)
    assert len(indices(app)) == 120


def test_a_filter_that_leaves_nothing_can_be_taken_back(app: AppTest) -> None:
    opened(app, view="Browse")
    app.slider(key="ink").set_value((90.0, 100.0)).run()
    assert "No digit matches these filters" in said(app)
    app.button(key="dataset-clear").click().run()
    assert len(indices(app)) == 120


def test_a_jump_from_the_grid_opens_the_digit(app: AppTest) -> None:
    opened(app, view="Browse")
    app.number_input(key="dataset-jump").set_value(123).run()
    assert app.number_input(key="index").value == 123
    assert f"`sparse_categorical_crossentropy`: `{TEST.labels[123]}`" in said(app)
    # The tutorials' digits are offered where both are: 7777 is none of the sample's.
    assert not [button for button in app.button if str(button.key).startswith("dataset-to-")]


def test_another_filter_begins_at_its_first_page(app: AppTest) -> None:
    opened(app, view="Browse")
    page = next(element for element in app.get("pagination"))
    assert page.proto.num_pages == 9
    app.session_state["dataset_turned"] = (1, 9)
    app.run()
    assert indices(app) == list(range(960, 1000))
    app.session_state["label"] = [3]
    app.run()
    assert indices(app)[0] == int(np.flatnonzero(TEST.labels == 3)[0])


def test_a_link_to_an_index_opens_the_digit(app: AppTest) -> None:
    opened(app, index="17")
    label = TEST.labels[17]
    assert f"all digits labeled {label}" in said(app)
    assert app.number_input(key="index").value == 17
    one_hot = ["0"] * 10
    one_hot[label] = "1"
    assert app.code[0].value == f"[{', '.join(one_hot)}]"


def test_before_and_next(app: AppTest) -> None:
    opened(app, index="17")
    app.button(key="dataset-chevron_right").click().run()
    assert app.number_input(key="index").value == 18
    opened(app, index="0")
    assert app.button(key="dataset-chevron_left").disabled


def test_an_index_beyond_the_last_is_told(app: AppTest) -> None:
    opened(app, index="7777")
    assert "the last one of this split is 999" in said(app)
    app.session_state["split"] = "train"
    app.session_state["index"] = 3999
    app.run()
    assert "There is no such digit" not in said(app)


@pytest.mark.parametrize("nonsense", ["-1", "abc", "1e99", "٣", "9" * 40])
def test_an_index_that_is_none_breaks_nothing(app: AppTest, nonsense: str) -> None:
    opened(app, index=nonsense)
    assert app.number_input or app.segmented_control


def test_what_the_shipped_runs_answer(app: AppTest) -> None:
    opened(app, index="17")
    rows = app.table[0].value
    assert len(rows) == len(SHIPPED)
    stored = registry.find_run("katariya").predictions("mnist-sample")
    assert stored
    row = rows[rows["run"] == "katariya"].iloc[0]
    assert int(row["answer"]) == stored.probabilities[17].argmax()
    opened(app, split="train", index="17")
    assert "have learned from the training digits" in said(app)


def test_the_scaling_of_the_numbers_is_switched(app: AppTest) -> None:
    opened(app, index="17")
    assert "As stored" in said(app)
    app.session_state["scaling"] = "l2-axis-1"
    app.run()
    assert "divided by its own length" in said(app)


def test_the_neighbors_of_a_training_digit_leave_itself_out(app: AppTest) -> None:
    opened(app, split="train", index="5")
    near = [digit["index"] for digit in grid(app, "dataset-neighbors")["digits"]]
    assert len(near) == 10
    assert 5 not in near


def test_the_kernels_sum_is_written_out(app: AppTest) -> None:
    opened(app, view="Convolution", index="17")
    image = TEST.images[17] / 255
    place = app.slider(key="kernel-place-26")
    assert place.value == 13 * 26 + 14
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    total = (image[13:16, 13:16] * sobel).sum()
    assert app.code[0].value.splitlines()[-1] == f"= {total:.4g}"
    assert "28 - 3 + 1 = 26" in said(app)
    app.session_state["kernel-stride"] = 2
    app.run()
    assert "13 of them are used" in said(app)


def test_the_kernel_plays_on_from_place_to_place(app: AppTest) -> None:
    opened(app, view="Convolution", index="17")
    before = app.slider(key="kernel-place-26").value
    app.toggle(key="kernel-playing").set_value(True).run()
    app.run()
    assert app.slider(key="kernel-place-26").value > before
    app.session_state["kernel-place-26"] = 676
    app.run()
    assert app.slider(key="kernel-place-26").value == 1  # and begins again


def test_a_kernel_of_the_run_in_use(app: AppTest) -> None:
    opened(app, view="Convolution", run="best")
    app.selectbox(key="kernel").select("One that the run in use has learned").run()
    assert not app.exception
    assert "of the first layer of best" in said(app)
    opened(app, view="Convolution", run="purawr")  # dense layers only
    assert "has no kernels of 3×3 or 5×5" in said(app)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TaskState("failed", problem="The network is down."), "The network is down."),
        (TaskState("cancelled"), "The download was canceled"),
    ],
)
def test_a_download_that_did_not_come_is_told_and_offered_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, state: TaskState[object], words: str
) -> None:
    monkeypatch.setattr(BackgroundTask, "state", state)
    opened(app)
    assert words in said(app)
    assert app.button(key="dataset-download-start")


def test_a_download_shows_how_far_it_is_and_is_cancelled(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[bool] = []
    monkeypatch.setattr(BackgroundTask, "state", TaskState("running", 3_000_000, 12_000_000))
    monkeypatch.setattr(MNIST_DOWNLOAD, "cancel", lambda: cancelled.append(True))
    opened(app)
    app.button(key="dataset-download-cancel").click().run()
    assert cancelled


def test_no_answer_is_taken_for_markdown(app: AppTest) -> None:
    opened(app, index="17")
    # "> 99 %" would be a quotation.
    assert not [text for text in app.table[0].value["how sure"] if text.startswith((">", "<"))]


def test_back_leads_to_the_page_of_the_grid_with_that_digit(app: AppTest) -> None:
    opened(app, view="Single digit", index="777")
    next(button for button in app.button if button.label == "Back to the grid").click().run()
    assert 777 in indices(app)
    assert grid(app)["chosen"] == 777


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", None])
def test_a_dataset_file_that_is_damaged_or_vanishes_is_told(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "mnist.npz"
    file.write_bytes(content or b"it was here")
    monkeypatch.setenv("MNIST_NPZ", str(file))
    if content is None:
        file.unlink()
    opened(app, data="mnist", view="Browse")
    assert ("is not there" if content is None else "cannot be read") in said(app)
    assert str(tmp_path) not in said(app)  # where it lies is nobody's business
    monkeypatch.delenv("MNIST_NPZ")
    app.run()
    assert len(indices(app)) == 120


@pytest.mark.parametrize(("former", "view"), FORMER_NAMES.items())
def test_links_of_former_versions_open_the_same_view(app: AppTest, former: str, view: str) -> None:
    opened(app, view=former)
    assert app.button_group(key="view").value == view
