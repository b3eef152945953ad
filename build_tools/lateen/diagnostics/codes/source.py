"""Files and YAML: what keeps a document from being read."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NO_DOCUMENTS = Code(
    "LAT0001",
    Severity.ERROR,
    title="Nothing to read",
    message="no YAML document in {place}",
    why="A mesh without documents has no services, so every call in it would fail. Most often the path is wrong: "
    "a folder is read without its subfolders, and only files that end in .yaml or .yml count.",
    example="lateen analyze empty-folder",
    fix="Name the folder that holds the files, or give a file by its own path.",
)

NOT_TEXT = Code(
    "LAT0002",
    Severity.ERROR,
    title="File is not UTF-8 text",
    message="byte 0x{byte:02x} is not valid {encoding}",
    why="YAML is Unicode text. A file in another encoding would be read as other names and values than were meant.",
    example="A file saved as Latin-1 that holds an umlaut.",
    fix="Save the file as UTF-8.",
)

BROKEN_YAML = Code(
    "LAT0003",
    Severity.ERROR,
    title="Broken YAML",
    message="{problem}",
    why="The document cannot be parsed, so nothing in it is known. Other documents of the same file are still read.",
    example="metadata:\n\tname: web",
    fix="metadata:\n  name: web",
)

DUPLICATE_KEY = Code(
    "LAT0004",
    Severity.ERROR,
    title="Key given twice",
    message="key {key!r} is given twice in one mapping",
    why="YAML readers keep one of the two values and drop the other silently; which one differs between them.",
    example="spec:\n  host: reviews\n  host: ratings",
    fix="spec:\n  host: reviews",
)

BAD_KEY = Code(
    "LAT0005",
    Severity.ERROR,
    title="Key that JSON cannot hold",
    message="a {kind} cannot be a key",
    why="The Kubernetes API is JSON, whose keys are strings; numbers and booleans become strings, other keys cannot.",
    example="data:\n  [a, b]: value",
    fix='data:\n  "[a, b]": value',
)

BAD_VALUE = Code(
    "LAT0006",
    Severity.ERROR,
    title="Value that JSON cannot hold",
    message="{problem}",
    why="The Kubernetes API is JSON: it has no tags, no infinity and no not-a-number. kubectl refuses such a document.",
    example="spec:\n  weight: .inf",
    fix="spec:\n  weight: 100",
)

BAD_MERGE = Code(
    "LAT0007",
    Severity.ERROR,
    title="Merge of something that is no mapping",
    message="`<<` takes a mapping or a list of mappings, not a {kind}",
    why="The keys that were meant to be merged are missing from the document.",
    example="base: &base [a, b]\nspec:\n  <<: *base",
    fix="base: &base {a: b}\nspec:\n  <<: *base",
)

TOO_LARGE = Code(
    "LAT0008",
    Severity.ERROR,
    title="Document grows or nests without bound",
    message="{problem}",
    why="A few lines of aliases can stand for billions of nodes, and thousands of nested brackets exhaust the stack. "
    "Such a document is never a mesh; it is refused instead of filling the memory.",
    example="a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b] # and so on",
    fix="Write the values out, or use fewer levels of aliases.",
)

SECOND_MESH_CONFIG = Code(
    "LAT0009",
    Severity.ERROR,
    title="MeshConfig given twice",
    message="MeshConfig is given here and at {other}",
    why="A mesh has one MeshConfig; which of the two holds would depend on the order of the files.",
    example="A folder with mesh.yaml and a ConfigMap `istio` with the key `mesh`.",
    fix="Keep one of them.",
)

KUSTOMIZATION_UNUSABLE = Code(
    "LAT0016",
    Severity.ERROR,
    title="Part of a kustomization cannot be read",
    message="{problem}",
    why="What the kustomization lists would be missing from the mesh.",
    example="resources: [https://example.com/web.yaml]",
    fix="resources: [web.yaml]",
)

KUSTOMIZATION_FIELD = Code(
    "LAT0017",
    Severity.WARNING,
    title="Field of a kustomization is not honoured",
    message="{field} of this kustomization has no effect",
    why="The resources are read as they stand, so the mesh is another than the one kustomize builds.",
    example="namePrefix: staging-",
    fix="Let kustomize build it: `kustomize build DIR > built.yaml`, or pipe it into a command that takes `-`.",
)

KUSTOMIZATION_CYCLE = Code(
    "LAT0018",
    Severity.ERROR,
    title="Kustomization that contains itself",
    message="{path} leads back to this kustomization",
    why="Such a list has no end.",
    example="base/kustomization.yaml with resources: [../base]",
    fix="Remove the entry.",
)

NO_SOURCE = Code(
    "LAT0019",
    Severity.ERROR,
    title="No mesh named",
    message="no file or folder of a mesh is named",
    why="A command on a mesh needs to know where its YAML is.",
    example="lateen analyze",
    fix="lateen analyze DIR, or lateen analyze -f FILE",
)
