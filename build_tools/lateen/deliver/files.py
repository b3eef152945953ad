"""Configuration as files: each appears whole or not at all."""

from lateen.identity.files import private_directory, write

__all__ = ["private_directory", "write"]
