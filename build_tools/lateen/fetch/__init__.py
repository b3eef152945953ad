"""Modules that a mesh names by URL, brought to this machine: into the cache, and by digest into `lateen.lock`."""

from lateen.fetch.stale import stale
from lateen.fetch.update import Change, Outcome, update

__all__ = ["Change", "Outcome", "stale", "update"]
