"""What template tests share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from a2pcli.content.templates import (
    Expression,
    MessageTemplate,
    Rendered,
    SourcePlace,
    compile_expression,
    compile_template,
)
from a2pcli.errors import InvalidInput
from a2pcli.frame import Frame

PLACE = SourcePlace("spring.yaml", 10, 3, 2)
KNOWN = ("first_name", "plan", "points", "amount", "due", "order_id", "tags")


def template(source: str, known: Collection[str] | None = KNOWN, **options: Any) -> MessageTemplate:
    """A compiled template that stands on line 10 of spring.yaml, indented by 2."""
    return compile_template(source, where=PLACE, known=known, **options)


def expression(source: str, known: Collection[str] | None = KNOWN) -> Expression:
    return compile_expression(source, where=PLACE, known=known)


def render(source: str, locale: str = "en_GB", folder: Path | None = None, **values: str) -> str:
    return template(source, locale=locale, folder=folder).render(values)


def frame(**columns: Sequence[str | None]) -> Frame:
    return Frame({name: pa.array(list(cells), pa.string()) for name, cells in columns.items()})


def rows(rendered: Rendered) -> list[tuple[str | None, str | None, str | None]]:
    return list(
        zip(
            rendered.bodies.to_pylist(),
            rendered.reasons.to_pylist(),
            rendered.details.to_pylist(),
            strict=True,
        )
    )


def problems(source: str, known: Collection[str] | None = KNOWN, **options: Any) -> list[str]:
    """What compiling raises, line by line."""
    with pytest.raises(InvalidInput) as caught:
        template(source, known, **options)
    return [str(problem) for problem in caught.value.problems]
