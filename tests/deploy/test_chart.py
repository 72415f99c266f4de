"""The chart, linted and rendered by Helm's own library, and what comes out held against Kubernetes' schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

helm = pytest.importorskip("helm_python", reason="Helm's library is in the environment of `make deploy`")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="it is in the environment of `make deploy`")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CHART = str(DEPLOY / "helm/turnstream")
KUBERNETES = "1.37"
VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "everything on": {
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "host": "agents.example.com", "className": "nginx", "tls": [{"hosts": ["x"]}]},
        "imagePullSecrets": [{"name": "registry"}],
        "env": [{"name": "MODEL", "value": "demo"}],
        "podAnnotations": {"example.com/team": "agents"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "agents", "operator": "Exists"}],
    },
    "nothing kept, no metrics": {"store": "none", "metricsPort": None},
}


def rendered(**values: Any) -> dict[str, dict[str, Any]]:
    with helm.Chart.load(CHART) as chart:
        texts = chart.render(values=values, name="demo").values()
    documents = [document for text in texts for document in yaml.safe_load_all(text) if document]
    return {document["kind"]: document for document in documents}


def container(documents: dict[str, dict[str, Any]], kind: str = "containers") -> dict[str, Any]:
    [found] = documents["Deployment"]["spec"]["template"]["spec"][kind]
    return dict(found)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_what_helm_makes_is_valid_for_kubernetes(values: dict[str, Any]) -> None:
    for document in rendered(**values).values():
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_helm_lint_finds_nothing() -> None:
    found = helm.lint(CHART, strict=True)
    assert found["errors"] == []
    assert [message["error"] for message in found["messages"]] == ["icon is recommended"]


def test_the_plain_files_are_valid_for_kubernetes() -> None:
    for document in yaml.safe_load_all((DEPLOY / "kubernetes/turnstream.yaml").read_text()):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_plain_files_have_the_pod_that_the_chart_makes() -> None:
    plain = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes/turnstream.yaml").read_text())}
    chart = rendered()
    for kind in ("containers", "initContainers"):
        ours, theirs = container(plain, kind), container(chart, kind)
        for field in ("args", "env", "ports", "securityContext", "lifecycle", "resources", "readinessProbe"):
            assert ours.get(field) == theirs.get(field), (kind, field)
    pods = [documents["Deployment"]["spec"]["template"]["spec"] for documents in (plain, chart)]
    assert pods[0]["terminationGracePeriodSeconds"] == pods[1]["terminationGracePeriodSeconds"]


def test_with_a_store_the_tables_are_made_before_the_server_starts() -> None:
    migrate = container(rendered(), "initContainers")
    assert migrate["args"] == ["turnstream", "migrate"]
    assert migrate["env"] == container(rendered())["env"]
    assert "initContainers" not in rendered(store="none")["Deployment"]["spec"]["template"]["spec"]


def test_the_autoscaler_owns_the_number_of_pods() -> None:
    assert rendered()["Deployment"]["spec"]["replicas"] == 2
    scaled = rendered(autoscaling={"enabled": True})
    assert "replicas" not in scaled["Deployment"]["spec"]
    assert scaled["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"] == {
        "name": "turnstream_runs_running"
    }


def test_a_store_that_the_chart_does_not_know_is_refused() -> None:
    with pytest.raises(helm.HelmRenderError, match="'secret' or 'none'"):
        rendered(store="sqlite")


def test_an_ingress_needs_a_host() -> None:
    with pytest.raises(helm.HelmRenderError, match=r"ingress\.host is required"):
        rendered(ingress={"enabled": True})
