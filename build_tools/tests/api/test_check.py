"""Bad input and what is said of it: code, place, hint; and what is left for the later stages."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lateen.api.check import check
from lateen.api.resource import Resource
from lateen.diagnostics import Diagnostic, Severity
from lateen.source.document import Source
from lateen.source.read import read


def checked(text: str, strict: bool = True) -> tuple[tuple[Resource, ...], tuple[Diagnostic, ...]]:
    loaded = read(Source(text, "f.yaml"))
    assert loaded.diagnostics == ()
    return check(loaded.documents, strict=strict)


VS = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\nspec:\n"
DR = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec:\n"
SE = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: web}\nspec:\n"
SVC = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n"
ROUTE = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec:\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
MOUNT = "  containers:\n  - name: web\n"
TEST = "apiVersion: lateen/v1\nkind: TrafficTest\nmetadata: {name: web}\nspec:\n  calls:\n"

# « stands before the place of the finding. The last column is part of the message or the hint.
FAULTS = [
    # documents that are no resource
    ("LAT0101", "«- kind: Service\n", "not a list"),
    ("LAT0101", "«text\n", "not the string `text`"),
    ("LAT0102", "«kind: Service\n", "no apiVersion"),
    ("LAT0102", "«apiVersion: v1\nkind:\n", "no kind"),
    ("LAT0111", "apiVersion: «1\nkind: Service\n", "apiVersion must be a string"),
    ("LAT0103", "apiVersion: networking.istio.io/v1\nkind: «VirtualServce\n", 'did you mean "VirtualService"?'),
    ("LAT0103", "apiVersion: security.istio.io/v1\nkind: «Gateway\n", "gateway.networking.k8s.io/v1"),
    ("LAT0103", "apiVersion: rbac.istio.io/v1alpha1\nkind: «ServiceRole\n", "rbac.istio.io has no kind"),
    ("LAT0103", "apiVersion: config.istio.io/v1alpha2\nkind: «rule\n", "config.istio.io has no kind"),
    ("LAT0103", "apiVersion: gateway.networking.k8s.io/v1\nkind: «HttpRoutes\n", 'did you mean "HTTPRoute"?'),
    ("LAT0103", "apiVersion: lateen/v1\nkind: «Test\n", "TrafficTest"),
    ("LAT0104", "apiVersion: «networking.istio.io/v1alpha1\nkind: VirtualService\n", "v1, v1alpha3, v1beta1"),
    ("LAT0104", "apiVersion: «apps/v1beta2\nkind: Deployment\n", "v1"),
    ("LAT0105", "apiVersion: policy/v1\nkind: «PodDisruptionBudget\nmetadata: {name: a}\n", "1 of kind Pod"),
    ("LAT0105", "apiVersion: v1\nkind: «Servce\n", 'did you mean "Service"?'),
    # metadata
    ("LAT0106", "apiVersion: v1\nkind: Service\n«metadata: {labels: {a: b}}\n", "a Service without"),
    ("LAT0106", "«apiVersion: v1\nkind: Service\n", "a Service without"),
    ("LAT0110", "apiVersion: v1\nkind: Service\nmetadata: {name: a, «lables: {a: b}}\n", 'did you mean "labels"?'),
    ("LAT0111", "apiVersion: v1\nkind: Service\nmetadata: {name: «8080}\n", 'quote it: "8080"'),
    ("LAT0111", "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {on: «yes}}\n", "metadata.labels.true"),
    ("LAT0111", "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {a: «}}\n", "not null"),
    ("LAT0111", "apiVersion: v1\nkind: Service\nmetadata: «[a]\n", "metadata must be a mapping, not a list"),
    # names, which become host names and paths
    ("LAT0115", "apiVersion: v1\nkind: Service\nmetadata: {name: «../../web}\n", "form dns-subdomain"),
    ("LAT0115", "apiVersion: v1\nkind: Service\nmetadata: {name: «Web}\n", "metadata.name is `Web`"),
    ("LAT0115", "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: «../a}\n", "dns-label"),
    ("LAT0115", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {«../x: a}\n", "form file-name"),
    ("LAT0115", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {«..: a}\n", "form file-name"),
    ("LAT0115", POD + "  containers: [{name: «../web}]\n", "form dns-label"),
    ("LAT0115", POD + MOUNT + "    volumeMounts: [{name: a, mountPath: /a, subPath: «../../etc}]\n", "relative-path"),
    ("LAT0115", POD + MOUNT + "    volumeMounts: [{name: a, mountPath: /a, subPath: «/etc}]\n", "relative-path"),
    ("LAT0115", POD + MOUNT + "  volumes: [{name: «../a, emptyDir: {}}]\n", "form dns-label"),
    ("LAT0115", POD + MOUNT + "  volumes: [{name: a, secret: {items: [{key: a, path: «a/../b}]}}]\n", "relative-path"),
    # unknown fields, at their key
    ("LAT0110", VS + "  hosts: [web]\n  http:\n  - «timeOut: 5s\n", 'did you mean "timeout"?'),
    ("LAT0110", VS + "  hosts: [web]\n  «retries: {attempts: 3}\n", "retries is a field of spec.http[]"),
    ("LAT0110", VS + "  hosts: [web]\n  http: [{fault: {«x: 1}}]\n", "known fields: abort, delay"),
    ("LAT0110", VS + "  hosts: [web]\n«specs: {}\n", 'did you mean "spec"?'),
    ("LAT0110", TEST + "  - {from: a, «uri: 'http://b/', url: 'http://b/'}\n", 'did you mean "url"?'),
    # types
    ("LAT0111", VS + "  hosts: «web\n", "spec.hosts must be a list, not the string `web`"),
    ("LAT0111", VS + "  hosts: [web, «5]\n", "spec.hosts[1] must be a string, not the number `5`"),
    ("LAT0111", VS + "  hosts: [a]\n  gateways: [«null]\n", "not null"),
    ("LAT0111", VS + "  hosts: [web]\n  http: [{timeout: «5}]\n", "spec.http[0].timeout must be a string"),
    ("LAT0111", VS + '  hosts: [web]\n  http: [{retries: {attempts: «"3"}}]\n', "without quotes"),
    ("LAT0111", VS + "  hosts: [web]\n  http: [{retries: {attempts: «1.5}}]\n", "must be an integer"),
    ("LAT0111", VS + "  hosts: [web]\n  http: [{retries: {attempts: «true}}]\n", "not the boolean `true`"),
    ("LAT0111", DR + "  host: web\n  trafficPolicy: {tls: {insecureSkipVerify: «'true'}}\n", "must be a boolean"),
    ("LAT0111", SVC + "  ports:\n  - port: «http\n", "must be an integer"),
    ("LAT0111", SVC + "  ports: [{port: 80, targetPort: «true}]\n", "an integer or a string"),
    # enums, bounds, sizes, forms
    ("LAT0112", DR + "  host: web\n  trafficPolicy: {tls: {mode: «MUTAL}}\n", 'did you mean "MUTUAL"?'),
    ("LAT0112", SVC + "  ports: [{port: 80, protocol: «HTTP}]\n", "one of TCP, UDP, SCTP"),
    ("LAT0112", TEST + "  - {from: a, url: 'http://b/', expect: {error: «lost}}\n", "refused, reset, timeout"),
    ("LAT0113", VS + "  hosts: [web]\n  http: [{match: [{port: «-1}]}]\n", "at least 0 and"),
    ("LAT0113", SVC + "  ports: [{port: «70000}]\n", "spec.ports[0].port is `70000`; it must be from 1 to 65535"),
    ("LAT0113", ROUTE + "  rules: [{backendRefs: [{name: a, port: «0}]}]\n", "from 1 to 65535"),
    ("LAT0113", TEST + "  - {from: a, url: 'http://b/', expect: {status: «99}}\n", "from 100 to 599"),
    ("LAT0114", SE + "  hosts: «[]\n", "0 items; it must have "),
    ("LAT0114", TEST + "  - {from: a, url: 'http://b/', expect: {share: {c: «[1]}}}\n", "from 2 to 2"),
    ("LAT0115", ROUTE + "  hostnames: [«UPPER.example.com]\n", "spec.hostnames[0] is `UPPER.example.com`"),
    ("LAT0115", TEST + "  - {from: a, url: «b/}\n", "spec.calls[0].url"),
    ("LAT0115", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nbinaryData: {x: «'?'}\n", "form byte"),
    # required and exclusive fields, list items
    ("LAT0116", VS + "  hosts: [a]\n  http:\n  - route:\n    - «destination:\n        subset: a\n", "host is required"),
    ("LAT0116", "«" + SE.replace("spec:\n", ""), "spec is required"),
    ("LAT0116", SE.replace("spec", "«spec"), "spec is required"),
    ("LAT0116", TEST + "  - «from: a\n", "spec.calls[0].url is required"),
    ("LAT0117", VS + "  hosts: [web]\n  http: [{match: [{uri: {exact: /, «prefix: /}}]}]\n", "`exact` and `prefix`"),
    ("LAT0118", SE + "  hosts: [a]\n  ports:\n  - {name: a, number: 1}\n  - «{name: a, number: 2}\n", "name `a`"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "marked", "says"), FAULTS)
def test_a_fault_is_one_finding_at_its_place(code: str, marked: str, says: str) -> None:
    at = marked.index("«")
    _, found = checked(marked.replace("«", ""))
    assert [finding.code for finding in found] == [code]
    finding = found[0]
    assert says in f"{finding.message} | {finding.hint}"
    place = (marked.count("\n", 0, at) + 1, at - marked.rfind("\n", 0, at))
    assert (finding.origin.file, finding.origin.line, finding.origin.column) == ("f.yaml", *place)


def test_findings_name_the_resource_and_the_field() -> None:
    _, found = checked(VS + "  hosts: [web]\n  http: [{timeOut: 5s}]\n")
    assert (found[0].origin.resource, found[0].origin.field_path) == (
        "VirtualService default/web",
        "spec.http[0].timeOut",
    )


def test_every_fault_of_a_document_is_reported() -> None:
    _, found = checked(VS + "  hosts: web\n  gatways: [a]\n  http: [{timeout: 5}, {retries: {attempts: a}}]\n")
    assert [finding.code for finding in found] == ["LAT0111", "LAT0110", "LAT0111", "LAT0111"]


def test_unknown_fields_are_warnings_when_not_strict_and_gone_either_way() -> None:
    text = VS + "  hosts: [web]\n  http: [{timeOut: 5s, timeout: 6s}]\n"
    for strict, severity in ((True, Severity.ERROR), (False, Severity.WARNING)):
        resources, found = checked(text, strict=strict)
        assert [finding.severity for finding in found] == [severity]
        assert resources[0].spec["http"] == [{"timeout": "6s"}]


def test_a_resource_given_twice_names_both_places() -> None:
    resources, found = checked(
        SVC + "  ports: []\n---\n" + SVC.replace("web", "web, namespace: default") + "  type: X\n"
    )
    twice = next(f for f in found if f.code == "LAT0107")
    assert (twice.origin.line, [r.line for r in twice.related]) == (9, [3])
    assert len(resources) == 1


@pytest.mark.parametrize("second", ["metadata: {name: web, namespace: other}", "metadata: {name: other}"])
def test_other_names_and_namespaces_are_other_resources(second: str) -> None:
    resources, found = checked(
        SVC + "  ports: []\n---\n" + SVC.replace("metadata: {name: web}", second) + "  ports: []\n"
    )
    assert (len(resources), found) == (2, ())


def test_a_kind_that_is_not_used_is_said_once() -> None:
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
    _, found = checked("---\n".join([budget] * 3))
    assert [(f.code, f.severity, f.message) for f in found] == [
        ("LAT0105", Severity.INFO, "3 of kind PodDisruptionBudget (policy/v1) not used")
    ]


def test_a_missing_namespace_is_default_and_cluster_kinds_have_none() -> None:
    resources, _ = checked(
        SVC + "  ports: []\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: b}\n"
        "spec: {controllerName: a.b/c}\n"
    )
    assert [r.title for r in resources] == ["Service default/web", "Namespace a", "GatewayClass b"]


def test_defaults_of_the_schema_are_filled_in() -> None:
    resources, _ = checked(ROUTE + "  rules: [{backendRefs: [{name: a, port: 80}]}]\n")
    rule = resources[0].spec["rules"][0]
    assert rule["backendRefs"] == [{"name": "a", "port": 80, "group": "", "kind": "Service", "weight": 1}]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a}\nspec:\n  configPatches:\n"
        "  - applyTo: HTTP_FILTER\n    patch: {operation: MERGE, value: {any: {thing: [1, null, yes]}}}\n",
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\nspec:\n"
        "  url: oci://example.com/a\n  pluginConfig: {deep: {er: [1, {x: null}]}}\n",
        "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: a}\nspec:\n"
        "  wasm: {url: 'lateen://tenant_context', pluginConfig: {header: x-tenant}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, creationTimestamp: null}\n"
        "spec: {ports: [{port: 80, targetPort: http}], sessionAffinityConfig: {clientIP: {}}}\nextra: 1\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  strategy: {type: Recreate}\n  template:\n"
        "    spec: {containers: [{name: a, resources: {limits: {cpu: 1}}}], priority: 5}\n",
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {'a' * 100}}}\n",
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec:\n  selector:\n  servers: []\n"
        "status: {x: 1}\n",
        "apiVersion: lateen/v1\nkind: TrafficTest\nmetadata: {name: a}\nspec:\n"
        "  metrics: [{name: m, labels: {a: b}, above: 0}]\n",
    ],
)
def test_input_that_must_pass(text: str) -> None:
    resources, found = checked(text)
    assert found == ()
    assert len(resources) == 1


def test_values_that_the_schema_leaves_open_are_handed_on_whole() -> None:
    config = "{deep: {er: [1, {x: null}]}}"
    resources, _ = checked(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\n"
        f"spec: {{url: 'oci://a/b', pluginConfig: {config}}}\n"
    )
    assert resources[0].spec["pluginConfig"] == {"deep": {"er": [1, {"x": None}]}}


def test_a_header_that_must_be_absent_is_null() -> None:
    call = "  - {from: a, url: 'http://b/', expect: {request_headers: {x-a: null, x-b: c}}}\n"
    resources, found = checked(TEST + call)
    assert found == ()
    assert resources[0].spec["calls"][0]["expect"]["request_headers"] == {"x-a": None, "x-b": "c"}


def test_nothing_of_a_secret_is_in_a_message() -> None:
    _, found = checked(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: 31337, l: 'hunter2?'}\ntype: [x]\n"
    )
    assert [f.code for f in found] == ["LAT0111", "LAT0115", "LAT0111"]
    assert not any("31337" in f"{f.message}{f.hint}" or "hunter2" in f"{f.message}{f.hint}" for f in found)


def test_an_item_that_is_rejected_leaves_the_others_at_their_places() -> None:
    resources, _ = checked(VS + "  hosts: [web]\n  http:\n  - 5\n  - {timeout: 5s}\n")
    assert resources[0].spec["http"] == [{"timeout": "5s"}]
    assert resources[0].origin("spec", "http", 0, "timeout").line == 8


def test_an_object_without_a_required_field_is_not_handed_on() -> None:
    resources, _ = checked(
        VS + "  hosts: [web]\n  http: [{route: [{destination: {subset: a}}, {destination: {host: b}}]}]\n"
    )
    assert resources[0].spec["http"] == [{"route": [{"destination": {"host": "b"}}]}]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.sampled_from(["a", "", "5s", "MUTUAL", "http://a", "/"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["hosts", "http", "route", "destination", "host", "match", "uri", "exact", "weight", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
FIXED = {"LAT0110", "LAT0111", "LAT0112", "LAT0116"}


@given(st.sampled_from([VS, DR, SE, SVC, ROUTE]), ANYTHING)
def test_property_what_is_handed_on_has_right_types_and_required_fields(head: str, spec: Any) -> None:
    resources, _ = checked(head.replace("spec:\n", "") + yaml.safe_dump({"spec": spec}))
    for resource in resources:
        again, found = check([resource.document])
        assert not {finding.code for finding in found} & FIXED
        assert again[0].body == resource.body
