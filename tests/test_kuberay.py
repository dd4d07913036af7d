"""The manifest for Kubernetes fits Kubernetes' own schemas, and says what this version needs."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from core import ROOT

DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "docs" / "kuberay.yaml").read_text(encoding="utf-8"))
)
# Of the resource RayCluster, whose definition is KubeRay's (ray-operator/config/crd/bases).
GROUP = {"rayStartParams", "template"}
WORKERS = GROUP | {"groupName", "replicas", "minReplicas", "maxReplicas"}
CLUSTER = DOCUMENTS[0]


def required(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pinned = (line.split("==") for line in lines if "==" in line)
    return {name.split("[")[0]: version.split()[0] for name, version in pinned}


@pytest.mark.parametrize("document", DOCUMENTS[1:], ids=lambda document: document["kind"])
def test_a_resource_fits_its_schema(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


@pytest.mark.parametrize(
    "group", [CLUSTER["spec"]["headGroupSpec"], *CLUSTER["spec"]["workerGroupSpecs"]]
)
def test_the_machines_of_the_cluster_are_pods(group: dict[str, Any]) -> None:
    assert set(group) in (GROUP, WORKERS)
    assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, **group["template"]}
    kubernetes_validate.validate(pod, "1.37", strict=True)


def test_a_mistake_in_it_would_be_found() -> None:
    deployment = next(document for document in DOCUMENTS if document["kind"] == "Deployment")
    wrong = {**deployment, "spec": {**deployment["spec"], "replicaz": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_it_has_the_version_of_ray_that_is_required_and_the_address_of_its_head() -> None:
    assert (CLUSTER["apiVersion"], CLUSTER["kind"]) == ("ray.io/v1", "RayCluster")
    version = required("requirements-ray.txt")["ray"]
    assert CLUSTER["spec"]["rayVersion"] == version
    assert f"rayproject/ray:{version}-py" in Path(ROOT / "docs" / "scale.md").read_text()
    deployment = next(document for document in DOCUMENTS if document["kind"] == "Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    # KubeRay names the head's service so.
    head = f"ray://{CLUSTER['metadata']['name']}-head-svc:10001"
    assert {"name": "RAY_ADDRESS", "value": head} in variables
