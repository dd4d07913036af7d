"""The pages' logic without a browser (the canvas itself needs one: see tests/browser)."""

import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageDraw
from sklearn.metrics import confusion_matrix
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import RunError
from pages.widgets.home import shipped_runs
from pages.widgets.shared import navigation
from pages.widgets.shared import warm_up as warm_up_module
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import ENTRIES
from pages.widgets.shared.warm_up import warm_up
from tests.helpers.networks import SHIPPED
from tests.helpers.pages_manager import navigation_remembered


@pytest.fixture(autouse=True)
def no_own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A visitor without runs of their own."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    return tmp_path


def predict_page(app: AppTest, picture: bytes | None = None, name: str = "digit.png") -> AppTest:
    """The prediction page, with a picture uploaded if there is one."""
    app.run()
    app.switch_page("pages/predict.py").run()
    if picture is not None:
        app.segmented_control(key="way").set_value("Upload").run()
        app.file_uploader(key="upload").set_value((name, picture, "image/png")).run()
    return app


def png(draw: list[tuple[int, int]] | None = None, size: tuple[int, int] = (200, 200)) -> bytes:
    picture = Image.new("L", size, 255)
    if draw:
        ImageDraw.Draw(picture).line(draw, fill=0, width=14)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


SEVEN = [(60, 40), (140, 40), (90, 170)]


def own_copy(folder: Path, **changes: Any) -> Path:
    """The shipped run `purawr` as a visitor's own run `mine`, with other fields in its run.json."""
    copy = folder / "mine"
    shutil.copytree(registry.SHIPPED_FOLDER / "purawr", copy)
    fields = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**fields, "id": "mine", **changes}))
    return copy


def everything_said(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.caption, app.error, app.warning, app.info, app.header)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_home_counts_the_mistakes_of_the_seven_shipped_runs(app: AppTest) -> None:
    app.run()
    assert not app.exception
    said = everything_said(app)
    for name in SHIPPED:
        answer = registry.find_run(name).predictions("mnist")
        assert answer is not None
        wrong = int((answer.probabilities.argmax(axis=1) != answer.labels).sum())
        assert f"**{wrong} wrong of 10,000 ({(10_000 - wrong) / 100:.2f} %)**" in said


def test_home_names_each_tutorial_with_its_own_figure_and_says_where_ours_differs(
    app: AppTest,
) -> None:
    app.run()
    said = everything_said(app)
    tutorials = [preset.tutorial for preset in PRESETS.values() if preset.tutorial]
    assert len(tutorials) == 5
    for tutorial in tutorials:
        assert tutorial.author in said
        assert tutorial.figure in said
        assert tutorial.remark in said


def test_home_paints_without_tensorflow() -> None:
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
import pages.widgets.shared.warm_up as predictors
predictors._load_default = lambda: None
app = AppTest.from_file({str(ROOT / "app.py")!r}, default_timeout=60).run()
assert app.title[0].value == "Digitscope", app.exception
print([name for name in sys.modules if name in ("tensorflow", "keras")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_what_tensorflow_has_prepared_is_kept_after_a_run_of_the_script(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[str] = []
    monkeypatch.setattr(script_runner, "_clean_problem_modules", lambda: cleared.append("keras"))
    AppTest.from_string("import streamlit as st").run()
    assert cleared == ["keras"], "Streamlit no longer clears it there"
    cleared.clear()
    app.run()
    assert not app.exception
    assert cleared == []


def test_a_drawn_seven_uploaded_as_a_picture_is_read(app: AppTest) -> None:
    predict_page(app, png(SEVEN))
    assert not app.exception
    assert [(metric.label, metric.value) for metric in app.metric] == [("The network reads", "7")]


def test_before_anything_is_drawn_the_page_says_what_to_do(app: AppTest) -> None:
    predict_page(app)
    assert "The answer appears here" in app.info[0].value
    assert not app.metric


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "digit.png"),
        (png(SEVEN)[:200], "digit.png"),
        (png(), "Nothing is drawn"),
    ],
    ids=["0 bytes", "a text", "truncated", "blank"],
)
def test_a_picture_that_cannot_be_read_gets_a_sentence(
    app: AppTest, picture: bytes, sentence: str
) -> None:
    predict_page(app, picture)
    assert not app.exception
    assert not app.metric
    assert sentence in "\n".join(str(e.value) for e in [*app.error, *app.warning])


