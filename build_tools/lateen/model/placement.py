"""Addresses for workloads whose files do not say where they run."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import islice

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import model as codes
from lateen.model.mesh import Mesh


def place_by_cidr(mesh: Mesh, network: str) -> Mesh:
    """The mesh with each instance that has no address at one of `network`, in order of namespace and name.

    The network's own address, its broadcast address and addresses that stand in files are left out. Raises ValueError
    if `network` is no CIDR block, MeshError if it is too small.
    """
    block = ip_network(network, strict=False)
    taken = {address for workload in mesh.workloads for address in workload.addresses}
    taken |= {endpoint.address for endpoints in mesh.endpoints.values() for endpoint in endpoints}
    waiting = [workload.key for workload in mesh.workloads if not workload.addresses]
    free = (str(address) for address in block.hosts() if str(address) not in taken)
    places = dict(zip(waiting, islice(free, len(waiting)), strict=False))
    if len(places) < len(waiting):
        finding = codes.NETWORK_FULL.at(Origin(), network=network, free=len(places), needed=len(waiting))
        raise MeshError((finding,), mesh)
    return mesh.placed(places)


def unplaced(mesh: Mesh) -> tuple[Diagnostic, ...]:
    """One finding that counts the instances without an address, none if all have one."""
    waiting = [workload for workload in mesh.workloads if not workload.addresses]
    return (codes.NO_ADDRESSES.at(waiting[0].ref.origin, count=len(waiting)),) if waiting else ()
