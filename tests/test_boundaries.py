"""Who may import whom: no screen inside core, no TensorFlow where a page must paint at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CORE = REPOSITORY / "core"
PAGES = REPOSITORY / "pages"
PRODUCT = sorted([REPOSITORY / "app.py", *CORE.rglob("*.py"), *PAGES.rglob("*.py")])
MODULES = sorted(file.stem for file in CORE.glob("*.py") if file.stem != "__init__")

# A module may import those of its own floor and of the floors below (no circles: see below). A new
# module has to be given its floor here.
FLOORS = [
    {
        "arrays",
        "errors",
        "text",
        "glossary",
        "palette",
        "parameters",
        "plain_json",
        "plain_files",
        "curve",
        "pace",
        "tail",
        "bounds",
    },
    {"datasets", "scaling", "architectures", "pictures", "figures", "comparing_figures"}
    | {"drawing", "chores", "run_lines"},
    {"picture_files"}
    | {"paper", "strokes", "preprocessing", "download", "recipes", "presets", "recipe_words"}
    | {"kernel_pictures", "keras_model"}
    | {"augment_play", "augmentation_preview", "blocks", "draft", "elastic", "recipe_link"}
    | {"simple"}
    | {
        "convolution",
        "map_places",
        "dataset_figures",
        "digit_numbers",
        "digit_sheet",
        "digit_stats",
        "fetching",
    }
    | {"human_verdicts", "neighbours", "nearness", "playground_pictures"}
    | {"flips", "flips_search", "flips_figures"}
    | {"receptive", "field_pictures", "number_table", "arithmetic_steps", "ablation_figures"}
    | {"layer_pictures", "network_steps", "kernel_figures", "forming_figures"},
    {"ink_pieces", "text_lines", "page_light", "ruled_lines", "page_ink", "touching", "cut_out"}
    | {"shadows", "doubtful_pieces", "second_looks"}
    | {"grouping", "page_digits", "box_corrections", "digit_gate"},
    {"rates", "remedies", "layer_advice", "advice", "workload", "cost_fit"}
    | {"learning_curves", "verdict_words", "faulty_curves", "verdicts"},
    {"run_info", "runs", "run_writer", "limits", "job_card", "locks", "orders", "run_keeping"}
    | {"hard_digits", "estimate", "suspects", "afterwards"},
    {"own_digits"},
    {"evaluation", "answered", "browse", "digit_map", "map_figures", "augment_hints", "traits"},
    {"temperature", "refusal", "reading", "fine_tuned", "fine_tuning"},
    {"events", "pipeline", "inference", "second_opinions", "comparing", "run_report"}
    | {"live", "live_figures"}
    | {"export", "export_digits", "export_header", "export_network", "export_proof"}
    | {"export_source", "export_training", "digit_cards"}
    | {"confusion", "class_report", "calibration", "calibration_figures", "paired"}
    | {"stress", "stress_curves", "stress_figures", "epoch_answers", "epoch_figures"}
    | {"slices", "slice_figures", "confusion_export", "matrix_picture", "my_digits"}
    | {"my_digits_files"}
    | {"attribution", "sanity", "dreams", "inside_map", "attribution_pictures"}
    | {"matrix_cells", "late_answers", "probe", "all_kernels", "forming"}
    | {"arithmetic", "ablation", "exciting"},
    {"engines", "measuring", "checkpoints", "watcher", "looking", "run_faults"},
    {"training", "dispatch", "jobs", "waiting"},
    {"measure", "watching"},
    {"terminal"},
    {"command_line"},
    {"commands", "explore_command", "predict_command", "worker", "__main__"},
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}

WITHOUT_TENSORFLOW = [
    "ablation_figures",
    "advice",
    "afterwards",
    "all_kernels",
    "answered",
    "architectures",
    "arithmetic",
    "arithmetic_steps",
    "arrays",
    "attribution_pictures",
    "augment_hints",
    "augment_play",
    "augmentation_preview",
    "blocks",
    "bounds",
    "box_corrections",
    "browse",
    "calibration",
    "calibration_figures",
    "chores",
    "class_report",
    "command_line",
    "commands",
    "comparing",
    "comparing_figures",
    "confusion",
    "confusion_export",
    "convolution",
    "cost_fit",
    "curve",
    "cut_out",
    "dataset_figures",
    "datasets",
    "digit_cards",
    "digit_gate",
    "digit_map",
    "digit_numbers",
    "digit_sheet",
    "digit_stats",
    "dispatch",
    "download",
    "draft",
    "drawing",
    "elastic",
    "engines",
    "epoch_answers",
    "epoch_figures",
    "errors",
    "estimate",
    "evaluation",
    "events",
    "explore_command",
    "export",
    "export_digits",
    "export_header",
    "export_network",
    "export_proof",
    "export_source",
    "export_training",
    "faulty_curves",
    "fetching",
    "field_pictures",
    "figures",
    "fine_tuned",
    "fine_tuning",
    "flips",
    "flips_figures",
    "flips_search",
    "forming",
    "forming_figures",
    "glossary",
    "grouping",
    "hard_digits",
    "human_verdicts",
    "ink_pieces",
    "job_card",
    "jobs",
    "kernel_figures",
    "kernel_pictures",
    "late_answers",
    "layer_advice",
    "layer_pictures",
    "learning_curves",
    "limits",
    "live",
    "live_figures",
    "locks",
    "map_figures",
    "map_places",
    "matrix_cells",
    "matrix_picture",
    "measuring",
    "my_digits",
    "my_digits_files",
    "nearness",
    "neighbours",
    "network_steps",
    "number_table",
    "orders",
    "own_digits",
    "pace",
    "page_digits",
    "doubtful_pieces",
    "second_looks",
    "page_ink",
    "page_light",
    "paired",
    "palette",
    "paper",
    "parameters",
    "picture_files",
    "pictures",
    "plain_files",
    "plain_json",
    "playground_pictures",
    "predict_command",
    "preprocessing",
    "presets",
    "rates",
    "reading",
    "receptive",
    "recipe_link",
    "recipe_words",
    "recipes",
    "refusal",
    "remedies",
    "ruled_lines",
    "shadows",
    "run_faults",
    "run_info",
    "run_keeping",
    "run_lines",
    "run_report",
    "run_writer",
    "runs",
    "scaling",
    "second_opinions",
    "simple",
    "slice_figures",
    "slices",
    "stress",
    "stress_curves",
    "stress_figures",
    "strokes",
    "suspects",
    "tail",
    "temperature",
    "terminal",
    "text",
    "text_lines",
    "touching",
    "traits",
    "verdict_words",
    "verdicts",
    "waiting",
    "watching",
    "worker",
    "workload",
]


def imported_by(file: Path) -> Iterator[str]:
    """Full names of what a file imports, also inside functions and for type checking."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def shown(file: Path) -> str:
    """A file's name in the list of tests."""
    return str(file.relative_to(REPOSITORY))