def test_an_unsure_network_says_so(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    class Torn:
        """Stands in for a network that cannot decide: which real one would, nobody can promise."""

        def probabilities(self, images: np.ndarray) -> np.ndarray:
            return np.array([[0, 0, 0, 0, 0.55, 0, 0, 0, 0, 0.45]], np.float32)

    monkeypatch.setattr("pages.widgets.shared.warm_up.predictor", lambda network: Torn())
    predict_page(app, png(SEVEN))
    assert app.metric[0].label == "The network is unsure"
    assert app.metric[0].value == "4 or 9?"


def test_the_link_chooses_the_run(app: AppTest) -> None:
    app.query_params["run"] = "kundathil"
    app.run()
    assert app.selectbox(key="run").value == "kundathil"


def test_an_unknown_run_in_the_link_gets_a_sentence_and_the_default(app: AppTest) -> None:
    app.query_params["run"] = "nobody"
    app.run()
    assert app.selectbox(key="run").value == "best"
    assert "nobody" in app.warning[0].value


def test_a_damaged_run_shows_as_such_and_breaks_nothing(app: AppTest, no_own_runs: Path) -> None:
    (no_own_runs / "halfway").mkdir()
    (no_own_runs / "halfway" / "run.json").write_text("{")
    app.query_params["run"] = "halfway"
    app.run()
    assert not app.exception
    assert "halfway" in app.warning[0].value
    assert "halfway" not in app.selectbox(key="run").options


@pytest.mark.parametrize("damage", ["missing", "corrupt"])
def test_a_run_without_its_network_gets_a_sentence(
    app: AppTest, no_own_runs: Path, damage: str
) -> None:
    folder = own_copy(no_own_runs)
    if damage == "missing":
        (folder / "model.keras").unlink()
    else:
        (folder / "model.keras").write_bytes(b"PK\x03\x04 not a network")
    app.query_params["run"] = "mine"
    predict_page(app, png(SEVEN))
    assert not app.exception
    assert "model.keras" in app.error[0].value
    assert "mine" in app.error[0].value


def test_without_any_run_the_app_says_how_to_get_one(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "SHIPPED_FOLDER", tmp_path / "none")
    predict_page(app, png(SEVEN))
    assert not app.exception
    assert "make train" in app.error[0].value


def test_the_cards_show_the_run_of_the_link(app: AppTest) -> None:
    app.query_params["run"] = "purawr"
    app.run()
    assert not app.exception
    said = everything_said(app)
    answer = registry.find_run("purawr").predictions("mnist-sample")
    assert answer is not None
    counts = confusion_matrix(answer.labels, answer.probabilities.argmax(axis=1))
    np.fill_diagonal(counts, 0)
    label, read = divmod(int(counts.argmax()), 10)
    assert f"it reads a {label} as a {read} {counts.max()} times in 1,000 digits" in said
    assert "the loss of purawr over 10 epochs" in said
    # Its first layer is dense: there is no kernel to show.
    assert "first layer" not in said


def test_a_damaged_run_leaves_the_home_page_whole(app: AppTest, no_own_runs: Path) -> None:
    copy = own_copy(no_own_runs, seconds=1)
    (copy / "history.csv").write_text("nonsense")
    (copy / "test_predictions.npz").write_bytes(b"nonsense")
    app.query_params["run"] = "mine"
    app.run()
    assert not app.exception
    assert "What does a network get wrong?" in everything_said(app)


def test_two_visitors_at_once_do_not_take_each_others_page() -> None:
    # Both open the app before either page is drawn: as in a class, all at the same moment.
    first, second = (navigation.pages()["home"] for _ in range(2))
    assert first is not second


def test_the_network_warms_up_once_a_server_and_only_after_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warm_up.clear()
    happened: list[str] = []

    def slow_table(_shipped: object) -> None:
        time.sleep(1 if not happened else 0)  # longer than the warm-up's head start
        happened.append("page")

    def predictor(network: Network) -> SimpleNamespace:
        return SimpleNamespace(trace=lambda: happened.append(network.run.id))

    monkeypatch.setattr(warm_up_module, "predictor", predictor)
    monkeypatch.setattr(shipped_runs, "shipped_runs", slow_table)
    with navigation_remembered():
        for _ in range(2):
            AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    warm_up().join()
    assert happened[0] == "page"
    assert sorted(happened) == ["best", "page", "page"]


def test_a_strangers_words_stay_words() -> None:
    assert plain("a_*7*_$5$ ![x](http://y) is `no` picture.") == (
        r"a\_\*7\*\_\$5\$ \!\[x\]\(http\://y\) is `no` picture."
    )


def test_a_files_name_is_shown_as_it_is(app: AppTest) -> None:
    predict_page(app, b"no picture", name="a_*7*_$5$.png")
    assert r"a\_\*7\*\_\$5\$.png" in app.error[0].value


def test_a_network_whose_training_diverged_gets_a_sentence(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Diverged:
        def probabilities(self, images: np.ndarray) -> np.ndarray:
            raise RunError("its training diverged")

    monkeypatch.setattr("pages.widgets.shared.warm_up.predictor", lambda network: Diverged())
    predict_page(app, png(SEVEN))
    assert "diverged" in app.error[0].value
    assert not app.metric


@pytest.mark.parametrize("held_out", [True, False])
def test_a_figure_from_few_digits_carries_its_interval_and_what_was_trained_on_is_told(
    app: AppTest, no_own_runs: Path, held_out: bool
) -> None:
    figures = {"n": 1000, "wrong": 24, "loss": 0.1, "held_out": held_out}
    own_copy(no_own_runs, metrics={"mnist-sample": figures})
    app.query_params["run"] = "mine"
    app.run()
    said = "\n".join(caption.value for caption in app.sidebar.caption)
    # Wilson's interval of 976 of 1,000, from SciPy's binomtest.
    assert "24 wrong of 1,000 (97.60 %)" in said
    assert "95 % interval 96.5 to 98.4 %" in said
    assert ("not a test result" in said) is not held_out


@pytest.mark.parametrize("key", list(ENTRIES))
def test_a_page_that_is_opened_bare_asks_for_the_app_before_it_draws(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def enter() -> None:
        asked.append(key)
        st.stop()

    monkeypatch.setattr(navigation, "enter", enter)
    bare = AppTest.from_file(str(ROOT / ENTRIES[key].file), default_timeout=60).run()
    assert asked == [key]
    assert not bare.exception
    assert len(bare.main) == 0
