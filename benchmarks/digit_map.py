"""How true are the two maps of the digits, and how long does a visitor wait for them?

Claim: on the t-SNE map, more than nine of ten digits lie next to one with the same label, more than
twice as many as by PCA; PCA takes under 2 s, once in a process (the import of scikit-learn apart),
and a drawing is placed in under 0.1 s (median).

How: t-SNE (scikit-learn's, Barnes-Hut) of the digits' first 50 principal components (as in van der
Maaten, "Accelerating t-SNE using Tree-Based Algorithms", 2014), begun at the first two so that the
large order is kept (Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics",
2019). Of either map: the share of digits whose nearest point has their label; and trustworthiness
(Venna and Kaski, 2001; 1 is best) of the 12 nearest points, on 2,000 digits. Peer, in the same run:
PCA.

    python -m benchmarks.digit_map [--store] [--quick]  (quick: 500 digits, nothing written)

Writes `benchmarks/results/digit_map.json`; with `--store`, also the map that the app shows,
`core/assets/digit_map.npz`. Another machine or version gives another map, equally true.
"""
# bench: heavy

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

from benchmarks.common import median_and_p95, parser, start, timed, write_result
from core.data import projection
from core.data.mnist import DATASETS, DatasetName

SEED = 0
COMPONENTS = 50
SETTINGS: dict[str, Any] = {"perplexity": 30, "init": "pca", "learning_rate": "auto"}
NEIGHBORS = 12
JUDGED = 2_000
DRAWINGS = 50
FEW = 500


def embed(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Where t-SNE puts images uint8 (n, 28, 28): float32 (n, 2); and the divergence it ends at."""
    reduced = PCA(COMPONENTS, svd_solver="covariance_eigh").fit_transform(
        projection.flattened(images)
    )
    method = TSNE(2, random_state=SEED, n_jobs=-1, **SETTINGS)
    return method.fit_transform(reduced).astype(np.float32), float(method.kl_divergence_)


def quality(
    places: NDArray[np.float32], images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> dict[str, float]:
    """How true a map is: `places` float32 (n, 2) of images uint8 (n, 28, 28), labels uint8 (n,)."""
    nearest = NearestNeighbors(n_neighbors=1).fit(places).kneighbors()[1][:, 0]
    some = np.random.default_rng(SEED).permutation(len(places))[:JUDGED]
    rows = projection.flattened(images[some])
    return {
        "nearest_has_same_label": round(float(np.mean(labels[nearest] == labels)), 4),
        "trustworthiness": round(
            float(trustworthiness(rows, places[some], n_neighbors=NEIGHBORS)), 4
        ),
    }


def measure(dataset: str, most: int | None) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The t-SNE map of a dataset, or of its first digits, and the figures of both maps."""
    digits = projection.map_digits(dataset).take(slice(most))
    first: list[float] = []
    computing: list[float] = []
    with timed(first):
        projected = projection.point_positions(dataset, "pca")[:most]
    with timed(computing):
        embedded, divergence = embed(digits.images)
    return embedded, {
        "digits": len(digits),
        "tsne": quality(embedded, digits.images, digits.labels)
        | {"seconds": round(computing[0], 1), "kl_divergence": round(divergence, 3)},
        "pca": quality(projected, digits.images, digits.labels)
        | {
            "first_time_s": round(first[0], 3),
            "share_of_variance": round(sum(projection.load_projection(dataset).shares), 4),
        },
    }


def placing(dataset: str) -> dict[str, float]:
    """Milliseconds for one drawing: the median and the 95th percentile."""
    spent: list[float] = []
    for image in projection.map_digits(dataset).images[:DRAWINGS]:
        with timed(spent):
            projection.place_digit(image, dataset, "pca")
    return median_and_p95([1000 * seconds for seconds in spent[1:]], 1)


def store(maps: Mapping[DatasetName, NDArray[np.float32]]) -> None:
    """Write the file that the app shows."""
    arrays: dict[str, Any] = {}
    for dataset, places in maps.items():
        arrays[f"{dataset}_places"] = places
        arrays[f"{dataset}_digits"] = np.array(projection.fingerprint(dataset))
    projection.STORED_MAP.parent.mkdir(exist_ok=True)
    np.savez(projection.STORED_MAP, **arrays)
    print(f"written: {projection.STORED_MAP}")


def main() -> None:
    """Map both datasets, print a table, write the result."""
    asked = _arguments()
    maps, figures = {}, {}
    for dataset in DATASETS:
        maps[dataset], figures[dataset] = measure(dataset, FEW if asked.quick else None)
    if asked.store and not asked.quick:
        store(maps)
    for dataset, row in figures.items():
        row["placing_ms"] = placing(dataset)
        print(f"{dataset}, {row['digits']:,} digits; a drawing: {row['placing_ms']} ms")
        for way in projection.METHODS:
            print(f"    {way:6}{row[way]}")
    write_result(
        "digit_map",
        figures,
        seed=SEED,
        packages=("numpy", "scipy", "scikit-learn"),
        quick=asked.quick,
        settings={"components": COMPONENTS, **SETTINGS},
        neighbors=NEIGHBORS,
        judged=JUDGED,
    )


def _arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument(
        "--store", action="store_true", help="also replace the map that the app shows"
    )
    return made.parse_args()


if __name__ == "__main__":
    start(main)
