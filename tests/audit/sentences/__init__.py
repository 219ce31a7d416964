"""Every kind of sentence that depends on data, a file for each part of the page; importing this registers them."""

from tests.audit.sentences import (
    answer as answer,
    behind as behind,
    causes as causes,
    costs as costs,
    head as head,
    how_sure as how_sure,
    notes as notes,
    pictures as pictures,
)  # fmt: skip
