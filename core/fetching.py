"""The download of the full MNIST as something a server does once, for all its visitors."""

from collections.abc import Callable

from core.chores import Chore
from core.download import Progress, download_mnist


def fetcher(download: Callable[[Progress], object] = download_mnist) -> Chore[object]:
    """One download at a time; its state counts bytes.

    `download` reports as it goes, and stops when its report raises. It computes nothing, so it
    waits for no other chore.
    """
    return Chore(download, heavy=False, fault="The download failed. Try it again later.")


MNIST = fetcher()
