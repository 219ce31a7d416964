"""Arrays of several records that are put together, number by number: they must be of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from archs.errors import UserError
from bench.store.record import Record


def each_array(records: Iterable[Record], name: str) -> Iterator[tuple[Record, np.ndarray]]:
    """Yield the records that have an array of that name, each with it.

    Raises:
        UserError: one has another shape than the first.
    """
    first: tuple[str, tuple[int, ...]] | None = None
    for record in records:
        array = record.arrays(name).get(name)
        if array is None:
            continue
        first = first or (record.run_id, array.shape)
        if array.shape != first[1]:
            shapes = " and ".join(str(list(shape)) for shape in (array.shape, first[1]))
            raise UserError(f"runs {record.run_id} and {first[0]}: {name} has the shapes {shapes}; expected the same")
        yield record, array
