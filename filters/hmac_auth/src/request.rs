//! What a request carries: headers with all their values, and parameters of its query.

use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::Pairs;

use crate::encoding::percent_decoded;
use crate::reason::Fault;

/// A longer value is not read. Envoy's own limit for all headers is 60 KiB.
const LONGEST: usize = 8 * 1024;

/// The headers of a request.
pub struct Request<'a> {
    headers: &'a Pairs,
    /// Path and query as the client sent them.
    pub target: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request with these headers, pseudo-headers included.
    pub fn new(headers: &'a Pairs) -> Self {
        Self { headers, target: only(headers.values(":path")).unwrap_or_default() }
    }

    /// Every value of a header.
    pub fn values(&self, name: &str) -> Vec<&'a [u8]> {
        self.headers.values(name).collect()
    }

    /// The only value of a header.
    pub fn single(&self, name: &str) -> Result<&'a [u8], Fault> {
        only(self.headers.values(name))
    }

    /// The method; empty if there is none.
    pub fn method(&self) -> &'a [u8] {
        self.single(":method").unwrap_or_default()
    }

    /// The path without the query.
    pub fn path(&self) -> &'a [u8] {
        split(self.target, b'?').0
    }

    /// The query without its question mark.
    pub fn query(&self) -> &'a [u8] {
        split(self.target, b'?').1.unwrap_or_default()
    }

    /// The query without the parameter that carries the signature.
    pub fn query_without(&self, name: &str) -> Vec<u8> {
        let kept = self.query().split(|byte| *byte == b'&').filter(|pair| split(pair, b'=').0 != name.as_bytes());
        kept.collect::<Vec<_>>().join(&b'&')
    }
}

/// Where a request carries something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The only value of a header.
    Header(String),
    /// A parameter in the only value of a header of the form `t=1614265330,v1=5257a8`.
    Parameter(String, String),
    /// A parameter of the query.
    Query(String),
}

impl Source {
    /// The only value.
    pub fn read(&self, request: &Request) -> Result<Vec<u8>, Fault> {
        only(self.read_all(request)?.into_iter())
    }

    /// Every value; more than one only where the same parameter of one header says so.
    pub fn read_all(&self, request: &Request) -> Result<Vec<Vec<u8>>, Fault> {
        let found = match self {
            Self::Header(name) => vec![request.single(name)?.to_vec()],
            Self::Parameter(name, key) => {
                let pairs =
                    request.single(name)?.split(|byte| *byte == b',').map(|pair| split(pair.trim_ascii(), b'='));
                pairs
                    .filter(|(found, _)| *found == key.as_bytes())
                    .filter_map(|(_, value)| Some(value?.to_vec()))
                    .collect()
            }
            Self::Query(key) => {
                let pairs = request.query().split(|byte| *byte == b'&').map(|pair| split(pair, b'='));
                let values = pairs.filter(|(found, _)| *found == key.as_bytes()).map(|(_, value)| value);
                vec![percent_decoded(only(values)?.unwrap_or_default()).ok_or(Fault::Malformed)?]
            }
        };
        match found.iter().all(|value| !value.is_empty() && value.len() <= LONGEST) {
            true if found.is_empty() => Err(Fault::Missing),
            true => Ok(found),
            false => Err(Fault::Malformed),
        }
    }
}

fn only<T>(mut values: impl Iterator<Item = T>) -> Result<T, Fault> {
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Fault::Repeated),
        (None, _) => Err(Fault::Missing),
    }
}

/// What stands before and behind the first such sign.
pub fn split(text: &[u8], sign: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == sign);
    (parts.next().unwrap_or_default(), parts.next())
}

#[cfg(test)]
mod tests {
    use lateen_sdk::pairs::encode;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Pairs {
        Pairs::new(encode(pairs)).unwrap()
    }

    fn read(source: &Source, pairs: &[(&str, &str)]) -> Result<String, Fault> {
        let headers = headers(pairs);
        source.read(&Request::new(&headers)).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn a_header_counts_only_if_it_is_there_once() {
        let source = Source::Header("x-key".into());
        assert_eq!(read(&source, &[("x-key", "a")]), Ok("a".into()));
        assert_eq!(read(&source, &[("x-other", "a")]), Err(Fault::Missing));
        assert_eq!(read(&source, &[("x-key", "a"), ("x-key", "a")]), Err(Fault::Repeated));
        assert_eq!(read(&source, &[("x-key", "")]), Err(Fault::Malformed));
        assert_eq!(read(&source, &[("x-key", &"a".repeat(LONGEST + 1))]), Err(Fault::Malformed));
    }

    #[test]
    fn parameters_of_a_header_are_found_by_their_name() {
        let (t, v1) = (Source::Parameter("s".into(), "t".into()), Source::Parameter("s".into(), "v1".into()));
        let value = [("s", "t=1, v1=a=,v0=x,v1=b")];
        assert_eq!(read(&t, &value), Ok("1".into()));
        assert_eq!(read(&v1, &value), Err(Fault::Repeated));
        let headers = headers(&value);
        assert_eq!(v1.read_all(&Request::new(&headers)), Ok(vec![b"a=".to_vec(), b"b".to_vec()]));
        assert_eq!(read(&t, &[("s", "v1=a")]), Err(Fault::Missing));
        assert_eq!(read(&t, &[("s", "t")]), Err(Fault::Missing));
        assert_eq!(read(&t, &[("s", "t=1"), ("s", "t=1")]), Err(Fault::Repeated));
    }

    #[test]
    fn parameters_of_the_query_are_resolved() {
        let source = Source::Query("sig".into());
        assert_eq!(read(&source, &[(":path", "/p?a=1&sig=a%2Bb%3D&b")]), Ok("a+b=".into()));
        assert_eq!(read(&source, &[(":path", "/p?a=1")]), Err(Fault::Missing));
        assert_eq!(read(&source, &[(":path", "/sig=1")]), Err(Fault::Missing));
        assert_eq!(read(&source, &[(":path", "/p?sig=1&sig=2")]), Err(Fault::Repeated));
        assert_eq!(read(&source, &[(":path", "/p?sig")]), Err(Fault::Malformed));
        assert_eq!(read(&source, &[(":path", "/p?sig=%4")]), Err(Fault::Malformed));
    }

    #[test]
    fn the_query_is_signed_without_its_signature() {
        let headers = headers(&[(":path", "/p?a=1&sig=x&b=%20&sigh=y")]);
        let request = Request::new(&headers);
        assert_eq!(request.query_without("sig"), b"a=1&b=%20&sigh=y");
        assert_eq!(request.query(), b"a=1&sig=x&b=%20&sigh=y");
        assert_eq!(request.path(), b"/p");
    }
}
