import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMarkdown, renderMarkdown } from '../src/markdown.mjs';

test('headings get the anchors that GitHub gives them', () => {
  const { headings } = parseMarkdown(
    '# `cmcd`: A & B\n\n## What it trusts, and what not\n\n## Käse_2\n\n## Käse_2\n',
  );
  assert.deepEqual(
    headings.map(({ id }) => id),
    ['cmcd-a--b', 'what-it-trusts-and-what-not', 'käse_2', 'käse_2-1'],
  );
});

test('links are found in text, tables and lists, not in code', () => {
  const { links } = parseMarkdown(
    '[a](a.md) `[b](b.md)`\n\n| x |\n|---|\n| [c](c.md#d) |\n\n- ![e](e.png)\n\n```\n[f](f.md)\n```\n',
  );
  assert.deepEqual(links, ['a.md', 'c.md#d', 'e.png']);
});

test('markup in a document is text', () => {
  assert.match(renderMarkdown('a <script>alert(1)</script> b'), /&lt;script&gt;/);
  assert.doesNotMatch(renderMarkdown('<div>\nx\n</div>'), /<div>/);
  assert.match(renderMarkdown('`<b>` [x](y"z.md)'), /&lt;b&gt;.*href="y&quot;z\.md"/);
});

test('what can be wider than the page can be reached with the keyboard', () => {
  const html = renderMarkdown('| a |\n|---|\n| b |\n\n```ts\nx < y\n```\n');
  assert.match(html, /<div class="wide" role="group" aria-label="Table" tabindex="0"><table>/);
  assert.match(html, /<pre tabindex="0"><code>x &lt; y<\/code><\/pre>/);
});

test('a link that leads nowhere on the site is text', () => {
  assert.equal(renderMarkdown('[a](b)', { link: () => undefined }), '<p>a</p>\n');
});
