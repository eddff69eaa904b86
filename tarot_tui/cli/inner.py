"""The verbs inside a verb (``data build``, ``queue add`` …): one module each, declared in one table."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from types import ModuleType

from tarot_tui.cli import common
from tarot_tui.locale import _


class Inner:
    """Stands for the package ``package``, whose module for a verb is called like it, or as ``modules`` says.

    verbs: verb → what it does. default: the verb without one; None when one must be said. more: adds options that all
    of them have.
    """

    def __init__(
        self,
        package: str,
        verbs: Mapping[str, str],
        *,
        modules: Mapping[str, str] | None = None,
        default: str | None = None,
        more: Callable[[ArgumentParser], None] = lambda parser: None,
    ) -> None:
        self._package, self._verbs, self._modules = package, verbs, modules or {}
        self._default, self._more = default, more

    def arguments(self, parser: ArgumentParser) -> None:
        """Declare the inner verbs and their options."""
        inner = parser.add_subparsers(
            dest="what", required=self._default is None, metavar="|".join(self._verbs)
        )
        parser.set_defaults(what=self._default)
        for name, what in self._verbs.items():
            one = inner.add_parser(name, help=_(what), description=_(what))
            common(one, inner=True)
            self._more(one)
            self._module(name).arguments(one)

    def run(self, args: Namespace) -> int:
        """Do what the inner verb says."""
        return self._module(args.what).run(args)

    def _module(self, verb: str) -> ModuleType:
        return importlib.import_module(f"{self._package}.{self._modules.get(verb, verb)}")
