// The frame of a page: head, navigation, table of contents. Works without scripts and without a server.
import { posix } from 'node:path';
import { escapeHtml, parseMarkdown } from './markdown.mjs';

const SITE = 'CMC for Node.js';
const MIN_CONTENTS = 3;

export function renderPage({ page, body, sections }) {
  const href = (path) => posix.relative(posix.dirname(page.path), path);
  const title = page.path === 'index.html' ? SITE : `${page.title} – ${SITE}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="${href('style.css')}">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header><a href="${href('index.html')}">${SITE}</a></header>
<nav class="site" aria-label="Site">
${sections.map((section) => renderSection(section, page, href)).join('\n')}
</nav>
<main id="content" tabindex="-1">
${renderContents(page.markdown)}${body}</main>
</body>
</html>
`;
}

function renderSection({ title, pages, folded = false }, current, href) {
  const here = pages.some(({ path }) => path === current.path);
  const items = pages.map(({ path, title: name }) => {
    const mark = path === current.path ? ' aria-current="page"' : '';
    return `<li><a href="${href(path)}"${mark}>${escapeHtml(name)}</a></li>`;
  });
  const open = here || !folded ? ' open' : '';
  return `<details${open}><summary>${title}</summary><ul>\n${items.join('\n')}\n</ul></details>`;
}

function renderContents(markdown) {
  const headings = parseMarkdown(markdown).headings.filter(({ depth }) => depth === 2);
  if (headings.length < MIN_CONTENTS) return '';
  const items = headings.map(
    ({ id, title }) => `<li><a href="#${id}">${escapeHtml(title)}</a></li>`,
  );
  return `<nav class="contents" aria-label="On this page"><ul>\n${items.join('\n')}\n</ul></nav>\n`;
}
