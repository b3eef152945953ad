"""Wasm modules that a mesh names by URL: which bytes it has agreed to, and where those are kept on this machine."""

from lateen.modules.cache import Cache, default_folder
from lateen.modules.lock import FILE, Entry, Lock, lock_path
from lateen.modules.locked import Locked, Unavailable, fingerprint
from lateen.modules.module import Module, module_name

__all__ = [
    "FILE",
    "Cache",
    "Entry",
    "Lock",
    "Locked",
    "Module",
    "Unavailable",
    "default_folder",
    "fingerprint",
    "lock_path",
    "module_name",
]
