//! The streams of a plugin, for callbacks that are not about one of them.

use crate::numbered::Numbered;
use crate::Host;

/// The host's number of a stream. The default names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub(crate) u32);

/// The plugin's streams that have not ended.
pub struct Streams<'a, S> {
    pub(crate) plugin: u32,
    pub(crate) streams: &'a mut Numbered<(u32, S)>,
}

impl<S> Streams<'_, S> {
    /// Call `visit` with the state of stream `id`; what it asks of the host is about that stream, as in a callback of
    /// the stream itself. Nothing happens if the stream has ended, is another plugin's, or the host does not know it.
    pub fn enter<H: Host, R>(&mut self, host: &H, id: StreamId, visit: impl FnOnce(&mut S) -> R) -> Option<R> {
        let (plugin, stream) = self.streams.get_mut(id.0)?;
        if *plugin != self.plugin {
            return None;
        }
        host.set_effective_context(id.0).ok()?;
        let result = visit(stream);
        // The host goes back by itself when the callback returns, and the plugin cannot end while it runs.
        let _ = host.set_effective_context(self.plugin);
        Some(result)
    }
}
