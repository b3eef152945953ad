//! Operations by method and path template: a trie of segments, read once and indexed by hash.
//!
//! The binary form is that of `lateen.filterkit.compilers.path_trie`. A literal segment is found at once, however many
//! stand beside it, so that a lookup costs the same with ten templates and with ten thousand.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

const VERSION: u8 = 1;

/// As deep as the compiler makes a trie; reading recurses so often.
const MAX_DEPTH: usize = 65;

/// Stands in place of a method at gRPC methods; no request can have it.
pub const GRPC: &str = "application/grpc";

/// A place in the trie.
#[derive(Default)]
struct Node {
    /// Numbers of a method and a name.
    operations: Vec<(u32, u32)>,
    /// Parts around parameters, most specific first, and where they lead.
    patterns: Vec<(Vec<Range<usize>>, u32)>,
    parameter: Option<u32>,
}

/// A literal segment of a node.
struct Edge {
    from: u32,
    text: Range<usize>,
    to: u32,
}

/// What a path and a method lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// The operation of this name.
    Operation(&'a str),
    /// A template, but not with this method.
    OtherMethod,
    /// No template.
    Nothing,
}

/// The table. `strict`: a slash at the end of a path makes it another one. `ignore_case`: letters are held small.
pub struct Table {
    bytes: Vec<u8>,
    methods: Vec<String>,
    names: Vec<String>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Numbers of edges, from one, by hash; zero is free. Half of them at most are taken.
    slots: Vec<u32>,
    strict: bool,
    ignore_case: bool,
}

impl Table {
    /// The table in `bytes`, or nothing if they are not in its form.
    pub fn read(bytes: Vec<u8>, strict: bool, ignore_case: bool) -> Option<Self> {
        let mut reader = Reader { bytes: &bytes, at: 0 };
        if reader.byte()? != VERSION {
            return None;
        }
        let (methods, names) = (reader.texts()?, reader.texts()?);
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        reader.node(&mut nodes, &mut edges, MAX_DEPTH)?;
        let known = |number: u32, among: &[String]| usize::try_from(number).is_ok_and(|number| number < among.len());
        let sound = |&(method, name): &(u32, u32)| known(method, &methods) && known(name, &names);
        if reader.at != bytes.len() || !nodes.iter().all(|node: &Node| node.operations.iter().all(sound)) {
            return None;
        }
        let mut table = Self { methods, names, nodes, edges, slots: Vec::new(), bytes, strict, ignore_case };
        table.slots = table.index()?;
        Some(table)
    }

