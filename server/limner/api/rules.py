"""Addresses of the API that cost nothing until one of them is asked to write itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from werkzeug.routing import Rule


class LazyRule(Rule):
    """A rule that compiles its builders when an address is first built from it.

    werkzeug generates, parses and compiles two functions for each rule as soon as it is added, which took a third of
    the time of putting the application together; addresses are built from hardly any of the rules.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(lambda: super(LazyRule, self)._compile_builder(append_unknown))

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            return compiled()(rule, **values)

        return build
