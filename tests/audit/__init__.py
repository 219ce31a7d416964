"""An audit of report pages by code that shares nothing with the code that writes them.

It reads report.md as a reader would, sentence by sentence and cell by cell, and computes every number and every verdict
again from records.csv (curves, values per image and environments from the records themselves), with numpy, scipy and
formulas of its own. Nothing of `archs`, `bench` or `reports` is imported but what makes the pages and loads the models.

Of pages with few labels one is read as a whole, of the others the section (`Facts.part`).

`page.py` takes a page apart, `facts.py` reads what it is made of, and what should stand there is computed in
`computing/`. `registry.py` holds each sentence to the pattern that it matches, `tables.py` each cell to its table,
`csv_files.py` the files beside the page; `mutations.py` changes words and digits, which must be noticed.

To add a sentence to a page:

- without data: a line of static_texts.txt, word for word;
- with data: a function in `sentences/` under `@sentence("Sizes run from {low} to {high} parameters.")`. It is given the
  facts, the texts found at the placeholders and where on the page they stand, and returns placeholder → the text that
  should be there, for all of them; it raises `Wrong` if the sentence may not be said at all. Words that depend on data
  (better, worse) are placeholders too.

A sentence that nothing matches is an error, and so is a placeholder for which nothing is returned.
"""
