"""What names lead to, as cluster DNS would have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lateen.deliver.hosts import hosts_files, hosts_text, write_hosts
from lateen.model.identity import Ref, Selector
from lateen.model.mesh import Mesh
from lateen.model.service import Endpoint, Protocol, Service, ServicePort
from lateen.model.workload import Workload

SUFFIX = "svc.cluster.local"
WEB = Workload("web-0", "shop", "web", Ref("Deployment", "shop", "web"), addresses=("172.20.0.2", "fd00::2"))
DB = Workload(
    "db-0", "data", "db", Ref("StatefulSet", "data", "db"), addresses=("172.20.0.3", "fd00::3"), labels={"app": "db"}
)


def service(name: str, namespace: str = "shop", **fields: Any) -> Service:
    ports = (ServicePort("tcp", 80, Protocol.TCP),)
    return Service(f"{name}.{namespace}.{SUFFIX}", Ref("Service", namespace, name), ports, **fields)


def external(host: str, **fields: Any) -> Service:
    return Service(host, Ref("ServiceEntry", "shop", "entry"), (), registry="External", **fields)


def mesh(*services: Service, **endpoints: tuple[str, ...]) -> Mesh:
    """A mesh of `web` and `db`, with endpoints by name of service."""
    found = {
        (one.hostname, one.namespace): tuple(Endpoint(address, 8080, 80) for address in endpoints.get(one.ref.name, ()))
        for one in services
    }
    return Mesh(services=services, workloads=(WEB, DB), endpoints=found)


def names(mesh: Mesh, workload: Workload = WEB, *, redirected: bool = True) -> dict[str, list[str]]:
    """The addresses of each name."""
    found: dict[str, list[str]] = {}
    for line in hosts_text(mesh, workload, redirected=redirected).splitlines():
        address, *own = line.split()
        for name in own:
            found.setdefault(name, []).append(address)
    return found


def test_a_workload_knows_itself_and_its_loopback() -> None:
    assert names(mesh()) == {"localhost": ["127.0.0.1", "::1"], "web-0": ["172.20.0.2", "fd00::2"]}


def test_a_service_has_its_short_name_in_its_own_namespace_alone() -> None:
    known = names(mesh(service("cart", addresses=("240.240.0.1",)), service("db", "data", addresses=("240.240.0.2",))))
    for name in ("cart", "cart.shop", "cart.shop.svc", f"cart.shop.{SUFFIX}"):
        assert known[name] == ["240.240.0.1"]
    assert "db" not in known
    assert known["db.data"] == ["240.240.0.2"]


def test_who_is_not_redirected_is_sent_to_the_endpoints() -> None:
    cart = mesh(service("cart", addresses=("240.240.0.1",)), cart=("172.20.0.7", "172.20.0.8", "172.20.0.7"))
    assert names(cart, redirected=False)["cart"] == ["172.20.0.7", "172.20.0.8"]
    assert names(cart, redirected=True)["cart"] == ["240.240.0.1"]


def test_a_headless_service_has_its_endpoints_and_its_instances() -> None:
    db = service("db", "data", headless=True, selector=Selector((("app", "db"),)))
    known = names(mesh(db, db=("172.20.0.3",)))
    assert known["db.data"] == ["172.20.0.3"]
    assert known["db-0.db.data"] == known[f"db-0.db.data.{SUFFIX}"] == ["172.20.0.3"]
    assert "web-0.db.data" not in known


def test_an_alias_leads_where_its_target_does() -> None:
    target = service("cart", addresses=("240.240.0.1",))
    assert names(mesh(target, service("basket", alias_of=target.hostname)))["basket"] == ["240.240.0.1"]


def test_an_alias_of_what_the_mesh_does_not_know_is_left_to_dns() -> None:
    assert "shop" not in names(mesh(service("shop", alias_of="shop.example.com")))


def test_hosts_of_service_entries_have_each_of_their_addresses_and_no_other_names() -> None:
    known = names(mesh(external("api.example.com", addresses=("240.240.0.5", "240.240.0.6", "10.0.0.0/8"))))
    assert known["api.example.com"] == ["240.240.0.5", "240.240.0.6"]
    assert set(known) == {"localhost", "web-0", "api.example.com"}


def test_what_no_hosts_file_can_say_is_left_out() -> None:
    known = names(mesh(external("*.example.com", addresses=("240.240.0.5",)), external("open.example.com")))
    assert set(known) == {"localhost", "web-0"}


def test_endpoints_that_are_names_are_left_to_dns() -> None:
    api = external("api.example.com", addresses=("240.240.0.5",))
    assert "api.example.com" not in names(mesh(api, entry=("backend.example.com",)), redirected=False)


def test_files_of_workloads_that_the_mesh_no_longer_has_stay_as_they_are(tmp_path: Path) -> None:
    wanted = {"web-0.shop": (tmp_path / "1", True), "gone-0.shop": (tmp_path / "2", True)}
    assert list(hosts_files(mesh(), wanted)) == [tmp_path / "1"]


def test_a_file_keeps_its_place_when_its_text_changes(tmp_path: Path) -> None:
    """A container has mounted the file, not its name."""
    path = tmp_path / "hosts"
    write_hosts(path, "a longer text\n")
    before = path.stat().st_ino
    write_hosts(path, "short\n")
    assert (path.read_text(), path.stat().st_ino) == ("short\n", before)
