"""The style sheet and the script of report.html: light and dark, readable on a phone, sortable tables."""

CSS = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --page: #ffffff; --line: #d1d9e0; --head: #f6f8fa;
  --link: #0969da; --warn: #fff8c5; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --page: #0d1117; --line: #3d444d;
  --head: #151b23; --link: #4493f8; --warn: #3a2f0b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1320px; padding: 1.25rem; color: var(--text); background: var(--page);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { line-height: 1.2; margin: .5rem 0 1rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
p, li { max-width: 92ch; } h1 + p { font-size: 1.06rem; }
a { color: var(--link); }
.figure { overflow-x: auto; margin: 1rem 0; }
img { max-width: 100%; height: auto; border-radius: 6px; background: #fff; }
.scroll { overflow-x: auto; margin: 1rem 0; max-height: 85vh; overflow-y: auto;
  border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .3rem .65rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; }
td.wrap { white-space: normal; min-width: 22ch; }
tr:last-child td { border-bottom: 0; }
thead th { position: sticky; top: 0; z-index: 2; background: var(--head); }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--page); z-index: 1; }
thead th:first-child { z-index: 3; background: var(--head); }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--link); }
th button::after { content: " ↕"; color: var(--soft); } th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
pre { overflow-x: auto; padding: .8rem; background: var(--head); border-radius: 6px; font-size: .85rem; }
code { font-size: .9em; background: var(--head); border-radius: 4px; padding: .1em .3em; } pre code { padding: 0; }
blockquote { margin: 1rem 0; padding: .3rem 1rem; background: var(--warn); border-left: 4px solid #bf8700; }
details { margin: 1rem 0; } summary { cursor: pointer; color: var(--link); }
@media (max-width: 640px) { body { padding: .8rem; font-size: 15px; } th, td { padding: .25rem .45rem; }
  th:first-child, td:first-child { min-width: 34vw; max-width: 42vw; white-space: normal; }
  .figure img { max-width: none; width: max(100%, 46rem); } }
@media print { .scroll { overflow: visible; max-height: none; } th button::after { content: none; } }
"""

JS = """
const key = cell => {
  const text = cell.textContent.trim().replace(/,/g, '').replace(/\\u2212/g, '-');
  const found = text.match(/^[+]?(-?\\d+(\\.\\d+)?)/);
  return found ? parseFloat(found[1]) : text;
};
const compare = (a, b) => {
  const numbers = (typeof a === 'number') - (typeof b === 'number');
  if (numbers) return -numbers;
  return typeof a === 'number' ? a - b : a.localeCompare(b, undefined, {numeric: true});
};
document.querySelectorAll('table').forEach(table => {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 3) return;
  table.querySelectorAll('thead th').forEach((head, column) => {
    const button = document.createElement('button');
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      table.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const rows = [...body.rows].map(row => [key(row.cells[column]), row]);
      rows.sort((a, b) => up ? compare(a[0], b[0]) : compare(b[0], a[0]));
      body.append(...rows.map(pair => pair[1]));
    });
  });
});
"""
