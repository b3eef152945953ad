"""What a command line names: meshes and examples that must exist, files that must not."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NO_SUCH_MESH = Code(
    "LAT0010",
    Severity.ERROR,
    title="No such mesh",
    message="there is no file, folder or example {name!r}",
    why="A command on a mesh takes a folder, a file, or the name of an example that comes with lateen. "
    "A path that exists is always meant before an example of that name.",
    example="lateen up storfront",
    fix="lateen up storefront",
)

NO_SUCH_EXAMPLE = Code(
    "LAT0011",
    Severity.ERROR,
    title="No such example",
    message="no example is called {name!r}",
    why="`lateen init` copies one of the examples that come with lateen.",
    example="lateen init mesh --example storfront",
    fix="lateen init mesh --example storefront",
)

FILE_EXISTS = Code(
    "LAT0012",
    Severity.ERROR,
    title="File exists already",
    message="the file exists already",
    why="`lateen init` overwrites nothing, and writes nothing unless it can write everything.",
    example="lateen init  # in a folder with a README.md",
    fix="name a folder that does not exist yet: lateen init DIR",
)

OTHER_YAML = Code(
    "LAT0013",
    Severity.ERROR,
    title="Another file would become part of the mesh",
    message="the file would become part of the mesh in {folder}",
    why="Every YAML file of a folder is part of its mesh, so what `lateen init` writes would not stand alone and might "
    "not run.",
    example="lateen init  # in a folder with a docker-compose.yaml",
    fix="name a folder that does not exist yet: lateen init DIR",
)
