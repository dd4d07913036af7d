"""The sections of exported code that build, train and test the network."""

from collections.abc import Sequence

from core import export_network
from core.architectures import Dense
from core.export_source import Section, as_dataclass, join, literal
from core.recipes import Recipe
from core.run_info import RateChange


def network(recipe: Recipe) -> Section:
    """The network itself."""
    text = f"{recipe.architecture.parameters:,} parameters."
    last = recipe.architecture.layers[-1]
    if isinstance(last, Dense) and last.activation == "sigmoid":
        text += (
            " It ends in ten sigmoids; Keras takes the cross-entropy from what goes into them, as "
            "if it were a softmax."
        )
    return Section(
        "The network", text, join([export_network.network(recipe)]), "build_network().summary()"
    )


def training(
    recipe: Recipe, changes: Sequence[RateChange], first_loss: float | None = None
) -> Section:
    """Optimizer, loss, schedule, and what ends the training early.

    `changes`: where the learning rate was changed by hand. `first_loss`: the training loss of the
    first epoch in Digitscope, to compare with.
    """
    text, code = _learning_rate(recipe, changes)
    callbacks = ["LearningRate(steps)"] * bool(code)
    stop = ""
    if recipe.early_stopping or recipe.keep_best:
        patience = literal(recipe.early_stopping) if recipe.early_stopping else "EPOCHS"
        best = ", restore_best_weights=True" * recipe.keep_best
        stop = (
            f'    stopping = keras.callbacks.EarlyStopping("val_loss", patience={patience}{best})\n'
        )
        callbacks.append("stopping")
    if recipe.early_stopping:
        text += f" {recipe.early_stopping} epochs without a lower validation loss end it."
    if recipe.keep_best:
        text += " The weights of the lowest validation loss are kept."
    given = "train, validation" if recipe.validates else "train"
    validated = "        validation_data=validation_batches(*validation),\n" * recipe.validates
    called = f"        callbacks=[{', '.join(callbacks)}],\n" * bool(callbacks)
    compare = (
        ""
        if first_loss is None
        else f"""\
    print("that of Digitscope's run: {first_loss:.8g}")
"""
    )
    code.append(f'''
def fit({given}, epochs: int = EPOCHS) -> keras.Sequential:
    """The network, trained."""
    model = build_network()
{export_network.optimizer(recipe.optimizer)}
    model.compile(
        optimizer=optimizer,
        loss={export_network.loss(recipe)},
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes such networks 5 to 8 times slower
    )
    steps = math.ceil(len(train[1]) / BATCH_SIZE)
{stop}\
    history = model.fit(
        training_batches(*train),
        epochs=epochs,
        steps_per_epoch=steps,
{validated}{called}\
        shuffle=False,  # training_batches shuffles
        verbose=2,
    )
    print(f"training loss of the first epoch: {{history.history['loss'][0]:.8g}}")
{compare}\
    return model
''')
    return Section("Training", text.strip(), join(code), f"model = fit({given}, {{epochs}})")


def _learning_rate(recipe: Recipe, changes: Sequence[RateChange]) -> tuple[str, list[str]]:
    """What is told of the learning rate, and the code that moves it (none if it stays)."""
    cycle = recipe.schedule.kind == "one-cycle"
    if not cycle and not changes:
        return "The learning rate stays as it is.", []
    text, code, rate = "", [], "LEARNING_RATE"
    if changes:
        text = (
            "The learning rate was changed by hand while it trained, and is changed here likewise."
        )
        rows = "".join(f"    ({c.epoch}, {c.step}, {c.learning_rate!r}),\n" for c in changes)
        code.append(_CHANGES.format(rows=rows))
        rate = "rate_by_hand(self.epoch, batch)"
    lines = [f"peak = {rate}"] if cycle and changes else []
    if cycle:
        text = f"One cycle of the learning rate, over all {recipe.epochs} epochs. {text}".strip()
        code.append(as_dataclass(recipe.schedule, ["at"]))
        lines.append("step = self.epoch * self.steps + batch")
        peak = "peak" if changes else rate
        rate = f"Schedule().at(step, EPOCHS * self.steps, {peak})"
    lines.append(f"self.model.optimizer.learning_rate = {rate}")
    body = "\n".join(f"        {line}" for line in lines)
    return text, [*code, _CALLBACK + body + "\n"]


_CHANGES = '''
# From which epoch, counted from 1, and after how many of its batches: the new learning rate.
CHANGED_BY_HAND = [
{rows}]


def rate_by_hand(epoch: int, batch: int) -> float:
    """The learning rate before any schedule; `epoch` and `batch` are counted from 0."""
    rates = [rate for since, after, rate in CHANGED_BY_HAND if (since, after) <= (epoch + 1, batch)]
    return rates[-1] if rates else LEARNING_RATE
'''

_CALLBACK = '''
class LearningRate(keras.callbacks.Callback):
    """Sets the learning rate before each batch."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.epoch = steps, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
'''


def evaluation() -> Section:
    """The test."""
    text = (
        "Probabilities are the softmax of what goes into the last layer's activation: that is what "
        "Keras's cross-entropy is taken from, also where a network ends in ten sigmoids."
    )
    return Section("Evaluation", text, join(_EVALUATION), "evaluate(model, *test)")


_EVALUATION = [
    '''
def probabilities(model: keras.Sequential, images) -> np.ndarray:
    """The ten probabilities of each digit: uint8 (n, 28, 28) to float32 (n, 10)."""
    last = model.layers[-1]
    before_last = keras.Model(model.inputs, last.input)
    digits = scale(tf.cast(images, tf.float32)[..., None], SCALING)
    logits = before_last.predict(digits, batch_size=500, verbose=0) @ last.kernel + last.bias
    return tf.nn.softmax(logits).numpy()
''',
    '''
def evaluate(model: keras.Sequential, images, labels) -> None:
    """Count the errors before they are rated."""
    wrong = int((probabilities(model, images).argmax(axis=1) != labels).sum())
    n = len(labels)
    print(f"{wrong:,} wrong of {n:,} test digits ({100 - 100 * wrong / n:.2f} %)")
''',
]
