//! A GraphQL request: how HTTP carries its document, its operation's name and the hash of a persisted query.
//!
//! Sources: GraphQL over HTTP (draft), the `persistedQuery` extension of Apollo's protocol, `documentId` of the draft's
//! appendix on persisted documents.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::graphql;
use crate::json::Reader;
use crate::table::decoded;

/// What a request says of the operation that it wants.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query {
    query: Option<String>,
    operation_name: Option<String>,
    document_id: Option<String>,
    sha256_hash: Option<String>,
}

/// Which operation a request wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one of this name, which the document defines.
    Named(&'a str),
    /// That of the persisted query with this hash.
    Persisted(&'a str),
    /// One without a name.
    Anonymous,
    /// None: a server refuses this too.
    Nothing,
}

impl Query {
    /// What a body of JSON says: one request. A key that is there twice is an error, as different servers would take
    /// different ones.
    pub fn of_json(body: &[u8]) -> Option<Self> {
        let (mut query, mut reader) = (Self::default(), Reader::new(core::str::from_utf8(body).ok()?));
        let mut extensions = None;
        reader.object(|reader, key| match key {
            "query" => once(&mut query.query, reader.optional(Reader::string)?),
            "operationName" => once(&mut query.operation_name, reader.optional(Reader::string)?),
            "documentId" => once(&mut query.document_id, reader.optional(Reader::string)?),
            "extensions" => once(&mut extensions, Some(reader.optional(hash)?)),
            _ => reader.skip(),
        })?;
        reader.end()?;
        query.sha256_hash = extensions.flatten().flatten();
        Some(query)
    }

    /// What a body that is a document says.
    pub fn of_document(body: &[u8]) -> Option<Self> {
        Some(Self { query: Some(core::str::from_utf8(body).ok()?.to_owned()), ..Self::default() })
    }

    /// What the parameters of a URL say; `extensions` holds JSON there. One that is there twice is an error.
    pub fn of_parameters(parameters: &str) -> Option<Self> {
        let (mut query, mut extensions) = (Self::default(), None);
        for pair in parameters.as_bytes().split(|byte| *byte == b'&') {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let (key, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let place = match &*decoded(key) {
                b"query" => &mut query.query,
                b"operationName" => &mut query.operation_name,
                b"documentId" => &mut query.document_id,
                b"extensions" => &mut extensions,
                _ => continue,
            };
            let spaced: Vec<_> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            let value = decoded(&spaced).into_owned();
            once(place, Some(String::from_utf8(value).ok()?))?;
        }
        if let Some(text) = extensions {
            let mut reader = Reader::new(&text);
            query.sha256_hash = hash(&mut reader)?;
            reader.end()?;
        }
        Some(query)
    }

    /// The operation. Where there is a document, it decides, and a hash beside it is not believed: a server that does
    /// not know of hashes would run the document.
    pub fn wanted(&self) -> Wanted<'_> {
        let chosen = self.operation_name.as_deref().filter(|name| !name.is_empty());
        if let Some(document) = self.query.as_deref().filter(|document| !document.is_empty()) {
            return match (graphql::operations(document), chosen) {
                (Some(names), Some(chosen)) => {
                    names.into_iter().flatten().find(|name| *name == chosen).map_or(Wanted::Nothing, Wanted::Named)
                }
                (Some(names), None) => match names.as_slice() {
                    [Some(name)] => Wanted::Named(name),
                    [None] => Wanted::Anonymous,
                    _ => Wanted::Nothing,
                },
                (None, _) => Wanted::Nothing,
            };
        }
        let id = self.document_id.as_deref().map(|id| id.strip_prefix("sha256:").unwrap_or(id));
        id.or(self.sha256_hash.as_deref()).map_or(Wanted::Nothing, Wanted::Persisted)
    }
}

/// Fills a place that is empty; `null` fills none.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    match (place.is_some(), value) {
        (_, None) => Some(()),
        (false, Some(value)) => {
            *place = Some(value);
            Some(())
        }
        (true, Some(_)) => None,
    }
}

/// The hash in `{"persistedQuery": {"sha256Hash": ...}}`.
fn hash(reader: &mut Reader<'_>) -> Option<Option<String>> {
    let mut hash = None;
    reader.object(|reader, key| match key {
        "persistedQuery" => reader
            .optional(|reader| {
                reader.object(|reader, key| match key {
                    "sha256Hash" => once(&mut hash, reader.optional(Reader::string)?),
                    _ => reader.skip(),
                })
            })
            .map(|_| ()),
        _ => reader.skip(),
    })?;
    Some(hash)
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