def siblings(module: str) -> set[str]:
    """The core modules that a core module imports."""
    parts = [name.split(".") for name in imported_by(CORE / f"{module}.py")]
    return {part[1] for part in parts if part[0] == "core" and len(part) > 1} & set(MODULES)


def test_the_reading_of_imports_sees_them() -> None:
    # Were `siblings` blind, everything below would pass.
    assert {"architectures", "datasets", "errors", "scaling"} <= siblings("recipes")
    assert "runs" in siblings("inference")  # written `from core import runs`


@pytest.mark.parametrize("module", MODULES)
def test_no_core_module_knows_a_screen(module: str) -> None:
    outside = {name.split(".")[0] for name in imported_by(CORE / f"{module}.py")}
    assert not outside & {"streamlit", "pages", "app", "streamlit_drawable_canvas"}


@pytest.mark.parametrize("file", PRODUCT, ids=shown)
def test_the_product_needs_neither_tests_nor_benchmarks(file: Path) -> None:
    outside = {name.split(".")[0] for name in imported_by(file)}
    assert not outside & {"tests", "benchmarks"}


@pytest.mark.parametrize("file", sorted((PAGES / "widgets").glob("*.py")), ids=shown)
def test_what_pages_share_knows_no_page(file: Path) -> None:
    # `from pages import home` gives "pages" and "pages.home"; `import pages.home` gives the latter.
    pages = {f"pages.{page.stem}" for page in PAGES.glob("*.py") if page.stem != "__init__"}
    assert {"pages.home", "pages.predict"} <= pages
    assert not pages & set(imported_by(file))


def test_floors_are_of_modules_that_exist() -> None:
    assert set(FLOOR_OF) == set(MODULES)
    assert set(WITHOUT_TENSORFLOW) <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_core_go_down_only(module: str) -> None:
    assert module in FLOOR_OF, f"core.{module} is new: give it its floor in FLOORS"
    upwards = {name for name in siblings(module) if FLOOR_OF[name] > FLOOR_OF[module]}
    assert not upwards


def test_no_circles() -> None:
    rest = {module: siblings(module) for module in MODULES}
    while rest:
        ready = {name for name, needs in rest.items() if not needs & set(rest)}
        assert ready, f"these import each other: {sorted(rest)}"
        rest = {name: needs for name, needs in rest.items() if name not in ready}


def test_import_loads_neither_tensorflow_nor_streamlit() -> None:
    # One process for all: each takes a while to start. The first that loads something is named.
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module('core.' + name)\n"
        "    loaded = sorted({'tensorflow', 'keras', 'streamlit'} & set(sys.modules))\n"
        "    if loaded: sys.exit(f'core.{name} loads {loaded}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *WITHOUT_TENSORFLOW],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
