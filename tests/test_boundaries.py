"""Who may import whom: no screen inside core, no TensorFlow where a page must paint at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CORE = REPOSITORY / "core"
MODULES = sorted(file.stem for file in CORE.glob("*.py") if file.stem != "__init__")

# A module may import those of its own floor and of the floors below (no circles: see below). A new
# module has to be given its floor here.
FLOORS = [
    {"errors", "palette"},
    {"datasets", "scaling", "architectures", "pictures", "figures"},
    {"paper", "strokes", "preprocessing", "download", "recipes", "presets", "runs", "run_writer"},
    {"evaluation", "events", "pipeline", "inference", "activations"},
    {"training"},
    {"jobs", "worker"},
    {"commands", "__main__"},
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}

WITHOUT_TENSORFLOW = [
    "architectures",
    "commands",
    "datasets",
    "download",
    "errors",
    "evaluation",
    "events",
    "figures",
    "jobs",
    "palette",
    "paper",
    "pictures",
    "preprocessing",
    "presets",
    "recipes",
    "run_writer",
    "runs",
    "scaling",
    "strokes",
]


def imported_by(module: str) -> Iterator[str]:
    """Full names of what a module imports, also inside functions and for type checking."""
    tree = ast.parse((CORE / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"core.{module} has a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def siblings(module: str) -> set[str]:
    """The core modules that a core module imports."""
    parts = [name.split(".") for name in imported_by(module)]
    return {part[1] for part in parts if part[0] == "core" and len(part) > 1} & set(MODULES)


def test_the_reading_of_imports_sees_them() -> None:
    # Were `siblings` blind, everything below would pass.
    assert {"architectures", "datasets", "errors", "scaling"} <= siblings("recipes")
    assert "runs" in siblings("inference")  # written `from core import runs`


@pytest.mark.parametrize("module", MODULES)
def test_no_core_module_knows_a_screen(module: str) -> None:
    outside = {name.split(".")[0] for name in imported_by(module)}
    assert not outside & {"streamlit", "pages", "app", "streamlit_drawable_canvas"}


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


@pytest.mark.parametrize("module", [name for name in WITHOUT_TENSORFLOW if name in MODULES])
def test_import_loads_neither_tensorflow_nor_streamlit(module: str) -> None:
    script = (
        f"import sys, core.{module}; "
        "print(sorted({'tensorflow', 'keras', 'streamlit'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
