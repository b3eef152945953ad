"""The input schema: documents that are no resource, and fields that the API does not have or take."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NOT_A_RESOURCE = Code(
    "LAT0101",
    Severity.ERROR,
    title="Document is not a resource",
    message="a resource is a mapping with apiVersion, kind and metadata, not {given}",
    why="Nothing in the document can be used.",
    example="- name: web",
    fix="apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}",
)

MISSING_KIND = Code(
    "LAT0102",
    Severity.ERROR,
    title="No apiVersion or no kind",
    message="the document has no {field}",
    why="Without both, nobody can tell what the document is; kubectl refuses it.",
    example="kind: VirtualService\nmetadata: {name: web}",
    fix="apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}",
)

UNKNOWN_KIND = Code(
    "LAT0103",
    Severity.ERROR,
    title="Unknown kind",
    message="{group} has no kind {kind}",
    why="The document is ignored, and with it the routing or policy that it was meant to state. "
    "Kinds of old Istio releases (Mixer's, the old RBAC and authentication) are unknown too.",
    example="apiVersion: networking.istio.io/v1\nkind: VirtualServices",
    fix="apiVersion: networking.istio.io/v1\nkind: VirtualService",
    istio="",
)

UNKNOWN_VERSION = Code(
    "LAT0104",
    Severity.ERROR,
    title="Version of a kind that is not served",
    message="{kind} of {group} has no version {version}",
    why="Its fields may have other names and meanings there; the document is ignored.",
    example="apiVersion: networking.istio.io/v1alpha1\nkind: VirtualService",
    fix="apiVersion: networking.istio.io/v1\nkind: VirtualService",
)

UNUSED_KIND = Code(
    "LAT0105",
    Severity.INFO,
    title="Kind that is not used",
    message="{count} of kind {kind} ({api_version}) not used",
    why="A mesh is compiled from Istio's kinds, the Gateway API's, and the Kubernetes kinds that state services and "
    "workloads. Others may stand beside them and are only counted.",
    example="apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}",
    fix="Nothing has to be done, unless the kind is a typing mistake.",
)

MISSING_NAME = Code(
    "LAT0106",
    Severity.ERROR,
    title="Resource without a name",
    message="a {kind} without metadata.name",
    why="A resource is known by kind, namespace and name; kubectl apply refuses one without name.",
    example="apiVersion: v1\nkind: Service\nmetadata: {labels: {app: web}}",
    fix="apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web}}",
)

DUPLICATE_RESOURCE = Code(
    "LAT0107",
    Severity.ERROR,
    title="Resource given twice",
    message="{resource} is given twice, first at {first}",
    why="A cluster keeps the one that is applied last; without a cluster there is no last one.",
    example="Two documents of kind Service named `web` in namespace `default`.",
    fix="Remove one, or give it another name.",
)

UNKNOWN_FIELD = Code(
    "LAT0110",
    Severity.ERROR,
    title="Unknown field",
    message="unknown field {field}",
    why="Istio's webhook drops an unknown field silently, so that a timeout or a match that was misspelled just does "
    "not exist. With --no-strict this is a warning.",
    example="spec:\n  http:\n  - timeOut: 5s",
    fix="spec:\n  http:\n  - timeout: 5s",
)

WRONG_TYPE = Code(
    "LAT0111",
    Severity.ERROR,
    title="Wrong type",
    message="{field} must be {expected}, not {given}",
    why="The API server rejects the resource. YAML reads an unquoted `yes`, `on`, `1` or `1.0` as boolean or number.",
    example='weight: "90"',
    fix="weight: 90",
)

NOT_IN_ENUM = Code(
    "LAT0112",
    Severity.ERROR,
    title="Value that is none of those allowed",
    message="{field} is {given}; it must be one of {allowed}",
    why="The API server rejects the resource.",
    example="tls: {mode: MUTAL}",
    fix="tls: {mode: MUTUAL}",
)

OUT_OF_BOUNDS = Code(
    "LAT0113",
    Severity.ERROR,
    title="Number out of bounds",
    message="{field} is {given}; it must be {bounds}",
    why="The API server rejects the resource.",
    example="port: {number: 70000}",
    fix="port: {number: 7000}",
)

WRONG_SIZE = Code(
    "LAT0114",
    Severity.ERROR,
    title="Too short or too long",
    message="{field} has {given}; it must have {bounds}",
    why="The API server rejects the resource.",
    example="hosts: []",
    fix="hosts: [reviews]",
)

WRONG_FORM = Code(
    "LAT0115",
    Severity.ERROR,
    title="Text without the required form",
    message="{field} is {given}, which does not have the form {form}",
    why="The API server rejects the resource.",
    example="sha256: not-a-digest",
    fix="sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)

MISSING_FIELD = Code(
    "LAT0116",
    Severity.ERROR,
    title="Required field not given",
    message="{field} is required",
    why="The API server rejects the resource.",
    example="kind: ServiceEntry\nspec: {location: MESH_EXTERNAL}",
    fix="kind: ServiceEntry\nspec: {location: MESH_EXTERNAL, hosts: [api.example.com]}",
)

EXCLUSIVE_FIELDS = Code(
    "LAT0117",
    Severity.ERROR,
    title="Fields that exclude each other",
    message="{field} has {given}, of which at most one may be given",
    why="They are members of one choice; the API server rejects the resource.",
    example="uri: {exact: /a, prefix: /a}",
    fix="uri: {prefix: /a}",
)

DUPLICATE_ITEM = Code(
    "LAT0118",
    Severity.ERROR,
    title="List item given twice",
    message="{field} repeats {given}",
    why="Items of this list are known by that value, so it cannot occur twice; the API server rejects the resource.",
    example="ports:\n- {number: 80, name: http}\n- {number: 81, name: http}",
    fix="ports:\n- {number: 80, name: http}\n- {number: 81, name: http-admin}",
)

NOT_MESH_CONFIG = Code(
    "LAT0120",
    Severity.ERROR,
    title="MeshConfig is not a mapping",
    message="MeshConfig is a mapping, not {given}",
    why="No setting of it can be used.",
    example="- accessLogFile: /dev/stdout",
    fix="accessLogFile: /dev/stdout",
)
