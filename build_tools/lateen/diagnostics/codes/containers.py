"""The container runtime."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

ENGINE_ELSEWHERE = Code(
    "LAT0742",
    Severity.ERROR,
    "container engine is not on this machine",
    "the container engine at {address} is not this machine's own: {reason}",
    why="Sidecars mount the control plane's socket, and other files that `lateen up` writes on this machine; it calls "
    "pods at their own addresses.",
    example="DOCKER_HOST=tcp://10.0.0.7:2376 lateen up DIR --runtime docker",
    fix="Name an engine that root runs on this machine by DOCKER_HOST=unix://PATH, or run lateen where the engine is.",
)
NOT_REDIRECTED = Code(
    "LAT0743",
    Severity.ERROR,
    "traffic of a pod could not be redirected",
    "the network of {workload} could not be set up: {reason}",
    why="Without redirection an application would reach, and be reached, past its sidecar and its policies. The rules "
    "are nftables', which the kernel must have.",
    example="a kernel without nf_tables",
    fix="Load the kernel modules nf_tables and nft_redir (`modprobe nft_redir`), or use `--runtime process`.",
)
