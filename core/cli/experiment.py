"""`python -m core experiment`: repeat a training over seeds, try a grid of settings, or search."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from core.cli.console import AsJson, asked_recipe, choice_of, fetch_if_missing
from core.data import mnist
from core.experiments.experiment import (
    BrokenExperiment,
    Experiment,
    TrialRun,
    find_experiment,
    list_experiments,
    trial_runs,
)
from core.experiments.plan import make_factor, make_plan
from core.experiments.proposals import setting_importance
from core.experiments.results import (
    MEASURES,
    Measure,
    Summary,
    format_value,
    higher_is_better,
    left_out_sentences,
    measures_of,
    result_csv,
    summaries,
)
from core.experiments.search import (
    DEFAULT_SEARCH_RUNS,
    PRUNINGS,
    AnyPlan,
    Search,
    make_dimension,
    make_search,
)
from core.experiments.search_results import best_first, trainings_of
from core.experiments.settings import VARIABLE_SETTINGS
from core.experiments.significance import Verdict, verdicts
from core.export.experiment_notebook import experiment_notebook
from core.jobs import experiments, scheduler
from core.jobs.time_estimate import load_speed
from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe
from core.runs.permissions import limits
from core.utils.errors import ExperimentError, RecipeError
from core.utils.files import to_json
from core.utils.text import duration

app = typer.Typer(
    help="Repeat a training over seeds, try a grid of settings or search among them, and compare.",
    no_args_is_help=True,
)
_LOOK_EVERY_S: Final = 1.0
_DEFAULT_SEEDS: Final = 5
_BOUNDS: Final = ".."
_SHOWN: Final = 10
_Id = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its id, which `list` shows.")]


@app.command()
def start(
    preset: Annotated[
        str | None, typer.Option("--preset", help=f"One of: {', '.join(PRESETS)}.")
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="A recipe.json, instead of a preset.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help=f"One of: {', '.join(mnist.DATASETS)}.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each digit is seen.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting and its values, such as optimizer.learning_rate=0.001,0.003; up to "
            "three times. With bounds, such as optimizer.learning_rate=0.0001..0.01, it is "
            f"searched; up to six times. The settings: {', '.join(VARIABLE_SETTINGS)}."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help=f"How many seeds each combination gets [default: {_DEFAULT_SEEDS}]."),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(help=f"Of a search: how many trainings [default: {DEFAULT_SEARCH_RUNS}]."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Of a search: begin none after so many minutes; 0: no limit.")
    ] = 0,
    pruning: Annotated[
        str, typer.Option(help=f"Of a search: end bad trainings early; {', '.join(PRUNINGS)}.")
    ] = "successive halving",
    title: Annotated[str, typer.Option(help="What pages call it.")] = "",
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; the trainings go on by themselves.")
    ] = False,
) -> None:
    """Train a recipe with several seeds, or each combination of settings; or search for good ones.

    A search (--vary with bounds) proposes the settings of each training from what the earlier ones
    reached (TPE), by the validation loss.

    The trainings are ordinary runs in the ordinary queue. They go on in processes of their own,
    also after Ctrl-C.
    """
    recipe = asked_recipe(preset, recipe_file, dataset)
    recipe = recipe.changed(epochs=epochs) if epochs is not None else recipe
    plan = _asked_plan(recipe, vary or [], seeds=seeds, runs=runs, minutes=minutes, pruning=pruning)
    fetch_if_missing(recipe.dataset)
    print(f"{plan.describe()}.")
    speed = load_speed()
    if speed:
        seconds = experiments.estimated_seconds(plan, speed, limits())
        print(f"About {duration(seconds)} on this machine.")
    experiment = experiments.start_experiment(plan, token=None, title=title, preset=preset or "")
    print(f"The experiment is {experiment.id}.")
    if not detach:
        _watch(experiment.id)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List all experiments, the newest first."""
    for experiment in list_experiments():
        if isinstance(experiment, BrokenExperiment):
            row = {"experiment": experiment.id, "error": experiment.problem}
            print(to_json(row) if as_json else f"{experiment.id}: {experiment.problem}")
            continue
        runs = trial_runs(experiment)
        status = experiments.experiment_status(experiment, runs)
        done = sum(trial_run.result is not None for trial_run in runs)
        row = {"experiment": experiment.id, "title": experiment.title, "status": status}
        count = experiment.plan.trials
        figures = {"finished": done, "trainings": count}
        title = f" “{experiment.title}”" * bool(experiment.title)
        line = f"{experiment.id}{title}: {status}, {done} of {count} trainings finished"
        print(to_json({**row, **figures}, ensure_ascii=False) if as_json else line)


