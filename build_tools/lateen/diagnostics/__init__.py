"""What is wrong with an input, where, and how to mend it: values that every stage returns and only the CLI prints."""

from lateen.diagnostics.code import Code, find, registry
from lateen.diagnostics.finding import Diagnostic, MeshError, Origin, Severity
from lateen.diagnostics.redacted import Redacted

__all__ = ["Code", "Diagnostic", "MeshError", "Origin", "Redacted", "Severity", "find", "registry"]
