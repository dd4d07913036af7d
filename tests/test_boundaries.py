"""What a page needs for its first paint imports no TensorFlow, which takes seconds, nor the like.

Who may import whom is import-linter's business (`make lint`); what gets loaded in the end only a
fresh process can tell.
"""

import os
import subprocess
import sys
from pathlib import Path

from core import ROOT

WITH_TENSORFLOW = {
    "core.recipes.adversarial_network",
    "core.recipes.keras_model",
    "core.inference.predictor",
    "core.training.callbacks",
    "core.training.checkpoints",
    "core.training.input_pipeline",
    "core.training.trainer",
    "core.explain.activations",
    "core.explain.adversarial",
    "core.explain.attribution",
    "core.explain.feature_maps",
    "core.explain.feature_visualization",
    "core.explain.latent_space",
    "core.jobs.speed_benchmark",
}
"""Modules that import TensorFlow or Keras when they are imported. Every other module must not."""

TENSORFLOW = {"tensorflow", "keras"}
SLOW_TO_IMPORT = TENSORFLOW | {
    *("scipy", "sklearn", "matplotlib", "requests", "pooch"),
    "core.inference.reader",  # brings all that reads a page of digits
}
HOME = [
    "app",
    "pages.widgets.shared.navigation",
    "pages.widgets.shared.run_picker",
    "pages.widgets.shared.scheduler_thread",
    "pages.widgets.shared.warm_up",
    "pages.widgets.shared.lesson_bar",
    "pages.widgets.shared.page_style",
    "pages.widgets.shared.presentation",
    "pages.widgets.home.try_it",
]
"""What the server and the first page that most visitors see import."""

IMPORT_ALL = """
import importlib, sys
banned = set(sys.argv[1].split(","))
for name in sys.argv[2:]:
    importlib.import_module(name)
    heavy = banned & set(sys.modules)
    if heavy:
        sys.exit(f"{name} imports {', '.join(sorted(heavy))}")
"""


def module_names(folder: str) -> list[str]:
    files = sorted((ROOT / folder).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


def imported(
    names: list[str], *folders: Path, banned: set[str] = TENSORFLOW
) -> subprocess.CompletedProcess[str]:
    """Import the modules in a new process; of the folders first, if there are any."""
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(banned), *names]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_what_paints_first_loads_no_tensorflow() -> None:
    core = [name for name in module_names("core") if not name.endswith("__main__")]
    assert set(core) >= WITH_TENSORFLOW
    told = imported([name for name in core if name not in WITH_TENSORFLOW])
    assert told.returncode == 0, told.stderr


def test_the_server_and_home_load_nothing_that_is_slow_to_import(tmp_path: Path) -> None:
    # Outside a server, the canvas's package cannot be imported; it brings nothing but Streamlit.
    (tmp_path / "streamlit_drawable_canvas.py").write_text("CanvasResult = st_canvas = None")
    told = imported(HOME, tmp_path, banned=SLOW_TO_IMPORT)
    assert told.returncode == 0, told.stderr


def test_the_check_notices_tensorflow(tmp_path: Path) -> None:
    # An empty file in its place: what counts is the name, and the real one takes seconds.
    (tmp_path / "keras.py").touch()
    (tmp_path / "hidden.py").write_text("import keras")
    (tmp_path / "heavy.py").write_text("import hidden")
    told = imported(["core.utils.errors", "heavy"], tmp_path)
    assert "heavy imports keras" in told.stderr
    assert imported(["core.utils.errors"], tmp_path).returncode == 0
