"""The container engine and its images."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NO_ENGINE = Code(
    "LAT0730",
    Severity.ERROR,
    "no container engine",
    "no container engine answers at {address}: {reason}",
    why="The docker runtime and `lateen image` talk to a container engine.",
    example="DOCKER_HOST=unix:///nowhere.sock lateen image list",
    fix="Start Docker, or name another engine by DOCKER_HOST. `make setup-docker` installs one on Debian. "
    "`lateen up DIR --runtime process` needs none.",
)
NO_PERMISSION = Code(
    "LAT0731",
    Severity.ERROR,
    "container engine not permitted",
    "uid {uid} may not use the container engine at {address}: {reason}",
    why="Whoever may talk to the engine's socket is root on the machine, so it is closed to others.",
    example="a user who is not in the group `docker`",
    fix="Join the group that owns the socket (`usermod -aG docker USER`, then log in again), or name another engine by "
    "DOCKER_HOST.",
)
ENGINE_REFUSED = Code(
    "LAT0732",
    Severity.ERROR,
    "container engine refused",
    "the container engine at {address} could not {what}: {reason}",
    why="The engine answers, but does not do what is needed.",
    example="an engine without space left on its disk",
    fix="Mend what the engine says; its own log may say more.",
)
NO_SDK = Code(
    "LAT0733",
    Severity.ERROR,
    "Python package `docker` missing",
    "the Python package `docker` cannot be used: {reason}",
    why="lateen talks to the container engine with it.",
    example="pip install lateen",
    fix="pip install 'lateen[docker]'",
)
NO_IMAGE = Code(
    "LAT0734",
    Severity.ERROR,
    "image cannot be had",
    "image {image} cannot be had: {reason}",
    why="A container is started from an image that the engine has or can pull, or that lateen builds.",
    example="containers: [{name: app, image: registry.example/web:1.0}]  # the registry is out of reach",
    fix="Load the image into the engine (`docker load`), or build one with `lateen image app DIR --tag IMAGE`.",
)
IMAGE_NOT_BUILT = Code(
    "LAT0735",
    Severity.ERROR,
    "image cannot be built",
    "image {image} cannot be built: {reason}",
    why="lateen builds an image from files of this machine, and one that is needed is not there.",
    example="a requirements.txt that names a package which is not installed beside lateen",
    fix="Install what is missing, or pull an image instead.",
)
