"""The Jinja environment of messages: sandboxed, strict, and bounded in time and memory.

What may be reached is listed, not what may not: filters, functions, attributes and methods. Nothing in a
template is evaluated outside of this environment, no module is imported, and no file is opened while rendering.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, Environment, Template, TemplateNotFound, Undefined, nodes
from jinja2.environment import TemplateModule
from jinja2.lexer import TokenStream
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context

from a2pcli.content import arithmetic, bounded
from a2pcli.content.bounded import (
    MOST_CHARACTERS,
    MOST_LONG_CHARACTERS,
    MOST_LONG_WRITTEN,
    MOST_WRITTEN,
    Budget,
    flat,
)
from a2pcli.content.comparisons import ORDERS, SAME, comparable
from a2pcli.content.failures import Absent, Unsuitable, needed
from a2pcli.content.filters import filters_for
from a2pcli.content.filters_text import cased
from a2pcli.content.instrument import EACH, ESCAPE, FLAT, JOIN, MARKUP, PRINT, SPEND, WRITE
from a2pcli.content.markup import MARKUPS
from a2pcli.content.tag_lines import without_tag_lines

TEXT_METHODS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(str, name)
        for name in [
            "capitalize",
            "casefold",
            "count",
            "endswith",
            "find",
            "index",
            "isalnum",
            "isalpha",
            "isascii",
            "isdecimal",
            "isdigit",
            "islower",
            "isnumeric",
            "isspace",
            "istitle",
            "isupper",
            "lower",
            "lstrip",
            "partition",
            "removeprefix",
            "removesuffix",
            "rfind",
            "rindex",
            "rpartition",
            "rsplit",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "strip",
            "swapcase",
            "title",
            "upper",
        ]
    },
    "center": bounded.center,
    "join": bounded.join_items,
    "ljust": bounded.ljust,
    "replace": bounded.replace,
    "rjust": bounded.rjust,
    "zfill": bounded.zfill,
}
DICT_METHODS = frozenset({"get", "items", "keys", "values"})
LIST_METHODS = frozenset({"count", "index"})
LOOP_ATTRIBUTES = frozenset(
    [
        "changed",
        "cycle",
        "depth",
        "depth0",
        "first",
        "index",
        "index0",
        "last",
        "length",
        "nextitem",
        "previtem",
        "revindex",
        "revindex0",
    ]
)
ATTRIBUTES = TEXT_METHODS.keys() | DICT_METHODS | LIST_METHODS | LOOP_ATTRIBUTES
"""Every attribute that some value has; names of namespaces, mappings and imported files come on top."""

TESTS = [
    "boolean",
    "defined",
    "divisibleby",
    "even",
    "false",
    "float",
    "in",
    "integer",
    "iterable",
    "lower",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
]

FUNCTIONS = frozenset({"namespace", "range"})


class _Modules(BaseLoader):
    """Imported files, from memory: rendering reads nothing."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[nodes.Node]] = {}

    def load(
        self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> Template:
        if name not in self.bodies:
            raise TemplateNotFound(name)
        tree = nodes.Template(self.bodies[name], lineno=1)
        tree.set_environment(environment)
        code = environment.compile(tree, name=name)
        return environment.template_class.from_code(environment, code, globals or {})


@lru_cache(maxsize=256)
def _compiled(source: str, filename: str) -> CodeType:
    """A template's Python code, compiled. A campaign's texts are compiled to check them, and again to plan."""
    return compile(source, filename, "exec")


class Sandbox(ImmutableSandboxedEnvironment):
    """One environment for each compiled template: its budget is the row's at hand."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(
        self, locale: str, *, selecting: bool = False, long: bool = False, markup: str | None = None
    ) -> None:
        """``selecting``: for ``where:``, whose numbers are strict and whose empty cells compare false. ``long``: for
        the texts of emails. ``markup``: what the text is written in (``markup.MARKUPS``), for which whatever is printed
        is escaped (``instrument`` sees to it)."""
        self._modules = _Modules()
        super().__init__(undefined=Absent, autoescape=False, auto_reload=False, loader=self._modules)
        self.markup = markup
        self._written_in = MARKUPS[markup or "html"]
        self.most_characters = MOST_LONG_CHARACTERS if long else MOST_CHARACTERS
        self.budget = Budget(MOST_LONG_WRITTEN if long else MOST_WRITTEN)
        self._cased = cased(locale)
        self.filters = filters_for(locale, self.budget, selecting=selecting) | self._own_filters()
        if markup is not None:
            self.filters |= self._written_in.filters
        self.selecting = selecting
        self.tests = {name: self.tests[name] for name in TESTS}
        self.globals = {"range": bounded.range_of, "namespace": Namespace}

    def _own_filters(self) -> dict[str, Callable[..., Any]]:
        """What ``instrument`` puts into templates. Their names cannot be typed. Those that count take the context,
        which keeps Jinja from working them out at compile time."""
        budget = self.budget

        @pass_context
        def spend(context: Context, steps: int) -> None:
            budget.spend(steps)

        @pass_context
        def write(context: Context, value: Any) -> str:
            text = bounded.to_text(value)
            budget.write(len(text))
            return text

        return {
            **ORDERS,
            SAME: comparable,
            SPEND: spend,
            WRITE: write,
            EACH: budget.each,
            PRINT: bounded.to_text,
            JOIN: bounded.join_texts,
            FLAT: flat,
            ESCAPE: self._written_in.escaped,
            MARKUP: self._written_in.marked,
        }

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        tokens = without_tag_lines(self.lexer.tokeniter(source, name, filename, state))
        return TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)

    def _compile(self, source: str, filename: str) -> CodeType:
        return _compiled(source, filename)

    def add_module(self, name: str, body: list[nodes.Node]) -> None:
        """A file that templates may import, already checked and counted."""
        self._modules.bodies[name] = body

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute a value may be asked for; anything else is undefined, whatever Python has."""
        if isinstance(obj, Undefined):
            return needed(obj)
        if isinstance(obj, str) and attribute in TEXT_METHODS:
            work = self._cased.get(attribute)
            return partial(work, obj) if work else TEXT_METHODS[attribute].__get__(obj)
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            if attribute in DICT_METHODS:
                return getattr(obj, attribute)
        elif isinstance(obj, (list, tuple)):
            if attribute in LIST_METHODS:
                return getattr(obj, attribute)
            if isinstance(obj, tuple) and attribute in getattr(obj, "_fields", ()):
                return getattr(obj, attribute)  # what groupby gives: grouper, list
        elif isinstance(obj, LoopContext):
            if attribute in LOOP_ATTRIBUTES:
                return getattr(obj, attribute)
        elif not attribute.startswith("_") and isinstance(obj, (Namespace, TemplateModule)):
            return getattr(obj, attribute, self._nothing(obj, attribute))
        return self._nothing(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``value[…]``: of texts, lists and mappings only."""
        needed(obj)
        needed(argument)
        if isinstance(obj, (str, list, tuple, dict, range)):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return self._nothing(obj, argument)

    def _nothing(self, obj: Any, name: Any) -> Undefined:
        what = f"'{name}'" if isinstance(name, str) else f"element {bounded.to_text(name)}"
        return self.undefined(hint=f"{bounded.kind_of(obj)} has no {what}", obj=obj, name=str(name))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic whose result is bounded before it is worked out."""
        return arithmetic.OPERATORS[operator](needed(left), needed(right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A call, counted. What can be reached is listed above, so what can be called is harmless."""
        __self.budget.spend(1)
        if not callable(needed(__obj)):
            raise Unsuitable(f"{bounded.kind_of(__obj)} cannot be called")
        result = __context.call(__obj, *args, **kwargs)
        # What a macro printed is escaped already.
        return __self._written_in.marked(result) if __self.markup and isinstance(__obj, Macro) else result