@app.command()
def show(
    experiment_id: _Id,
    measure: Annotated[
        str, typer.Option(help=f"One of: {', '.join(MEASURES)} [default: the first there is].")
    ] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="A line for each training.")] = False,
) -> None:
    """Sum up an experiment: each combination's mean and spread, and what is more than chance."""
    experiment = find_experiment(experiment_id)
    runs = trial_runs(experiment)
    if as_csv:
        print(result_csv(runs).decode(), end="")
        return
    status = experiments.experiment_status(experiment, runs)
    print(f"{experiment.name}: {experiment.plan.describe()}, {status}.")
    if experiment.problem:
        print(experiment.problem)
    print("\n".join(left_out_sentences(runs)))
    there = measures_of(runs)
    if not there:
        print("No training is finished yet.")
        return
    if isinstance(experiment.plan, Search):
        _print_search(experiment.plan, runs)
        return
    for name in [_measure(measure, there)] if measure else _shown_first(there):
        _print_table(verdicts(summaries(runs, name), name), name)


@app.command()
def pause(experiment_id: _Id) -> None:
    """Begin no further training; one that is being trained goes on to its end."""
    _tell(experiments.pause_experiment(find_experiment(experiment_id), token=None))


@app.command()
def resume(experiment_id: _Id) -> None:
    """Go on with an experiment that was paused or stopped."""
    _tell(experiments.resume_experiment(find_experiment(experiment_id), token=None))


@app.command()
def extend(
    experiment_id: _Id,
    seeds: Annotated[
        int, typer.Option(min=0, help="How many seeds more each combination gets.")
    ] = 0,
    runs: Annotated[int, typer.Option(min=0, help="Of a search: how many trainings more.")] = 0,
) -> None:
    """Give each combination more seeds, or a search more trainings; those that are there stay."""
    experiment = find_experiment(experiment_id)
    asked, other = ("runs", seeds) if isinstance(experiment.plan, Search) else ("seeds", runs)
    more = seeds + runs
    if other or not more:
        raise ExperimentError(f"Say how many more it gets, with --{asked}.")
    _tell(experiments.resume_experiment(experiment, token=None, more=more))


@app.command()
def stop(experiment_id: _Id) -> None:
    """End an experiment and the training of it that is going on; what was learned is kept."""
    _tell(experiments.stop_experiment(find_experiment(experiment_id), token=None))


@app.command()
def delete(
    experiment_id: _Id,
    with_runs: Annotated[
        bool, typer.Option("--with-runs", help="Delete its runs as well; else they stay.")
    ] = False,
) -> None:
    """Delete an experiment that is not going on."""
    experiments.delete_experiment(find_experiment(experiment_id), token=None, with_runs=with_runs)
    rest = "its runs, too" if with_runs else "its runs stay"
    print(f"The experiment {experiment_id} is deleted; {rest}.")


@app.command()
def notebook(
    experiment_id: _Id,
    file: Annotated[Path, typer.Argument(help="Where it is written, such as results.ipynb.")],
) -> None:
    """Write a Jupyter notebook that holds the results and draws them."""
    experiment = find_experiment(experiment_id)
    content = experiment_notebook(experiment, trial_runs(experiment))
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ExperimentError(f"{file} cannot be written ({error.strerror}).") from error
    print(f"Written: {file}")


@app.command()
def watch(experiment_id: _Id) -> None:
    """Wait for the end of an experiment, and sum it up."""
    _watch(find_experiment(experiment_id).id)


def _asked_plan(
    recipe: Recipe,
    vary: list[str],
    *,
    seeds: int | None,
    runs: int | None,
    minutes: float,
    pruning: str,
) -> AnyPlan:
    """The plan of the options, or the search if a setting has bounds."""
    settings = [_setting_and_values(text) for text in vary]
    if not any(_BOUNDS in values for _, values in settings):
        if runs is not None or minutes:
            raise RecipeError(
                "--runs and --minutes are for a search: give a setting bounds, such as --vary "
                "optimizer.learning_rate=0.0001..0.01."
            )
        factors = [make_factor(name, _split(values, ",")) for name, values in settings]
        return make_plan(recipe, factors, _DEFAULT_SEEDS if seeds is None else seeds)
    if seeds is not None:
        raise RecipeError(
            "A search trains each setting once: leave --seeds out, and repeat the best one "
            "afterwards."
        )
    dimensions = [
        make_dimension(name, _split(values, _BOUNDS if _BOUNDS in values else ","))
        for name, values in settings
    ]
    return make_search(
        recipe,
        dimensions,
        runs=DEFAULT_SEARCH_RUNS if runs is None else runs,
        minutes=minutes,
        pruning=choice_of(pruning, PRUNINGS, "pruning"),
        parallel=limits().trainings,
    )


