"""The environment of a container, as the kubelet makes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.diagnostics import Redacted
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.pod import Container, EnvSource, EnvVar
from lateen.model.secret import Secret
from lateen.model.service import Protocol, Service, ServicePort
from lateen.model.workload import Workload
from lateen.runtime.environment import Environment, Objects, expand, service_variables

WEB = Workload(
    "web-0",
    "shop",
    "web",
    Ref("Deployment", "shop", "web"),
    service_account="teller",
    labels={"app": "web"},
    annotations={"team": "front"},
)


NOTHING = Objects()


def variables(*env: EnvVar, objects: Objects = NOTHING) -> tuple[dict[str, str], list[str]]:
    environment = Environment(WEB, "127.2.0.1", objects, {"INHERITED": "yes"})
    findings = list(environment.add(Container("app", env=env)))
    return environment.variables, [f.code for f in findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("a$(A)b$(B)", "a1b2"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A costs 5$", "$A costs 5$"),
        ("$(A", "$(A"),
        ("$()", "$()"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


@given(st.text(alphabet="a$()B", max_size=30))
def test_property_doubled_dollars_keep_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"": "x", "a": "y", "B": "z"}) == text


def test_a_variable_sees_those_before_it() -> None:
    found, _ = variables(EnvVar("HOST", "web"), EnvVar("URL", "http://$(HOST):$(PORT)"), EnvVar("PORT", "80"))
    assert found["URL"] == "http://web:$(PORT)"
    assert found["INHERITED"] == "yes"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("status.podIP", "127.2.0.1"),
        ("metadata.name", "web-0"),
        ("metadata.namespace", "shop"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['team']", "front"),
        ("spec.serviceAccountName", "teller"),
    ],
)
def test_the_downward_api_gives_fields(path: str, expected: str) -> None:
    assert variables(EnvVar("X", field_ref=path)) == ({"INHERITED": "yes", "X": expected}, [])


def test_uid_is_the_same_in_every_run_and_another_for_another_pod() -> None:
    first, _ = variables(EnvVar("X", field_ref="metadata.uid"))
    again, _ = variables(EnvVar("X", field_ref="metadata.uid"))
    assert first == again
    assert len(first["X"]) == 36


def test_a_field_that_no_process_has_is_a_finding() -> None:
    assert variables(EnvVar("X", field_ref="status.startTime")) == ({"INHERITED": "yes"}, ["LAT0709"])


def objects() -> Objects:
    return Objects.of(
        [
            Secret(Ref("ConfigMap", "shop", "settings"), {"colour": Redacted(b"blue")}),
            Secret(Ref("Secret", "shop", "login"), {"password": Redacted(b"hunter2"), "raw": Redacted(b"\xff")}),
            Secret(Ref("Secret", "other", "login"), {"token": Redacted(b"not yours")}),
        ]
    )


def test_config_maps_and_secrets_give_values() -> None:
    found, findings = variables(
        EnvVar("COLOUR", config_map=("settings", "colour")),
        EnvVar("PASSWORD", secret=("login", "password")),
        objects=objects(),
    )
    assert (found["COLOUR"], found["PASSWORD"], findings) == ("blue", "hunter2", [])


@pytest.mark.parametrize(
    "variable",
    [
        EnvVar("X", config_map=("settings", "size")),
        EnvVar("X", config_map=("missing", "colour")),
        EnvVar("X", secret=("settings", "colour")),
        EnvVar("X", secret=("login", "token")),
        EnvVar("X", secret=("login", "raw")),
    ],
)
def test_a_reference_to_nothing_is_a_finding(variable: EnvVar) -> None:
    found, findings = variables(variable, objects=objects())
    assert ("X" in found, findings) == (False, ["LAT0708"])


def test_an_optional_reference_to_nothing_leaves_the_variable_unset() -> None:
    assert variables(EnvVar("X", secret=("none", "x"), optional=True)) == ({"INHERITED": "yes"}, [])


def test_objects_never_show_their_values() -> None:
    assert "hunter2" not in repr(objects())


def service(name: str, *ports: ServicePort, **fields: object) -> Service:
    return Service(f"{name}.shop.svc.cluster.local", Ref("Service", "shop", name), ports, **fields)  # type: ignore[arg-type]


def test_services_of_the_namespace_have_variables() -> None:
    mesh = Mesh(
        services=(
            service(
                "user-db", ServicePort("tcp-sql", 5432, Protocol.TCP), ServicePort("http-admin", 80, Protocol.HTTP)
            ),
            service("hidden", ServicePort("http", 80, Protocol.HTTP), headless=True),
            service("alias", ServicePort("http", 80, Protocol.HTTP), alias_of="example.com"),
            Service("x.other.svc", Ref("Service", "other", "x"), (ServicePort("http", 80, Protocol.HTTP),)),
        )
    )
    assert service_variables(mesh, "shop", lambda _: "127.4.1.1") == {
        "USER_DB_SERVICE_HOST": "127.4.1.1",
        "USER_DB_SERVICE_PORT": "5432",
        "USER_DB_SERVICE_PORT_TCP_SQL": "5432",
        "USER_DB_SERVICE_PORT_HTTP_ADMIN": "80",
    }
    assert service_variables(mesh, "shop", lambda _: "") == {}


def test_a_whole_object_becomes_variables_under_those_of_env() -> None:
    objects = Objects({("ConfigMap", "shop", "settings"): {"A": b"1", "B": b"2", "x=y": b"", "bytes": b"\xff"}})
    environment = Environment(WEB, "127.2.0.1", objects, {"P_A": "inherited"})
    sources = (EnvSource("ConfigMap", "settings", "P_"), EnvSource("Secret", "gone", optional=True))
    found = list(environment.add(Container("app", env_from=sources, env=(EnvVar("P_B", "mine $(P_A)"),))))
    assert environment.variables == {"P_A": "1", "P_B": "mine 1"}
    assert [(d.code, d.message.split("'")[1]) for d in found] == [("LAT0725", "bytes"), ("LAT0725", "x=y")]


def test_a_whole_object_that_does_not_exist_is_an_error_unless_optional() -> None:
    environment = Environment(WEB, "127.2.0.1", Objects(), {})
    (finding,) = environment.add(Container("app", env_from=(EnvSource("Secret", "gone"),)))
    assert (finding.code, "Secret gone" in finding.message) == ("LAT0708", True)


def test_a_resource_field_is_told_and_left_out() -> None:
    environment = Environment(WEB, "127.2.0.1", Objects(), {})
    (finding,) = environment.add(Container("app", env=(EnvVar("CPUS", resource_ref="limits.cpu"),)))
    assert (finding.code, environment.variables) == ("LAT0707", {})
