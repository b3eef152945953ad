"""AuthorizationPolicy, value by value: what Envoy is told to match. Source: Istio's own translation (semantics 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lateen.model.security import AuthorizationRule, Condition, Operation, Source
from lateen.xds.authorization.rule import Context, envoy_policy, expand_trust_domains
from lateen.xds.snapshot import Config, Snapshot

DOMAINS = ("td1", "old", "older.local")
HERE = Context("own", DOMAINS)
JWT = "envoy.filters.http.jwt_authn"


def principal(**source: tuple[str, ...]) -> Any:
    """What one value of one field of a source becomes."""
    policy = envoy_policy(AuthorizationRule((Source(**source),)), HERE)
    assert policy is not None
    (together,) = policy["principals"]
    (either,) = together["and_ids"]["ids"]
    ids = either["or_ids"]["ids"] if "or_ids" in either else either
    return ids[0] if isinstance(ids, list) and len(ids) == 1 else ids


def permission(*conditions: Condition, **operation: tuple[str, ...]) -> Any:
    """What one value of one field of an operation, or of a condition, becomes."""
    policy = envoy_policy(AuthorizationRule((), (Operation(**operation),), conditions), HERE)
    assert policy is not None
    (together,) = policy["permissions"]
    (either,) = together["and_rules"]["rules"]
    (found,) = either["or_rules"]["rules"]
    return found


def authenticated(**match: Any) -> Config:
    return {"authenticated": {"principal_name": match}}


def regex(pattern: str) -> Config:
    return {"safe_regex": {"regex": pattern}}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("principals", "*", authenticated(**regex(".+"))),
        ("principals", "other/ns/a/sa/b", authenticated(exact="spiffe://other/ns/a/sa/b")),
        ("principals", "*/sa/b", authenticated(**regex("spiffe://.*/sa/b"))),
        ("principals", "other/ns/*", authenticated(prefix="spiffe://other/ns/")),
        ("namespaces", "shop", authenticated(**regex(".*/ns/shop/.*"))),
        ("namespaces", "shop-*", authenticated(**regex(".*/ns/shop-.*/.*"))),
        ("service_accounts", "a/b", authenticated(**regex("spiffe://.+/ns/a/(.+/|)sa/b(/.+)?"))),
        ("service_accounts", "b", authenticated(**regex("spiffe://.+/ns/own/(.+/|)sa/b(/.+)?"))),
        ("trust_domains", "td", authenticated(prefix="spiffe://td/")),
        ("trust_domains", "bad*", authenticated(**regex("spiffe://bad[^/]*/.*"))),
        ("ip_blocks", "10.0.0.0/8", {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}),
        ("ip_blocks", "10.1.2.3", {"direct_remote_ip": {"address_prefix": "10.1.2.3", "prefix_len": 32}}),
        ("remote_ip_blocks", "2001:db8::/32", {"remote_ip": {"address_prefix": "2001:db8::", "prefix_len": 32}}),
    ],
)
def test_sources(field: str, value: str, expected: Config) -> None:
    assert principal(**{field: (value,)}) == expected


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("*", regex(".+"), regex(".+")),
        ("https://a/b/sub", {"exact": "https://a/b"}, {"exact": "sub"}),
        ("issuer", {"exact": "issuer"}, {"exact": ""}),
        ("issuer*", {"prefix": "issuer"}, regex(".+")),
        ("*subject", regex(".+"), {"suffix": "subject"}),
        ("issuer/*", {"exact": "issuer"}, regex(".+")),
        ("issuer/sub*", {"exact": "issuer"}, {"prefix": "sub"}),
        ("*/sub", regex(".+"), {"exact": "sub"}),
        ("*.example/sub", {"suffix": ".example"}, {"exact": "sub"}),
    ],
)
def test_request_principals_are_issuer_and_subject(value: str, issuer: Config, subject: Config) -> None:
    def claim(name: str, match: Config) -> Config:
        path = [{"key": "payload"}, {"key": name}]
        return {"metadata": {"filter": JWT, "path": path, "value": {"string_match": match}}}

    assert principal(request_principals=(value,)) == {"and_ids": {"ids": [claim("iss", issuer), claim("sub", subject)]}}


def header(name: str, **match: Any) -> Config:
    return {"header": {"name": name, **match}}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("hosts", "*", header(":authority", present_match=True)),
        ("hosts", "*.a.example", header(":authority", string_match={"suffix": ".a.example", "ignore_case": True})),
        ("methods", "*", header(":method", present_match=True)),
        ("methods", "GET", header(":method", string_match={"exact": "GET"})),
        ("methods", "P*", header(":method", string_match={"prefix": "P"})),
        ("paths", "*", {"url_path": {"path": regex(".+")}}),
        ("paths", "/a*", {"url_path": {"path": {"prefix": "/a"}}}),
        ("paths", "*/a", {"url_path": {"path": {"suffix": "/a"}}}),
        ("ports", "8080", {"destination_port": 8080}),
    ],
)
def test_operations(field: str, value: str, expected: Config) -> None:
    assert permission(**{field: (value,)}) == expected


@pytest.mark.parametrize(("value", "template"), [("/a/{*}/b", "/a/*/b"), ("/a/{**}", "/a/**")])
def test_path_templates(value: str, template: str) -> None:
    assert permission(paths=(value,))["uri_template"]["typed_config"]["path_template"] == template


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("destination.ip", "10.0.0.1", {"destination_ip": {"address_prefix": "10.0.0.1", "prefix_len": 32}}),
        ("destination.port", "80", {"destination_port": 80}),
        ("connection.sni", "*.example", {"requested_server_name": {"suffix": ".example"}}),
        (
            "experimental.envoy.filters.http.lateen.tenant_context[tenant]",
            "*",
            {
                "metadata": {
                    "filter": "envoy.filters.http.lateen.tenant_context",
                    "path": [{"key": "tenant"}],
                    "value": {"string_match": regex(".+")},
                }
            },
        ),
    ],
)
def test_conditions_on_what_is_called(key: str, value: str, expected: Config) -> None:
    assert permission(Condition(key, (value,))) == expected


def test_an_experimental_value_in_brackets_looks_into_a_list() -> None:
    found = permission(Condition("experimental.envoy.filters.a.b[c]", ("[v]",)))
    assert found["metadata"]["value"] == {"list_match": {"one_of": {"string_match": {"exact": "v"}}}}


def test_any_of_the_values_and_none_of_the_excluded_ones() -> None:
    policy = envoy_policy(AuthorizationRule((), (Operation(methods=("GET", "HEAD"), not_ports=("1", "2")),)), HERE)
    assert policy is not None
    (together,) = policy["permissions"]
    methods, ports = together["and_rules"]["rules"]
    assert len(methods["or_rules"]["rules"]) == 2
    assert ports == {"not_rule": {"or_rules": {"rules": [{"destination_port": 1}, {"destination_port": 2}]}}}


def test_an_empty_rule_matches_everything() -> None:
    assert envoy_policy(AuthorizationRule(), HERE) == {
        "permissions": [{"and_rules": {"rules": [{"any": True}]}}],
        "principals": [{"and_ids": {"ids": [{"any": True}]}}],
    }


def test_attributes_stand_in_istios_order() -> None:
    everything = AuthorizationRule(
        (Source(principals=("p",), request_principals=("r",), namespaces=("n",), ip_blocks=("10.0.0.1",)),),
        (Operation(hosts=("h",), methods=("m",), paths=("p",), ports=("1",)),),
        (Condition("request.headers[x]", ("v",)), Condition("destination.port", ("2",))),
    )
    policy = envoy_policy(everything, HERE)
    assert policy is not None
    kinds = [next(iter(rule["or_rules"]["rules"][0])) for rule in policy["permissions"][0]["and_rules"]["rules"]]
    assert kinds == ["header", "header", "url_path", "destination_port", "destination_port"]
    who = [next(iter(rule["or_ids"]["ids"][0])) for rule in policy["principals"][0]["and_ids"]["ids"]]
    assert who == ["authenticated", "and_ids", "authenticated", "direct_remote_ip", "header"]


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("td1/ns/a/sa/b", ("td1/ns/a/sa/b", "old/ns/a/sa/b", "older.local/ns/a/sa/b")),
        ("old/ns/a/sa/b", ("td1/ns/a/sa/b", "old/ns/a/sa/b", "older.local/ns/a/sa/b")),
        ("cluster.local/ns/a/sa/b", ("td1/ns/a/sa/b", "old/ns/a/sa/b", "older.local/ns/a/sa/b")),
        ("*local/ns/a/sa/b", ("td1/ns/a/sa/b", "old/ns/a/sa/b", "*local/ns/a/sa/b")),
        ("foreign/ns/a/sa/b", ("foreign/ns/a/sa/b",)),
        ("*/ns/a/sa/b", ("*/ns/a/sa/b",)),
        ("cluster.local/*", ("cluster.local/*",)),
        ("*", ("*",)),
    ],
)
def test_the_local_trust_domain_stands_for_all_its_names(value: str, expanded: tuple[str, ...]) -> None:
    assert expand_trust_domains((value,), DOMAINS) == expanded


HTTP_ONLY = AuthorizationRule((), (Operation(methods=("GET",), ports=("7070",)),))


def test_on_tcp_an_allow_rule_that_only_a_request_could_meet_is_dropped() -> None:
    assert envoy_policy(HTTP_ONLY, Context("own", DOMAINS, tcp=True)) is None


def test_on_tcp_a_deny_rule_loses_only_what_a_request_could_meet() -> None:
    policy = envoy_policy(HTTP_ONLY, Context("own", DOMAINS, tcp=True, widen=True))
    assert policy is not None
    assert policy["permissions"] == [{"and_rules": {"rules": [{"or_rules": {"rules": [{"destination_port": 7070}]}}]}}]


@pytest.mark.parametrize(("widen", "kept"), [(False, False), (True, True)])
def test_an_attribute_that_does_not_exist_never_allows_more(widen: bool, kept: bool) -> None:
    rule = AuthorizationRule(conditions=(Condition("request.phase.of.moon", ("full",)),))
    assert (envoy_policy(rule, Context("own", DOMAINS, widen=widen)) is not None) is kept


SERVER = """
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{name: http, port: 8080}, {name: tcp, port: 7070}]}
"""


def policy(name: str, spec: str, more: str = "") -> str:
    return (
        "\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        f"metadata: {{name: {name}{more}}}\nspec: {spec}\n"
    )


def rbac(snapshot: Snapshot, port: int) -> list[Config]:
    """The typed configurations of the RBAC filters on a port."""
    chains = snapshot.listeners["virtualInbound"]["filter_chains"]
    chain = next(c for c in chains if c.get("filter_chain_match", {}).get("destination_port") == port)
    filters = [*chain["filters"], *chain["filters"][-1]["typed_config"].get("http_filters", [])]
    return [f["typed_config"] for f in filters if f["name"].endswith(".rbac")]


def test_a_policy_without_rules_denies_all(compiled: Callable[..., Snapshot]) -> None:
    (config,) = rbac(compiled(SERVER + policy("nobody", "{}")), 8080)
    assert config["rules"] == {
        "action": "ALLOW",
        "policies": {
            "ns[default]-policy[nobody]-rule[0]": {
                "permissions": [{"not_rule": {"any": True}}],
                "principals": [{"not_id": {"any": True}}],
            }
        },
    }


def test_an_allow_policy_of_requests_only_denies_every_tcp_connection(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(SERVER + policy("readers", "{rules: [{to: [{operation: {methods: [GET]}}]}]}"))
    (config,) = rbac(snapshot, 7070)
    assert config["rules"] == {"action": "ALLOW"}
    assert config["stat_prefix"] == "tcp."


def test_a_dry_run_shares_the_filter_and_decides_nothing(compiled: Callable[..., Snapshot]) -> None:
    dry = policy("dry", "{rules: [{}]}", ", annotations: {istio.io/dry-run: 'true'}")
    (config,) = rbac(compiled(SERVER + policy("real", "{rules: [{}]}") + dry), 8080)
    assert list(config["rules"]["policies"]) == ["ns[default]-policy[real]-rule[0]"]
    assert list(config["shadow_rules"]["policies"]) == ["ns[default]-policy[dry]-rule[0]"]
    assert config["shadow_rules_stat_prefix"] == "istio_dry_run_allow_"
    (alone,) = rbac(compiled(SERVER + dry), 8080)
    assert "rules" not in alone


def test_custom_denies_what_it_would_have_asked_about_and_says_so(compiled: Callable[..., Snapshot]) -> None:
    spec = "{action: CUSTOM, provider: {name: asks}, rules: [{to: [{operation: {paths: [/admin]}}]}]}"
    mesh_config = (
        "extensionProviders: [{name: asks, envoyExtAuthzHttp: {service: asks.default.svc.cluster.local, port: 80}}]"
    )
    snapshot = compiled(SERVER + policy("ask", spec), mesh_config=mesh_config)
    (config,) = rbac(snapshot, 8080)
    assert config["rules"]["action"] == "DENY"
    (name,) = config["rules"]["policies"]
    assert name == "istio-ext-authz-asks-ns[default]-policy[ask]-rule[0]-deny-due-to-bad-CUSTOM-action"
    assert [finding.code for finding in snapshot.diagnostics] == ["LAT0445"]


def test_each_rule_in_a_filter_knows_its_line(compiled: Callable[..., Snapshot]) -> None:
    snapshot = compiled(SERVER + policy("two", "{rules: [{}, {to: [{operation: {methods: [GET]}}]}]}"))
    places = {
        path.rpartition("policies")[2]: origin
        for (attribute, name, path), origin in snapshot.origins.items()
        if (attribute, name) == ("listeners", "virtualInbound") and ".http_filters[" in path
    }
    assert {path: origin.field_path for path, origin in places.items()} == {
        "['ns[default]-policy[two]-rule[0]']": "spec.rules[0]",
        "['ns[default]-policy[two]-rule[1]']": "spec.rules[1]",
    }
    assert all(origin.resource == "AuthorizationPolicy default/two" for origin in places.values())
