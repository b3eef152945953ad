"""LAT068x: files that a filter's configuration is compiled from; quotas."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

FILE_UNREADABLE = Code(
    "LAT0680",
    Severity.ERROR,
    "Filter configuration names a file that cannot be read",
    "{problem}",
    "What the file should say is missing from the filter's configuration: its operations are unknown to the proxy.",
    example="pluginConfig: {openapi: {file: apis/order.yaml}}   # the file is apis/orders.yaml",
    fix="pluginConfig: {openapi: {file: apis/orders.yaml}}   # relative to the file that says so; 32 MiB at most",
)
BAD_OPENAPI = Code(
    "LAT0681",
    Severity.ERROR,
    "OpenAPI document is not understood",
    "{problem}",
    "The operations of that part are unknown to the proxy; what is understood is in force.",
    example="paths:\n  orders/{id}: {get: {operationId: getOrder}}",
    fix="paths:\n  /orders/{id}: {get: {operationId: getOrder}}",
)
AMBIGUOUS_OPERATION = Code(
    "LAT0682",
    Severity.ERROR,
    "Operations cannot be told apart",
    "{problem}",
    "Metrics and policy would get the name of one for requests that mean the other.",
    example="/orders/{id}: {get: {operationId: byId}}\n/orders/{name}: {get: {operationId: byName}}",
    fix="/orders/{id}: {get: {operationId: byId}}\n/orders/named/{name}: {get: {operationId: byName}}",
)
OPERATION_LIMIT = Code(
    "LAT0683",
    Severity.ERROR,
    "Operations are beyond a limit",
    "{problem}",
    "Each operation is a value of a label, and each worker of each proxy holds the table of all of them.",
    example="an operationId of 300 bytes",
    fix="an operationId of 200 bytes at most; names: template; fewer documents in one filter",
)
QUOTA_CONTRADICTION = Code(
    "LAT0685",
    Severity.ERROR,
    "Limit of a quota contradicts itself or another",
    "{problem}",
    "The limit is left out: what it should bound is not bounded.",
    example="key: [tenant, operation]\noverrides: [{values: [acme], requests: 5}]",
    fix="key: [tenant, operation]\noverrides: [{values: [acme, cancelOrder], requests: 5}]",
)
