//! The configuration, as `lateen.filterkit.compilers.operation_classifier` writes it.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Deserialize;

use crate::names::Names;
use crate::table::Table;

/// Form of the configuration that this module reads.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    version: u32,
    table: &'a str,
    unknown: String,
    strict: bool,
    ignore_case: bool,
    grpc: Option<GrpcForm>,
    graphql: Option<GraphqlForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrpcForm {
    limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphqlForm {
    paths: Vec<String>,
    max_body: usize,
    operations: Vec<String>,
    persisted: BTreeMap<String, String>,
    limit: usize,
}

/// What requests are held against.
pub struct Config {
    pub table: Table,
    /// The operation of requests that nothing names.
    pub unknown: String,
    /// gRPC methods beyond the table's; without it, gRPC is HTTP like any other.
    pub grpc: Option<Names>,
    pub graphql: Option<Graphql>,
}

/// Where GraphQL is spoken, and what is known of it.
pub struct Graphql {
    pub paths: Vec<String>,
    /// Bytes.
    pub max_body: usize,
    pub names: Names,
    /// Names by the hash of the query, in small hex digits.
    pub persisted: BTreeMap<String, String>,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let form: Form<'_> = serde_json::from_slice(text).map_err(|error| format!("configuration: {error}"))?;
        if form.version != VERSION {
            return Err(format!("configuration: version: {} is not {VERSION}", form.version));
        }
        let bytes = STANDARD.decode(form.table).map_err(|_| "configuration: table: it is not base64".to_owned())?;
        let table = Table::read(bytes, form.strict, form.ignore_case);
        Ok(Self {
            table: table.ok_or("configuration: table: it is not in the form of version 1")?,
            unknown: form.unknown,
            grpc: form.grpc.map(|grpc| Names::new([], grpc.limit)),
            graphql: form.graphql.map(|graphql| Graphql {
                paths: graphql.paths,
                max_body: graphql.max_body,
                names: Names::new(graphql.operations, graphql.limit),
                persisted: graphql.persisted,
            }),
        })
    }
}
