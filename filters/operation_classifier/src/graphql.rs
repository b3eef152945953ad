//! The operations of a GraphQL document, told by its tokens.
//!
//! Source: GraphQL specification, September 2025, sections 2.1 (tokens) and 2.2 (document). Of a valid document the
//! answer is exact; a document that is not valid runs nowhere, so it only has to end.

use alloc::vec::Vec;

/// The operations that a document defines: the name of each, or none for one without.
///
/// Gives nothing for what cannot be an executable document.
pub fn operations(document: &str) -> Option<Vec<Option<&str>>> {
    let mut tokens = Tokens { rest: document.as_bytes() };
    let mut found = Vec::new();
    while let Some(first) = tokens.next()? {
        let name = match first {
            Token::Open(b'{') => {
                found.push(None);
                tokens.skip_block()?;
                continue;
            }
            Token::Name(b"query" | b"mutation" | b"subscription") => true,
            Token::Name(b"fragment") => false,
            _ => return None,
        };
        let mut token = tokens.next()??;
        if name {
            found.push(match token {
                Token::Name(name) => core::str::from_utf8(name).ok(),
                _ => None,
            });
        }
        loop {
            match token {
                Token::Open(b'{') => break,
                Token::Open(_) => tokens.skip_block()?,
                Token::Close => return None,
                Token::Name(_) | Token::Other => {}
            }
            token = tokens.next()??;
        }
        tokens.skip_block()?;
    }
    (!found.is_empty()).then_some(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a [u8]),
    Open(u8),
    Close,
    Other,
}

/// Bytes, because all that tells tokens apart is ASCII: a character beyond it is as many other tokens as it has bytes.
struct Tokens<'a> {
    rest: &'a [u8],
}

/// Around a block string.
const BLOCK: &[u8] = b"\"\"\"";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<'a> Tokens<'a> {
    /// The next token: `Some(None)` at the end, nothing for a text that does not end.
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        loop {
            let Some((first, behind)) = self.rest.split_first() else { return Some(None) };
            match first {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => self.rest = behind,
                b'#' => self.rest = at(behind, |byte| matches!(byte, b'\n' | b'\r')).1,
                b'"' => {
                    self.rest = behind_text(self.rest)?;
                    return Some(Some(Token::Other));
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                    let (name, behind) = at(self.rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'_');
                    self.rest = behind;
                    return Some(Some(Token::Name(name)));
                }
                _ if self.rest.starts_with(BYTE_ORDER_MARK) => self.rest = self.rest.get(BYTE_ORDER_MARK.len()..)?,
                _ => {
                    self.rest = behind;
                    return Some(Some(match first {
                        b'{' | b'(' | b'[' => Token::Open(*first),
                        b'}' | b')' | b']' => Token::Close,
                        _ => Token::Other,
                    }));
                }
            }
        }
    }

    /// Go behind the bracket that closes the one that was read last.
    fn skip_block(&mut self) -> Option<()> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()?? {
                Token::Open(_) => depth = depth.checked_add(1)?,
                Token::Close => depth -= 1,
                Token::Name(_) | Token::Other => {}
            }
        }
        Some(())
    }
}

/// What stands before the first byte of a kind, and from there on.
fn at(text: &[u8], kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let place = text.iter().position(|byte| kind(*byte)).unwrap_or(text.len());
    text.split_at_checked(place).unwrap_or_default()
}

/// What stands behind the string or block string that `text` begins with.
fn behind_text(text: &[u8]) -> Option<&[u8]> {
    if let Some(mut rest) = text.strip_prefix(BLOCK) {
        loop {
            let end = rest.windows(BLOCK.len()).position(|window| window == BLOCK)?;
            let (content, behind) = (rest.get(..end)?, rest.get(end + BLOCK.len()..)?);
            if !content.ends_with(b"\\") {
                return Some(behind);
            }
            rest = behind;
        }
    }
    let mut escaped = false;
    for (place, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'\n' | b'\r' => return None,
            b'"' if !escaped => return text.get(place + 1..),
            _ => escaped = *byte == b'\\' && !escaped,
        }
    }
    None
}

#[cfg(test)]
#[path = "graphql_tests.rs"]
mod tests;
