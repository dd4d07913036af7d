"""Recipes and runs as code to take away: plain Keras, as a script and as a notebook.

Both are made of the same sections (`core.export_digits`, `core.export_training`,
`core.export_proof`) and import nothing of ours. What is exported from a run carries its own proof.
"""

import re
import textwrap
from importlib import import_module
from typing import Any

from core import export_digits, export_training
from core.errors import RunError
from core.export_header import TITLE, first_loss, header, requirements
from core.export_proof import preparation, proof, prove
from core.export_source import Section, imports
from core.recipes import Recipe
from core.runs import Run

WIDTH = 100
# In the order in which import statements stand; see `imports`.
_MODULES = (
    ("argparse", ""),
    ("base64", ""),
    ("hashlib", ""),
    ("math", ""),
    ("os", ""),
    ("zlib", ""),
    ("dataclasses", "from dataclass"),
    ("importlib", "from resources"),
    ("pathlib", "from Path"),
    ("typing", "from Final"),
    ("typing", "from Literal"),
    ("", ""),
    ("cv2", ""),
    ("keras", ""),
    ("numpy", "np"),
    ("tensorflow", "tf"),
    ("keras", "from layers"),
    ("numpy.typing", "from NDArray"),
)


def script(recipe: Recipe, run: Run | None = None) -> str:
    """A recipe as a Python script that trains and tests its network with Keras alone.

    Args:
        recipe: what is trained.
        run: a run of this very recipe: its figures go into the header, and if it holds a network,
            the script proves with `--check` that `model.keras` beside it answers as it did here.

    Raises:
        ValueError: `run` has another recipe.
        DatasetError: the digits of the proof cannot be read.
    """
    return _script(_sections(recipe, run), recipe, run)


def _script(sections: list[Section], recipe: Recipe, run: Run | None) -> str:
    proved = _is_proved(sections)
    usage = _installing(recipe, run)
    usage += "    python train.py            trains the network anew and tests it\n"
    if proved:
        usage += "    python train.py --check    proves that it answers as in Digitscope\n"
    told = "\n\n".join(_wrapped(text) for text in header(recipe, run, proved=proved))
    parts = [
        _commented(section) + ("\n\n\n" if _opens_with_block(section) else "\n\n") + section.code
        for section in sections
    ]
    body = "\n\n\n".join([*parts, _main(sections)])
    needed = imports(body, _MODULES)
    return f'"""{TITLE}.\n\n{told}\n\n{usage}"""\n\n{needed}\n\n{body}\n'


def notebook(recipe: Recipe, run: Run | None = None) -> bytes:
    """The same as `script` as a Jupyter notebook: the bytes of an .ipynb file.

    Equal recipes and runs give equal bytes. Raises like `script`.
    """
    return _notebook(_sections(recipe, run), recipe, run)