    /// Where a method and a path (what stands before `?` and `#`) lead.
    ///
    /// From the left, a literal segment comes before a template, and of templates the one with the most text; the
    /// first template in that order that has the method is the one. HEAD is GET where it is not described itself.
    pub fn find(&self, method: &str, path: &str) -> Found<'_> {
        let Some(segments) = self.segments(path) else { return Found::Nothing };
        let number = |name: &str| self.methods.iter().position(|known| known == name);
        let wanted = [number(method), if method == "HEAD" { number("GET") } else { None }];
        let mut seen = false;
        match self.descend(0, &segments, wanted, &mut seen) {
            Some(name) => Found::Operation(name),
            None if seen => Found::OtherMethod,
            None => Found::Nothing,
        }
    }

    fn segments<'p>(&self, path: &'p str) -> Option<Vec<Cow<'p, [u8]>>> {
        let path = path.as_bytes().strip_prefix(b"/")?;
        let path =
            if self.strict { Some(path) } else { path.strip_suffix(b"/").or(Some(path).filter(|p| !p.is_empty())) };
        let canonical = |segment| canonical(segment, self.ignore_case);
        Some(path.map_or_else(Vec::new, |path| path.split(|byte| *byte == b'/').map(canonical).collect()))
    }

    fn descend(
        &self,
        at: u32,
        segments: &[Cow<'_, [u8]>],
        wanted: [Option<usize>; 2],
        seen: &mut bool,
    ) -> Option<&str> {
        let node = self.nodes.get(at as usize)?;
        let Some((segment, rest)) = segments.split_first() else {
            *seen |= !node.operations.is_empty();
            return self.operation(node, wanted);
        };
        if let Some(found) = self.literal(at, segment).and_then(|to| self.descend(to, rest, wanted, seen)) {
            return Some(found);
        }
        if segment.is_empty() || matches!(&**segment, b"." | b"..") {
            return None; // what a server takes away is no parameter's value
        }
        let patterns = node.patterns.iter().filter(|(parts, _)| self.fits(segment, parts));
        patterns.map(|&(_, to)| to).chain(node.parameter).find_map(|to| self.descend(to, rest, wanted, seen))
    }

    fn operation(&self, node: &Node, wanted: [Option<usize>; 2]) -> Option<&str> {
        wanted.into_iter().flatten().find_map(|method| {
            let &(_, name) = node.operations.iter().find(|(number, _)| *number as usize == method)?;
            self.names.get(name as usize).map(String::as_str)
        })
    }

    fn literal(&self, from: u32, segment: &[u8]) -> Option<u32> {
        let mut slot = hash(from, segment);
        loop {
            slot &= self.slots.len().checked_sub(1)?;
            let number = self.slots.get(slot)?.checked_sub(1)?;
            let edge = self.edges.get(number as usize)?;
            if edge.from == from && self.text(&edge.text) == segment {
                return Some(edge.to);
            }
            slot += 1;
        }
    }

    /// Whether the parts stand in a segment in their order, with something between each two.
    fn fits(&self, segment: &[u8], parts: &[Range<usize>]) -> bool {
        let [first, middle @ .., last] = parts else { return false };
        let inner = segment.strip_prefix(self.text(first)).and_then(|rest| rest.strip_suffix(self.text(last)));
        let Some(mut rest) = inner else { return false };
        for part in middle {
            let part = self.text(part);
            let found = rest.windows(part.len().max(1)).skip(1).position(|window| window == part);
            match found.and_then(|place| rest.get(place + 1 + part.len()..)) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        !rest.is_empty()
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    fn index(&self) -> Option<Vec<u32>> {
        let size = self.edges.len().checked_mul(2)?.max(1).checked_next_power_of_two()?;
        let mut slots = vec![0; size];
        for (number, edge) in (1..).zip(&self.edges) {
            let mut slot = hash(edge.from, self.text(&edge.text)) & (size - 1);
            while *slots.get(slot)? != 0 {
                slot = (slot + 1) & (size - 1);
            }
            *slots.get_mut(slot)? = number;
        }
        Some(slots)
    }
}

/// FNV-1a. What a client sends is only looked up, so it cannot make the table worse.
fn hash(from: u32, segment: &[u8]) -> usize {
    let bytes = from.to_le_bytes();
    let all = bytes.iter().chain(segment);
    all.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)) as usize
}

/// The form in which segments are compared: percent-decoded, and with small letters if case means nothing.
fn canonical(segment: &[u8], ignore_case: bool) -> Cow<'_, [u8]> {
    let decoded = decoded(segment);
    if ignore_case && decoded.iter().any(u8::is_ascii_uppercase) {
        return Cow::Owned(decoded.to_ascii_lowercase());
    }
    decoded
}

/// The bytes that a percent-encoded text stands for; a `%` without two digits behind it is itself.
pub fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let byte = match (first, behind) {
            (b'%', [high, low, after @ ..]) => {
                digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = byte.unwrap_or((*first, behind));
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn range(&mut self) -> Option<Range<usize>> {
        let size = self.number()? as usize;
        let range = self.at..self.at.checked_add(size)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.range().and_then(|range| self.utf8(range))).collect()
    }

    fn utf8(&self, range: Range<usize>) -> Option<String> {
        String::from_utf8(self.bytes.get(range)?.to_vec()).ok()
    }

    /// Reads a node and all behind it; gives its number.
    fn node(&mut self, nodes: &mut Vec<Node>, edges: &mut Vec<Edge>, depth: usize) -> Option<u32> {
        let depth = depth.checked_sub(1)?;
        let own = u32::try_from(nodes.len()).ok()?;
        nodes.push(Node::default());
        let mut node = Node::default();
        for _ in 0..self.number()? {
            node.operations.push((self.number()?, self.number()?));
        }
        for _ in 0..self.number()? {
            let text = self.range()?;
            let to = self.node(nodes, edges, depth)?;
            edges.push(Edge { from: own, text, to });
        }
        for _ in 0..self.number()? {
            let parts = (0..self.number()?).map(|_| self.range()).collect::<Option<Vec<_>>>()?;
            node.patterns.push((parts, self.node(nodes, edges, depth)?));
        }
        node.parameter = match self.byte()? {
            0 => None,
            _ => Some(self.node(nodes, edges, depth)?),
        };
        *nodes.get_mut(own as usize)? = node;
        Some(own)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
