"""Random recipes of every kind that there can be, for Hypothesis."""

from hypothesis import assume
from hypothesis import strategies as st
from pydantic import ValidationError

from core.data.augmentation import Augmentation
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
)
from core.recipes.recipe import Optimizer, Recipe, Schedule

ACTIVATIONS = st.sampled_from(["linear", "relu", "sigmoid", "softmax", "tanh", "elu", "gelu"])
ANYWHERE = st.one_of(
    st.builds(BatchNorm),
    st.builds(Activation, activation=ACTIVATIONS),
    st.builds(Dropout, rate=st.floats(0, 0.9)),
)
ON_MAPS = st.one_of(
    st.builds(
        Conv,
        filters=st.integers(4, 128),
        kernel_size=st.integers(1, 7),
        padding=st.sampled_from(["same", "valid"]),
        activation=ACTIVATIONS,
        use_bias=st.booleans(),
    ),
    st.builds(Pool, mode=st.sampled_from(["max", "average"]), size=st.integers(2, 4)),
    ANYWHERE,
)
ON_VECTORS = st.one_of(
    st.builds(Dense, units=st.integers(2, 1024), activation=ACTIVATIONS), ANYWHERE
)
OUTPUTS = st.builds(Dense, units=st.just(10), activation=st.sampled_from(["softmax", "sigmoid"]))


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Any stack of layers that can be built."""
    layers: list[Layer] = [
        *draw(st.lists(ON_MAPS, max_size=12)),
        draw(st.sampled_from([Flatten(), GlobalAverage()])),
        *draw(st.lists(ON_VECTORS, max_size=6)),
        draw(OUTPUTS),
    ]
    try:
        return Architecture(layers=tuple(layers))
    except ValidationError:  # pooled to nothing, or too many parameters
        assume(False)
        raise


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe that fits together."""
    validation = draw(st.sampled_from(["none", "split", "test"]))
    validates = validation != "none"
    one_hot = draw(st.booleans())
    return Recipe(
        dataset=draw(st.sampled_from(["mnist", "mnist-sample"])),
        exclude_sample_test=draw(st.booleans()),
        train_size=draw(st.just(0) | st.integers(100, 60_000)),
        scaling=draw(st.sampled_from(["divide-255", "l2-axis-1", "standardise"])),
        architecture=draw(architectures()),
        optimizer=Optimizer(
            kind=draw(st.sampled_from(["adam", "rmsprop", "sgd"])),
            learning_rate=draw(st.floats(1e-6, 1)),
            beta_2=draw(st.floats(0.9, 0.9999)),
            momentum=draw(st.floats(0, 0.99)),
            weight_decay=draw(st.floats(0, 0.2)),
        ),
        schedule=Schedule(
            kind=draw(st.sampled_from(["constant", "one-cycle"])), warmup=draw(st.floats(0, 0.9))
        ),
        loss="categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy",
        label_smoothing=draw(st.floats(0, 0.3)) if one_hot else 0.0,
        batch_size=draw(st.integers(8, 512)),
        drop_remainder=draw(st.booleans()),
        epochs=draw(st.integers(1, 50)),
        validation_split=draw(st.floats(0.001, 0.5)) if validation == "split" else 0.0,
        validate_on_test=validation == "test",
        augmentation=Augmentation(
            rotation=draw(st.floats(0, 45)),
            width_shift=draw(st.floats(0, 0.3)),
            height_shift=draw(st.floats(0, 0.3)),
            shear=draw(st.floats(0, 45)),
            zoom=draw(st.floats(0, 0.5)),
            warp=draw(st.floats(0, 60)),
            pens=draw(st.floats(0, 1)),
            corruptions=draw(st.floats(0, 1)),
        ),
        early_stopping=draw(st.integers(0, 20)) if validates else 0,
        keep_best=draw(st.booleans()) if validates else False,
        seed=draw(st.integers(0, 2**31 - 1)),
    )
