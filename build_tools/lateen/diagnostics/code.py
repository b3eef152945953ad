"""The registry of diagnostic codes: constructor, docs page, `explain-code` and tests all derive from it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from string import Formatter

from lateen.diagnostics.finding import Diagnostic, Origin, Severity


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of fault.

    `message` is a format string; `at()` demands exactly its fields. `why` says what goes wrong when it is
    ignored, `example` is input that causes it, `fix` the same input mended or what to do instead.
    `istio` names the equal code of `istioctl analyze`, or is empty.
    """

    code: str
    severity: Severity
    title: str
    message: str
    why: str
    example: str = ""
    fix: str = ""
    istio: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The names that `message` needs."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.message) if name)

    def at(
        self,
        origin: Origin,
        /,
        *,
        hint: str = "",
        related: tuple[Origin, ...] = (),
        severity: Severity | None = None,
        **args: object,
    ) -> Diagnostic:
        """A finding of this kind at `origin`.

        `severity` overrides the registered one (an unknown field is a warning when not strict).
        Raises TypeError if `args` are not exactly the fields of the message.
        """
        if args.keys() != self.fields:
            raise TypeError(f"{self.code} takes {sorted(self.fields)}, not {sorted(args)}")
        return Diagnostic(
            code=self.code,
            severity=self.severity if severity is None else severity,
            message=self.message.format(**args),
            origin=origin,
            related=related,
            hint=hint,
            istio=self.istio,
        )


@cache
def registry() -> dict[str, Code]:
    """Every code by its number, sorted; the modules of `lateen.diagnostics.codes` are the source.

    Raises ValueError if two modules claim one number.
    """
    package = importlib.import_module("lateen.diagnostics.codes")
    found: dict[str, Code] = {}
    for module in pkgutil.iter_modules(package.__path__):
        names = vars(importlib.import_module(f"lateen.diagnostics.codes.{module.name}"))
        for code in names.values():
            if isinstance(code, Code):
                if code.code in found:
                    raise ValueError(f"{code.code} is registered twice")
                found[code.code] = code
    return dict(sorted(found.items()))


def find(code: str) -> Code | None:
    """The code of that number, in any case (`lat0101`), or None."""
    return registry().get(code.upper())