def _notebook(sections: list[Section], recipe: Recipe, run: Run | None) -> bytes:
    nbformat: Any = import_module("nbformat")  # it has no types
    v4 = nbformat.v4
    told = "\n\n".join(header(recipe, run, proved=_is_proved(sections)))
    packages = " ".join(requirements(recipe, run).split())
    cells = [
        v4.new_markdown_cell(f"# {TITLE}\n\n{told}", id="title"),
        v4.new_code_cell(f"{_NOT_INSTALLED}# %pip install {packages}", id="requirements"),
    ]
    needed = imports(
        "\n".join(section.code + "\n" + _cell(section) for section in sections), _MODULES
    )
    cells.append(v4.new_code_cell(needed, id="imports"))
    for section in sections:
        name = re.sub(r"[^a-z0-9]+", "-", section.title.lower())
        text = f"## {section.title}\n\n{section.text}"
        cells.append(v4.new_markdown_cell(text, id=name))
        cells.append(v4.new_code_cell(section.code, id=f"{name}-code"))
        if section.steps:
            cells.append(v4.new_code_cell(_cell(section), id=f"{name}-run"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.validate(made)
    return (nbformat.writes(made) + "\n").encode()


def recipe_only(recipe: Recipe) -> dict[str, bytes]:
    """A recipe to take away, file name to content: code and settings, without any weights."""
    return _files(recipe, None)


def bundle(run: Run) -> dict[str, bytes]:
    """A run to take away, file name to content: its code with the proof, and its network.

    Raises RunError if the run holds no network, or not the one that its training wrote.
    """
    if not run.info.model_sha256:
        raise RunError(
            f"The run {run.id!r} holds no network yet, so only its recipe can be exported."
        )
    run.check_model()
    return {**_files(run.info.recipe, run), "model.keras": run.model_file.read_bytes()}


def _files(recipe: Recipe, run: Run | None) -> dict[str, bytes]:
    sections = _sections(recipe, run)
    return {
        "train.py": _script(sections, recipe, run).encode(),
        "train.ipynb": _notebook(sections, recipe, run),
        "recipe.json": recipe.to_json().encode() + b"\n",
        "requirements.txt": requirements(recipe, run).encode(),
        "README.md": (_README + _README_PROOF * _is_proved(sections)).encode(),
    }


_README = """\
# A digit network in plain Keras

`pip install -r requirements.txt`, then `python train.py` trains the network and tests it; the \
notebook `train.ipynb` is the same code in cells, and `recipe.json` holds the settings for \
Digitscope.
"""
_README_PROOF = """\
`python train.py --check` proves that `model.keras` answers here as it did in Digitscope: the same \
probabilities for a few test digits, and the same pixels and answer for a picture that has to be \
prepared first. If a version, the scaling or a file is not the same, it says which of these differs.
"""


_NOT_INSTALLED = """\
# What the code needs. Is it not installed? Take the # and the blank away from the next line.
"""


def _installing(recipe: Recipe, run: Run | None) -> str:
    """The commands that install what the code needs, as lines of the header.

    More than one where a line would be too long: no continuation mark is the same in all shells.
    """
    return _wrapped(requirements(recipe, run), "    pip install ") + "\n"


def _sections(recipe: Recipe, run: Run | None) -> list[Section]:
    if run and run.info.recipe != recipe:
        raise ValueError(f"the run {run.id!r} was not trained by this recipe")
    held_to = prove(run) if run else None
    return [
        export_digits.settings(recipe),
        export_digits.digits(recipe),
        export_digits.batches(recipe),
        export_training.network(recipe),
        export_training.training(recipe, run.info.rate_changes if run else (), first_loss(run)),
        export_training.evaluation(),
        preparation(),
        *([proof(held_to)] if held_to else []),
    ]


def _is_proved(sections: list[Section]) -> bool:
    return any("{weights}" in section.steps for section in sections)


def _cell(section: Section) -> str:
    return section.steps.format(epochs="EPOCHS", weights='Path("model.keras")')


def _wrapped(text: str, start: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _commented(section: Section) -> str:
    """The heading of a section: `# %%` is what editors take for the beginning of a cell."""
    return f"# %% {section.title}\n{_wrapped(section.text, '# ')}"


def _opens_with_block(section: Section) -> bool:
    return section.code.startswith(("def ", "class ", "@"))


def _main(sections: list[Section]) -> str:
    """The function that runs what the notebook has in cells."""
    proofs = [section.steps for section in sections if "{weights}" in section.steps]
    steps = [section.steps for section in sections if section.steps not in ("", *proofs)]
    check = ""
    if proofs:
        check = f"""\
    if options.check:
        {proofs[0].format(weights='Path(__file__).with_name("model.keras")')}
        return
"""
    flag = """\
    parser.add_argument("--check", action="store_true", help="only compare with Digitscope")
"""
    lines = "\n".join(f"    {step.format(epochs='options.epochs')}" for step in steps)
    started = "    main()"
    if any("class NoDigitsError" in section.code for section in sections):
        started = """\
    try:
        main()
    except NoDigitsError as error:
        raise SystemExit(str(error)) from None"""
    return f'''# %% From the command line


def main() -> None:
    """Train and test the network{", or only check it" * bool(proofs)}."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", choices=range(1, EPOCHS + 1)
    )
{flag * bool(proofs)}\
    options = parser.parse_args()
{check}{lines}


if __name__ == "__main__":
{started}'''