def _setting_and_values(text: str) -> tuple[str, str]:
    """The two parts of `--vary`."""
    name, equals, values = text.partition("=")
    if not equals:
        raise RecipeError(
            f"--vary {text!r} cannot be read: write a setting, = and its values, such as "
            "conv.filters=8,16, or its bounds, such as conv.filters=8..32."
        )
    return name.strip(), values


def _split(values: str, separator: str) -> list[str]:
    return [value.strip() for value in values.split(separator) if value.strip()]


def _watch(experiment_id: str) -> None:
    """Print a line for each training that ends, until none is left."""
    told: set[int] = set()
    try:
        while True:
            experiments.advance()
            scheduler.tick()
            experiment = find_experiment(experiment_id)
            runs = trial_runs(experiment)
            for trial_run in runs:
                if trial_run.has_ended and trial_run.trial.number not in told:
                    told.add(trial_run.trial.number)
                    print(_trial_line(trial_run, experiment.plan.trials), flush=True)
            if experiments.experiment_status(experiment, runs) != "going on":
                break
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        print(
            f"The trainings go on. `python -m core experiment watch {experiment_id}` waits for "
            "them again, `stop` ends them."
        )
        return
    show(experiment_id)


def _trial_line(trial_run: TrialRun, count: int) -> str:
    trial = trial_run.trial
    start_of_line = f"{trial.number + 1}/{count} {trial.combination.name}, seed {trial.seed}"
    if trial_run.result is None:
        return f"{start_of_line}: {trial_run.status}"
    results = "; ".join(f"{name} {score}" for name, score in _scores(trial_run))
    return f"{start_of_line}: {results}"


def _measure(asked: str, there: list[Measure]) -> Measure:
    for name in there:
        if name == asked:
            return name
    raise ExperimentError(
        f"There is no measure {asked!r} of all its runs. There are: {', '.join(there)}."
    )


def _shown_first(there: list[Measure]) -> list[Measure]:
    """The measure to choose by, then how good the choice is on test digits."""
    first = there[:1]
    tested: list[Measure] = [name for name in there if name == "test accuracy"]
    return list(dict.fromkeys([*first, *tested]))


def _print_table(rows: list[Verdict], measure: Measure) -> None:
    better = "higher" if higher_is_better(measure) else "lower"
    print(f"\n{measure} ({better} is better): mean ± standard deviation, 95 % interval of the mean")
    width = max(len(row.summary.combination.name) for row in rows)
    for row in rows:
        summary = row.summary
        print(
            f"{summary.combination.name:<{width}}  {summary.n} of {summary.planned}  "
            f"{_spread(summary, measure)}  {row.text() if len(rows) > 1 else ''}".rstrip()
        )


def _print_search(search: Search, runs: list[TrialRun]) -> None:
    """The best trainings of a search, and which settings decide."""
    print("\nThe best by validation loss; each was trained once, so their order is partly luck:")
    for loss, trial_run in best_first(runs)[:_SHOWN]:
        trial = trial_run.trial
        scores = "; ".join(f"{name} {score}" for name, score in _scores(trial_run))
        print(f"training {trial.number + 1}  {loss:.4f}  {trial.combination.name}  ({scores})")
    importance = setting_importance(search, trainings_of(runs))
    if importance:
        print("\nHow much each setting decides whether a training is among the best (PED-ANOVA):")
        for setting, part in importance.items():
            print(f"{VARIABLE_SETTINGS[setting].label}  {100 * part:.0f} %")


def _scores(trial_run: TrialRun) -> list[tuple[str, str]]:
    result = trial_run.result
    return [(name, str(score)) for name, score in result.info.metrics.items()] if result else []


def _spread(summary: Summary, measure: Measure) -> str:
    mean = format_value(summary.mean, measure)
    if summary.n < 2:
        return mean
    deviation = format_value(summary.deviation, measure)
    low, high = (format_value(end, measure) for end in (summary.low, summary.high))
    return f"{mean} ± {deviation} ({low} to {high})"


def _tell(experiment: Experiment) -> None:
    status = experiments.experiment_status(experiment, trial_runs(experiment))
    print(f"The experiment {experiment.id} is {status}: {experiment.plan.describe()}.")
    if experiment.problem:
        print(experiment.problem)
