"""Running a mesh: what its pods ask for, what the machine has, and what became of the processes."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

PORT_TAKEN = Code(
    "LAT0701",
    Severity.ERROR,
    "address taken",
    "{address}:{port} is taken by {holder}, and {needed_by} needs it",
    why="Two processes cannot listen on one address and port; Envoy would end or refuse its listener.",
    example="a server of another program that listens on 0.0.0.0:9080 while a workload has containerPort 9080",
    fix="End that program, or give the workload another port. `lateen down` ends what earlier runs left.",
)
ENVOY_ENDED = Code(
    "LAT0702",
    Severity.ERROR,
    "Envoy ended while starting",
    "the Envoy of {proxy} ended ({status}) before it was ready: {reason}",
    why="Without its proxy a workload can neither call nor be called.",
    example="an Envoy binary for another processor",
    fix="Read the log that the hint names; `lateen verify` asks Envoy about every proxy's configuration.",
)
ENVOY_NOT_READY = Code(
    "LAT0703",
    Severity.ERROR,
    "Envoy never became ready",
    "the Envoy of {proxy} was not ready after {seconds} s: {reason}",
    why="A proxy that waits for configuration has no listeners yet.",
    example="a machine so busy that nothing starts in time",
    fix="Raise --timeout, or read the logs that the hint names.",
)
APPLICATION_ENDED = Code(
    "LAT0704",
    Severity.ERROR,
    "application ended while starting",
    "container {container} of {workload} ended ({status}) before it was ready: {reason}",
    why="A container of a Deployment is a server: it must stay.",
    example='command: ["python3", "-c", "print(1)"]',
    fix='command: ["python3", "-m", "http.server", "--bind", "$(POD_IP)", "9080"]',
)
APPLICATION_NOT_READY = Code(
    "LAT0705",
    Severity.ERROR,
    "application never became ready",
    "container {container} of {workload} was not ready after {seconds} s: {reason}",
    why="Calls to a server that does not answer would fail.",
    example="readinessProbe: {httpGet: {path: /healthy, port: 9080}}  # the server answers 404",
    fix="readinessProbe: {httpGet: {path: /healthz, port: 9080}}",
)
LISTENS_EVERYWHERE = Code(
    "LAT0706",
    Severity.WARNING,
    "application listens on every address",
    "container {container} of {workload} listens on {address}:{port}, which takes that port from every workload",
    why="In the process runtime workloads differ by loopback address only; who binds the wildcard address takes the "
    "port of all of them and is reached past its own sidecar.",
    example='args: ["--host", "0.0.0.0"]',
    fix='env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]\nargs: ["--host", "$(POD_IP)"]',
)
NOT_HONOURED = Code(
    "LAT0707",
    Severity.WARNING,
    "part of a pod is not honoured",
    "{field} of {workload} has no effect in the {runtime} runtime",
    why="The application may rely on it.",
    example="volumes: [{name: data, emptyDir: {}}]",
    fix="Pass what the application needs by env, or run the mesh where the field works.",
)
MISSING_REFERENCE = Code(
    "LAT0708",
    Severity.ERROR,
    "environment variable refers to nothing",
    "{variable} of {workload} takes its value from {source}, which does not exist",
    why="Kubernetes does not start such a container.",
    example="valueFrom: {configMapKeyRef: {name: settings, key: colour}}  # no such key",
    fix="Add the object or its key, or set optional: true.",
)
FIELD_UNKNOWN = Code(
    "LAT0709",
    Severity.ERROR,
    "downward API field cannot be given",
    "{variable} of {workload} asks for the field {field}, which no process here has",
    why="The variable would be empty.",
    example="valueFrom: {fieldRef: {fieldPath: status.startTime}}",
    fix="Use status.podIP, status.hostIP, metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'], "
    "metadata.annotations['KEY'], spec.serviceAccountName or spec.nodeName.",
)
NO_COMMAND = Code(
    "LAT0710",
    Severity.ERROR,
    "container without a command",
    "container {container} of {workload} has no command",
    why="The process runtime runs `command` on this machine and never looks at `image`, so it knows no entry point.",
    example="containers: [{name: app, image: web:1.0}]",
    fix='containers: [{name: app, image: web:1.0, command: ["python3", "web.py"]}]',
)
COMMAND_NOT_FOUND = Code(
    "LAT0711",
    Severity.ERROR,
    "command not found",
    "container {container} of {workload} cannot run: {reason}",
    why="The process runtime runs the command on this machine.",
    example='command: ["/srv/web"]  # exists in the image only',
    fix="Install it, or name a command that this machine has; `python3` is the interpreter that runs lateen.",
)
LIMIT_TOO_LOW = Code(
    "LAT0712",
    Severity.ERROR,
    "kernel limit too low",
    "{limit} leaves {available}, and {processes} processes need about {needed}",
    why="Processes would fail to start, or fail later under load.",
    example="ulimit -n 64",
    fix="Raise the limit (`ulimit`, `sysctl`, or the container's options).",
)
SOCKET_PATH_TOO_LONG = Code(
    "LAT0713",
    Severity.ERROR,
    "state directory path too long",
    "the socket path {path} has {length} bytes, more than the {limit} that a Unix socket address holds",
    why="Each proxy is served on a Unix socket in the state directory.",
    example="--state-dir /a/very/long/path/...",
    fix="--state-dir /tmp/mesh",
)
NOTHING_TO_RUN = Code(
    "LAT0714",
    Severity.ERROR,
    "nothing to run",
    "{directory} declares no Pod, Deployment, StatefulSet or DaemonSet without an address",
    why="`up` starts what pod templates describe.",
    example="a folder with VirtualServices only",
    fix="Add the Deployments, or use `lateen compile`.",
)
TOO_MANY = Code(
    "LAT0715",
    Severity.ERROR,
    "too many for the loopback address plan",
    "{count} {what} are more than the {limit} that the process runtime has addresses for",
    why="Each workload has loopback addresses of its own; TCP services have one each in every workload.",
    example="replicas: 300  # beside a TCP service",
    fix="replicas: 3",
)
NO_ADDRESS_BLOCK = Code(
    "LAT0716",
    Severity.ERROR,
    "no loopback addresses left",
    "all {count} blocks of loopback addresses are in use by other runs",
    why="Each run of `up` has its own block of 127.0.0.0/8.",
    example="62 meshes on one machine",
    fix="lateen down",
)
CONTROL_PLANE_ENDED = Code(
    "LAT0717",
    Severity.ERROR,
    "control plane did not serve",
    "the control plane {what}: {reason}",
    why="The proxies get their configuration from it.",
    example="a state directory that was removed while the mesh started",
    fix="Read the log that the hint names.",
)
REJECTED = Code(
    "LAT0718",
    Severity.ERROR,
    "Envoy rejected configuration",
    "the Envoy of {proxy} rejected {kind} {name}: {reason}",
    why="Envoy keeps what it had before; on start it has nothing.",
    example="an EnvoyFilter that adds a field which this Envoy does not know",
    fix="`lateen verify` finds most of these before anything runs.",
)
PRIVILEGED_PORT = Code(
    "LAT0719",
    Severity.ERROR,
    "port needs privileges",
    "{needed_by} needs {address}:{port}, and ports below {limit} are for root on this machine",
    why="The listener could not be bound.",
    example="servers: [{port: {number: 80, ...}}]  # on a Service without targetPort",
    fix="Use a port of 1024 or above (for a gateway: targetPort of its Service), or lower "
    "net.ipv4.ip_unprivileged_port_start.",
)
NOT_STARTED = Code(
    "LAT0720",
    Severity.ERROR,
    "process could not be started",
    "the system refused to start a process: {reason}",
    why="Without it the mesh is not whole.",
    example="an Envoy binary without the permission to execute it",
    fix="chmod +x, or another binary with --envoy.",
)
INIT_ENDED = Code(
    "LAT0723",
    Severity.ERROR,
    "init container failed",
    "init container {container} of {workload} ended ({status}): {reason}",
    why="The containers of a pod are started after each of its init containers has ended with 0.",
    example='initContainers: [{name: migrate, command: ["python3", "missing.py"]}]',
    fix="Read the log that the hint names, and run the command by hand.",
)
INIT_NOT_DONE = Code(
    "LAT0724",
    Severity.ERROR,
    "init container never ended",
    "init container {container} of {workload} had not ended after {seconds} s: {reason}",
    why="The containers of a pod are started after each of its init containers has ended with 0.",
    example='initContainers: [{name: wait, command: ["sleep", "infinity"]}]',
    fix="Let it end, raise --timeout, or give it restartPolicy: Always if it is meant to run beside the containers.",
)
KEY_NOT_A_VARIABLE = Code(
    "LAT0725",
    Severity.WARNING,
    "key cannot be an environment variable",
    "key {key!r} of {kind} {name} is no environment variable of {workload}: it is empty, holds `=`, or is no text",
    why="`envFrom` leaves such a key out, as Kubernetes does.",
    example="binaryData: {logo: iVBORw0KGgo=}",
    fix="Mount the object as a volume, or name the keys that are wanted with `env`.",
)
STATE_UNUSABLE = Code(
    "LAT0738",
    Severity.ERROR,
    "state directory cannot be used",
    "the files of a run cannot be kept, at {path}: {reason}",
    why="A run keeps its keys, sockets and logs in a folder of its own in the state directory.",
    example="--state-dir on a file system that is full, or mounted read-only",
    fix="Make room, or choose another folder with --state-dir, one that is yours alone.",
)
STATE_NOT_WRITTEN = Code(
    "LAT0739",
    Severity.ERROR,
    "state directory cannot be written any more",
    "the control plane cannot write to the run's state directory: {reason}",
    why="New certificates are kept before they are used, so that a control plane that is started again goes on with "
    "them. The mesh runs on with what it has, the old certificates for as long again; writing is tried again every few "
    "seconds.",
    example="the disk of a running mesh fills up",
    fix="Make room in the file system of the state directory.",
)
STATE_FULL = Code(
    "LAT0740",
    Severity.WARNING,
    "disk of a running mesh is full",
    "nothing can be written to {folder} any more",
    why="The mesh goes on, but logs lose lines, calls of TrafficTests cannot be judged by what proxies log, and new "
    "certificates cannot be kept.",
    example="another program fills the file system while `lateen up` runs",
    fix="Make room in the file system of the state directory.",
)
