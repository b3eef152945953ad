//! The configuration, as `lateen.filterkit.compilers.operation_classifier` writes it.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use crate::json::Reader;
use crate::names::{Names, Sorted};
use crate::table::Table;

/// Form of the configuration that this module reads.
const VERSION: usize = 1;

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
#[derive(Default)]
pub struct Graphql {
    pub paths: Vec<String>,
    /// Bytes.
    pub max_body: usize,
    pub names: Names,
    /// Names by the hash of the query, in small hex digits.
    pub persisted: Sorted<String>,
}

#[derive(Default)]
struct Form {
    version: Option<usize>,
    table: Option<String>,
    unknown: Option<String>,
    strict: bool,
    ignore_case: bool,
    grpc: Option<Names>,
    graphql: Option<Graphql>,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let form = Form::read(text)?;
        match form.version {
            Some(VERSION) => {}
            Some(other) => {
                let [found, read] = [other, VERSION].map(|version| version.to_string());
                return Err(["configuration: version: ", &found, " is not ", &read].concat());
            }
            None => return Err("configuration: version is missing".into()),
        }
        let table = form.table.ok_or("configuration: table is missing")?;
        let bytes = Base64::decode_vec(&table).map_err(|_| "configuration: table: it is not base64")?;
        let table = Table::read(bytes, form.strict, form.ignore_case);
        Ok(Self {
            table: table.ok_or("configuration: table: it is not in the form of version 1")?,
            unknown: form.unknown.ok_or("configuration: unknown is missing")?,
            grpc: form.grpc,
            graphql: form.graphql,
        })
    }
}

impl Form {
    fn read(text: &[u8]) -> Result<Self, String> {
        let text = core::str::from_utf8(text).map_err(|_| "configuration: it is not UTF-8")?;
        let (mut form, mut reader) = (Self::default(), Reader::new(text));
        let mut place = String::new();
        let read = reader.object(|reader, key| {
            place = key.to_owned();
            match key {
                "version" => form.version = Some(reader.number()?),
                "table" => form.table = Some(reader.string()?),
                "unknown" => form.unknown = Some(reader.string()?),
                "strict" => form.strict = reader.boolean()?,
                "ignore_case" => form.ignore_case = reader.boolean()?,
                "grpc" => form.grpc = Some(grpc(reader)?),
                "graphql" => form.graphql = Some(graphql(reader)?),
                _ => return None,
            }
            Some(())
        });
        read.and_then(|()| reader.end()).map(|()| form).ok_or_else(|| {
            let version = VERSION.to_string();
            ["configuration: ", &place, ": it is not in the form of version ", &version].concat()
        })
    }
}

fn grpc(reader: &mut Reader<'_>) -> Option<Names> {
    let mut limit = 0;
    reader.object(|reader, key| match key {
        "limit" => reader.number().map(|number| limit = number),
        _ => None,
    })?;
    Some(Names::new(Sorted::default(), limit))
}

fn graphql(reader: &mut Reader<'_>) -> Option<Graphql> {
    let (mut graphql, mut operations, mut limit) = (Graphql::default(), Sorted::default(), 0);
    reader.object(|reader, key| {
        match key {
            "paths" => reader.array(|reader| reader.string().map(|path| graphql.paths.push(path)))?,
            "max_body" => graphql.max_body = reader.number()?,
            "operations" => reader.array(|reader| reader.string().map(|name| operations.insert(name, ())))?,
            "persisted" => reader.object(|reader, hash| {
                graphql.persisted.insert(hash.to_owned(), reader.string()?);
                Some(())
            })?,
            "limit" => limit = reader.number()?,
            _ => return None,
        }
        Some(())
    })?;
    graphql.names = Names::new(operations, limit);
    Some(graphql)
}
