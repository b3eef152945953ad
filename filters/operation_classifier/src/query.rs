//! A GraphQL request: how HTTP carries its document, its operation's name and the hash of a persisted query.
//!
//! Sources: GraphQL over HTTP (draft), the `persistedQuery` extension of Apollo's protocol, `documentId` of the draft's
//! appendix on persisted documents.

use std::borrow::Cow;

use serde::Deserialize;

use crate::graphql;
use crate::table::decoded;

/// What a request says of the operation that it wants.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Query<'a> {
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "operationName")]
    operation_name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "documentId")]
    document_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    extensions: Option<Extensions<'a>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Extensions<'a> {
    #[serde(borrow, rename = "persistedQuery")]
    persisted_query: Option<PersistedQuery<'a>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct PersistedQuery<'a> {
    #[serde(borrow, rename = "sha256Hash")]
    sha256_hash: Option<Cow<'a, str>>,
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

impl<'a> Query<'a> {
    /// What a body of JSON says: one request. A key that is there twice is an error, as different servers would take
    /// different ones.
    pub fn of_json(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// What a body that is a document says.
    pub fn of_document(body: &'a [u8]) -> Option<Self> {
        Some(Self { query: Some(Cow::Borrowed(std::str::from_utf8(body).ok()?)), ..Self::default() })
    }

    /// What the parameters of a URL say; `extensions` holds JSON there. One that is there twice is an error.
    pub fn of_parameters(parameters: &str) -> Option<Query<'static>> {
        let (mut query, mut name, mut document, mut extensions) = (None, None, None, None);
        for pair in parameters.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match &*decoded(key) {
                b"query" => &mut query,
                b"operationName" => &mut name,
                b"documentId" => &mut document,
                b"extensions" => &mut extensions,
                _ => continue,
            };
            let value = decoded(&value.replace('+', " ")).into_owned();
            if place.replace(String::from_utf8(value).ok()?).is_some() {
                return None;
            }
        }
        let hash = match extensions {
            Some(json) => serde_json::from_str::<Extensions<'_>>(&json).ok()?.into_hash(),
            None => None,
        };
        Some(Query {
            query: query.map(Cow::Owned),
            operation_name: name.map(Cow::Owned),
            document_id: document.map(Cow::Owned),
            extensions: Some(Extensions { persisted_query: Some(PersistedQuery { sha256_hash: hash.map(Cow::Owned) }) }),
        })
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
        let hash = self.extensions.as_ref().and_then(Extensions::hash);
        id.or(hash).map_or(Wanted::Nothing, Wanted::Persisted)
    }
}

impl Extensions<'_> {
    fn hash(&self) -> Option<&str> {
        self.persisted_query.as_ref()?.sha256_hash.as_deref()
    }

    fn into_hash(self) -> Option<String> {
        self.hash().map(str::to_owned)
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
