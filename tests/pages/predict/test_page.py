"""The Predict page with pictures that are brought: several files, numbers, doubts, what is open."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

CHOICE = "predict-file"
File = tuple[str, bytes, str]
SEVEN = [(0.1, 0.05), (0.85, 0.05), (0.35, 1.0)]
ONE = [(0.5, 0.0), (0.47, 1.0)]


@pytest.fixture(autouse=True)
def no_own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A visitor without runs of their own."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))


def picture(*lines: str, name: str = "page.png") -> File:
    """Ones and sevens in lines, blue on white."""
    page = Image.new("RGB", (90 * max(map(len, lines)) + 60, 150 * len(lines) + 30), "white")
    brush = ImageDraw.Draw(page)
    for row, line in enumerate(lines):
        for column, digit in enumerate(line):
            if digit != " ":
                points = SEVEN if digit == "7" else ONE
                left, top = 40 + 90 * column, 30 + 150 * row
                brush.line([(left + 60 * x, top + 100 * y) for x, y in points], "navy", 11)
    file = io.BytesIO()
    page.save(file, "PNG")
    return name, file.getvalue(), "image/png"


@pytest.fixture
def uploaded(app: AppTest) -> Callable[..., AppTest]:
    """The Predict page after an upload."""

    def upload(*files: File) -> AppTest:
        app.run()
        app.switch_page("pages/predict.py").run()
        app.segmented_control(key="way").set_value("Upload").run()
        app.file_uploader(key="upload").set_value(list(files)).run()
        assert not app.exception
        return app

    return upload


def told(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def stand_in(monkeypatch: pytest.MonkeyPatch, *rows: list[float]) -> None:
    """A network with fixed answers: which real one would doubt, nobody can promise."""

    class Fixed:
        def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            many = [rows[k % len(rows)] for k in range(len(images))]
            return np.array(many, np.float32)

    monkeypatch.setattr("pages.widgets.shared.warm_up.predictor", lambda network: Fixed())


def test_digits_side_by_side_are_read_as_a_number(uploaded: Callable[..., AppTest]) -> None:
    app = uploaded(picture("717"))
    assert [(metric.label, metric.value) for metric in app.metric] == [("The network reads", "717")]
    assert "Digit 1 of 3: **7" in told(app)


def test_lines_stand_below_one_another(uploaded: Callable[..., AppTest]) -> None:
    app = uploaded(picture("71", "17"))
    bodies = " ".join(element.proto.body for element in app.get("html"))
    assert "<div>71</div><div>17</div>" in bodies
    assert "The network reads 4 digits" in told(app)


def test_a_refused_file_is_named_with_its_sentence_and_the_others_are_read(
    uploaded: Callable[..., AppTest],
) -> None:
    bad: File = ("bad_*x*.png", b"just words", "image/png")
    app = uploaded(picture("7", name="good.png"), bad, picture("71", name="two.png"))
    assert "holds text" in told(app)
    assert r"bad\_\*x\*.png" in told(app)
    assert app.selectbox(key=CHOICE).options == ["1. good.png: 7", "2. two.png: 71"]
    assert app.metric[0].value == "7"
    app.selectbox(key=CHOICE).select_index(1).run()
    assert app.metric[0].value == "71"


def test_a_picture_without_a_digit_among_others_is_told_by_its_name(
    uploaded: Callable[..., AppTest],
) -> None:
    blank = io.BytesIO()
    Image.new("L", (60, 60), 255).save(blank, "PNG")
    app = uploaded(picture("7"), ("blank.png", blank.getvalue(), "image/png"))
    assert r"blank.png\: Nothing" in told(app)
    assert app.metric[0].value == "7"


def test_pictures_are_read_once_and_others_than_the_first_500_not_at_all(
    uploaded: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.predict.files.MOST_FILES", 3)
    app = uploaded(*(picture("7", name=f"{k}.png") for k in range(5)))
    assert len(app.selectbox(key=CHOICE).options) == 3
    assert "These are 5 pictures" in told(app)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("read twice")

    monkeypatch.setattr("pages.widgets.predict.batch.find_page", never)
    app.selectbox(key=CHOICE).select_index(2).run()
    assert not app.exception
    assert app.metric[0].value == "7"


def refuse_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gate refuse every digit, and the detector's word not count against it."""
    monkeypatch.setattr(
        "core.inference.reader.digitness", lambda pixels: np.full(len(pixels), 0.01)
    )
    monkeypatch.setattr("core.inference.reader.SURE_SCORE", 1.1)


def test_a_doubtful_digit_is_marked_and_what_is_no_digit_is_an_answer_of_its_own(
    uploaded: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = [0, 0, 0, 0, 0.55, 0, 0, 0, 0, 0.45]
    stand_in(monkeypatch, torn)
    monkeypatch.setattr(
        "core.inference.reader.digitness", lambda pixels: np.full(len(pixels), 0.99)
    )
    app = uploaded(picture("7"))
    assert (app.metric[0].label, app.metric[0].value) == ("The network is unsure", "4 or 9?")
    refuse_all(monkeypatch)
    app.file_uploader(key="upload").set_value([picture("7", name="again.png")]).run()
    assert app.metric[0].value == "no digit"
    assert "If it were a digit: 4" in told(app)
    app.file_uploader(key="upload").set_value([picture("77", name="two.png")]).run()
    assert app.metric[0].value == "??"
    assert "2 unlike a digit" in told(app)


def bars(app: AppTest) -> dict[str, Any]:
    """The ten bars as the page shows them."""
    return dict(json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0])


