"""The words of the product, each with its plain meaning: the field's terms, as textbooks have them.

Tooltips show them, and `docs/glossary.md` lists them (`python -m core glossary` writes it). What
each setting of a recipe means stands in `core.recipes.descriptions.GLOSSARY`, which the list holds
too.
"""

from typing import Final

TERMS: Final[dict[str, str]] = {
    "accuracy": "The share of digits that are read rightly.",
    "activation": (
        "The function after a layer's weighted sums, such as ReLU, which turns negative numbers "
        "into 0. Also what a layer gives for one digit."
    ),
    "activation map": "See feature map.",
    "adversarial example": (
        "A digit with a change, as small as possible, that was computed to make the network answer "
        "wrongly."
    ),
    "attribution": (
        "A map that says how much each pixel speaks for or against an answer. Three methods: "
        "Grad-CAM, integrated gradients and occlusion."
    ),
    "augmentation": (
        "Changing each training digit a little, at random, each time the network learns from it. "
        "Its label stays."
    ),
    "batch": "The digits that the network sees before its weights move one step.",
    "calibration": (
        "How well confidence and accuracy agree: of the answers given with 90 %, about 90 % should "
        "be right."
    ),
    "checkpoint": "The state of a training on disk, from which it goes on after an interruption.",
    "confidence": "The probability that a network gives its answer.",
    "confusion matrix": (
        "A table with labels as rows and answers as columns. Right answers lie on the diagonal; "
        "every other number is a kind of mistake."
    ),
    "convolution": (
        "A layer that slides small tables of weights, its kernels, over the picture and adds up "
        "the products at each place."
    ),
    "corruption": "A change that makes a digit harder to read, such as noise, blur or rotation.",
    "counterfactual": "A changed digit that gets another answer: it shows what decides.",
    "cross-entropy": "The usual loss: the mean of -log(the probability given to the label).",
    "dataset": (
        "The labeled digits: MNIST with 70,000, or its sample of 5,000 that comes with the app."
    ),
    "digit detector": "The small network that finds the digits in a picture before they are read.",
    "download": "Results as files: tables, charts, the matrix as a web page, a report.",
    "dropout": (
        "Setting a share of a layer's values to 0 at random during training, so that the network "
        "does not rely on single ones."
    ),
    "early stopping": "Ending a training when the validation loss no longer falls.",
    "embedding": (
        "Each digit as a point in the plane, so that points near each other stand for digits that "
        "are alike. PCA and t-SNE lay it out."
    ),
    "ensemble": "Several networks whose probabilities are averaged.",
    "epoch": "One pass over all training digits.",
    "expected calibration error": (
        "The mean distance between confidence and accuracy, over groups of answers with about the "
        "same confidence."
    ),
    "experiment": "Several trainings that differ in settings or seeds, compared with each other.",
    "F1": "The harmonic mean of precision and recall: high only if both are.",
    "feature map": "What one kernel gives for one digit, place by place.",
    "feature visualization": (
        "A picture that was computed so that a unit, or an answer, responds to it as strongly as "
        "possible."
    ),
    "fine-tuning": "Training a finished network further, on other digits.",
    "Grad-CAM": (
        "An attribution that weights the feature maps of a convolution by the gradient of the "
        "answer (Selvaraju et al., 2017)."
    ),
    "gradient": "How much the loss changes with each weight: training follows it downhill.",
    "integrated gradients": (
        "An attribution that adds up gradients on the way from an empty picture to the digit "
        "(Sundararajan et al., 2017)."
    ),
    "kernel": "A small table of weights that a convolution slides over its input; also: filter.",
    "label": "The digit that was meant, as the dataset has it.",
    "label issue": "A digit whose label is probably wrong, or that nobody can read.",
    "layer": "One step of a network: it turns the numbers it gets into other numbers.",
    "learning rate": "How far the weights move at each step of a training.",
    "logit": "An output of the last layer before softmax.",
    "loss": "The number that training makes small: how far answers are from labels.",
    "MNIST": (
        "70,000 handwritten digits of 28×28 gray pixels: 60,000 to train, 10,000 to test (LeCun et "
        "al., 1998)."
    ),
    "MNIST-C": "Fifteen corruptions of MNIST's test digits (Mu and Gilmer, 2019).",
    "naive resize": "Shrinking a picture to 28×28 pixels without finding the digit first.",
    "occlusion": "An attribution that covers parts of the digit and watches the answer.",
    "one-hot": "A label as ten numbers: 1 at its place, 0 elsewhere.",
    "overfitting": (
        "Learning the training digits by heart: training accuracy rises while validation accuracy "
        "does not."
    ),
    "parameter": "A number that is learned: a weight or a bias.",
    "per-class report": "Precision, recall, F1 and support of each digit.",
    "pooling": "Shrinking a feature map: the largest value, or the mean, of each square stays.",
    "precision": "Of all digits that were read as this one: the share that are it.",
    "preprocessing": (
        "What is done to a picture before the network reads it: cropping, scaling into 20×20 "
        "pixels, placing by its center of mass."
    ),
    "preset": "A recipe with a name: our own, or that of a published tutorial.",
    "pseudo-label": "A network's own answer to a digit without a label, used as if it were one.",
    "recall": "Of all digits that are this one: the share that were read so.",
    "recipe": "All settings of a training: dataset, network, optimizer, epochs, seed.",
    "robustness": "How well a network reads digits that were changed: moved, turned, blurred.",
    "run": "A trained network with its recipe and its results. Every page shows one run.",
    "seed": "The number that decides everything random in a training.",
    "slice": "The digits that share a property, such as thin strokes, counted apart.",
    "softmax": "The function that turns ten logits into ten probabilities that add up to 1.",
    "support": "How many digits of a class there are.",
    "temperature": "The number by which logits are divided, so that confidence is calibrated.",
    "test digits": "Digits that are never trained on. Their accuracy is the honest one.",
    "training digits": "The digits that a network learns from.",
    "training dynamics": "How kernels, answers and mistakes change from epoch to epoch.",
    "validation digits": (
        "Training digits that are put aside, on which the network is measured after each epoch."
    ),
    "weight": "A learned number that an input is multiplied with.",
}
"""The meaning of each term, one or two sentences."""
