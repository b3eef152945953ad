//! The operations of a GraphQL document, told by its tokens.
//!
//! Source: GraphQL specification, September 2025, sections 2.1 (tokens) and 2.2 (document). Of a valid document the
//! answer is exact; a document that is not valid runs nowhere, so it only has to end.

/// The operations that a document defines: the name of each, or none for one without.
///
/// Gives nothing for what cannot be an executable document.
pub fn operations(document: &str) -> Option<Vec<Option<&str>>> {
    let mut tokens = Tokens { rest: document };
    let mut found = Vec::new();
    while let Some(first) = tokens.next()? {
        let name = match first {
            Token::Open('{') => {
                found.push(None);
                tokens.skip_block()?;
                continue;
            }
            Token::Name("query" | "mutation" | "subscription") => true,
            Token::Name("fragment") => false,
            _ => return None,
        };
        let mut token = tokens.next()??;
        if name {
            found.push(match token {
                Token::Name(name) => Some(name),
                _ => None,
            });
        }
        loop {
            match token {
                Token::Open('{') => break,
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
    Name(&'a str),
    Open(char),
    Close,
    Other,
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token: `Some(None)` at the end, nothing for a text that does not end.
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        loop {
            let mut characters = self.rest.chars();
            let Some(first) = characters.next() else { return Some(None) };
            let behind = characters.as_str();
            match first {
                ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => self.rest = behind,
                '#' => self.rest = behind.find(['\n', '\r']).and_then(|end| behind.get(end..)).unwrap_or_default(),
                '"' => {
                    self.rest = behind_text(self.rest)?;
                    return Some(Some(Token::Other));
                }
                'A'..='Z' | 'a'..='z' | '_' => {
                    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let end = self.rest.find(|c| !part_of_name(c)).unwrap_or(self.rest.len());
                    let (name, behind) = self.rest.split_at(end);
                    self.rest = behind;
                    return Some(Some(Token::Name(name)));
                }
                _ => {
                    self.rest = behind;
                    return Some(Some(match first {
                        '{' | '(' | '[' => Token::Open(first),
                        '}' | ')' | ']' => Token::Close,
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

/// What stands behind the string or block string that `text` begins with.
fn behind_text(text: &str) -> Option<&str> {
    if let Some(mut rest) = text.strip_prefix("\"\"\"") {
        loop {
            let end = rest.find("\"\"\"")?;
            let (content, behind) = (rest.get(..end)?, rest.get(end + 3..)?);
            if !content.ends_with('\\') {
                return Some(behind);
            }
            rest = behind;
        }
    }
    let mut escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            '\n' | '\r' => return None,
            '"' if !escaped => return text.get(place + 1..),
            _ => escaped = character == '\\' && !escaped,
        }
    }
    None
}

#[cfg(test)]
#[path = "graphql_tests.rs"]
mod tests;
