"""A real Ray cluster whose machines are processes here."""

from typing import Any, Final

_STORE: Final = 80 * 1024 * 1024
"""Bytes of shared memory of a machine's object store: the least that Ray takes."""


class Machines:
    """A cluster of one core for each machine; its head trains nothing.

    Attributes:
        address: for `RAY_ADDRESS`.
    """

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": _STORE, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self._cluster.address

    def add(self, **settings: Any) -> Any:
        """Another machine."""
        return self._cluster.add_node(num_cpus=1, object_store_memory=_STORE, **settings)

    def kill(self, machine: Any) -> None:
        """Pull its plug."""
        self._cluster.remove_node(machine, allow_graceful=False)

    def shutdown(self) -> None:
        """End all machines and the head."""
        self._cluster.shutdown()