def test_the_bars_of_what_is_no_digit_stand_out_for_no_answer(
    uploaded: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, [0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5])  # at any temperature
    monkeypatch.setattr(
        "core.inference.reader.digitness", lambda pixels: np.full(len(pixels), 0.99)
    )
    app = uploaded(picture("7"))
    clear = bars(app)
    assert len(set(clear["marker"]["color"])) == 2
    assert clear["text"][4] == "<b>50 %</b>"
    assert "Were it" not in told(app)
    refuse_all(monkeypatch)
    app.file_uploader(key="upload").set_value([picture("7", name="again.png")]).run()
    pale = bars(app)
    assert pale["marker"]["color"] == clear["marker"]["color"][0]  # that of all but the answer
    assert pale["marker"]["opacity"] < 0.5
    assert (pale["text"][4], pale["text"][9]) == ("50 %", "50 %")
    assert "If it were a digit: 4, with 50 %" in told(app)
    assert "this is not an answer" in told(app)
    app.file_uploader(key="upload").set_value([picture("77", name="two.png")]).run()
    assert "Digit 1 of 2: **not a digit" in told(app)
    assert "If it were a digit: 4" in told(app)
    assert "opacity" not in clear["marker"]


def test_another_picture_begins_with_its_first_digit(uploaded: Callable[..., AppTest]) -> None:
    app = uploaded(picture("717"))
    (owner, _) = app.session_state.get("predict_chosen", ("", 0))
    assert owner == ""
    key = app.session_state["predict_open"].owner
    app.session_state["predict_chosen"] = (key, 1)
    app.run()
    assert "Digit 2 of 3: **1" in told(app)
    app.file_uploader(key="upload").set_value([picture("77", name="new.png")]).run()
    assert "Digit 1 of 2: **7" in told(app)


def test_the_steps_are_a_strip_and_the_naive_way_can_be_compared(
    uploaded: Callable[..., AppTest],
) -> None:
    app = uploaded(picture("7"))
    assert "digit-steps" not in " ".join(element.proto.body for element in app.get("html"))
    app.segmented_control(key="look").set_value("Preprocessing").run()
    (strip,) = [
        element.proto.body for element in app.get("html") if "digit-steps" in element.proto.body
    ]
    titles = ["Gray", "Light ink", "Paper removed", "Ink", "Cropped", "Fit into 20×20"]
    places = [strip.index(f"{k}. {title}<") for k, title in enumerate(titles, 1)]
    assert places == sorted(places)
    assert "Naive resize" not in told(app)
    app.toggle(key="predict-naive").set_value(True).run()
    assert "**Naive resize**" in told(app)
    assert "The network answers **7**" in told(app)


def test_a_view_without_a_digit_says_what_is_missing(app: AppTest) -> None:
    app.run()
    app.switch_page("pages/predict.py").run()
    app.segmented_control(key="look").set_value("Explanation").run()
    assert not app.exception
    assert "Draw a digit or bring a picture first" in told(app)


VIEWS = {
    "Preprocessing": "pages.widgets.predict.preprocessing_steps.preprocessing_view",
    "Explanation": "pages.widgets.predict.why.explanation_view",
    "Counterfactuals": "pages.widgets.predict.counterfactuals.counterfactuals_view",
    "My digits": "pages.widgets.shared.user_digits.my_digits_view",
}


def test_only_the_view_that_is_open_computes_anything(
    uploaded: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = uploaded(picture("7"))
    drawn: list[str] = []
    for view, function in VIEWS.items():
        monkeypatch.setattr(function, lambda *_, view=view, **__: drawn.append(view))
    app.file_uploader(key="upload").set_value([picture("1", name="one.png")]).run()
    assert app.metric[0].value == "1"
    assert drawn == []
    for view in VIEWS:
        app.segmented_control(key="look").set_value(view).run()
        assert not app.exception
    assert drawn == list(VIEWS)


def test_answers_as_csv_have_a_line_a_picture_and_no_formula(
    uploaded: Callable[..., AppTest],
) -> None:
    uploaded(picture("7"))
    from pages.widgets.predict.batch import Summary, _csv, _table_columns

    read = [
        Summary("a.png", "71 / 7", 3, 0.5),
        Summary("=1+1.png", problem="It is empty."),
        Summary("@cmd.csv", problem="@cmd.csv: It is damaged."),
    ]
    assert _csv(read).decode().splitlines() == [
        "file,reads,digits,least_confidence,problem",
        "a.png,71 / 7,3,0.5000,",
        "'=1+1.png,,0,,It is empty.",
        "'@cmd.csv,,0,,'@cmd.csv: It is damaged.",
    ]
    assert _table_columns(read)["File"] == ["a.png", "'=1+1.png", "'@cmd.csv"]
