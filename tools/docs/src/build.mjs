// Builds the documentation site into dist/: static pages that need neither scripts nor a server.
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../checks/workspace.mjs';
import { renderMarkdown } from './markdown.mjs';
import { renderPage } from './page.mjs';
import { readPages } from './pages.mjs';

const site = fileURLToPath(new URL('../dist/', import.meta.url));

const sections = readPages();
const pages = sections.flatMap((section) => section.pages);
const pathOfSource = new Map(pages.map(({ source, path }) => [source, path]));

rmSync(site, { recursive: true, force: true });
put('style.css', (file) => copyFileSync(new URL('style.css', import.meta.url), file));
for (const page of pages) {
  const body = renderMarkdown(page.markdown, {
    link: (href) => linkOf(page, href),
    ...(page.code === undefined ? {} : { code: page.code }),
  });
  put(page.path, (file) => writeFileSync(file, renderPage({ page, body, sections })));
}
console.log(`docs: ${pages.length} pages in ${posix.relative(root, site)}`);

/**
 * Where a link of a document leads on the site. Files that are no pages are copied to it; folders
 * without a README are nothing to lead to.
 */
function linkOf(page, href) {
  if (/^(?:[a-z]+:|#)/.test(href)) return href;
  const [target, anchor] = href.split('#');
  const source = posix.join(posix.dirname(page.source), target).replace(/\/$/, '');
  const path = pathOfSource.get(source) ?? pathOfSource.get(`${source}/README.md`) ?? source;
  if (path === source) {
    const found = statSync(`${root}${source}`, { throwIfNoEntry: false });
    if (found === undefined) throw new Error(`${page.source}: there is no ${source}`);
    if (found.isDirectory()) return undefined;
    put(source, (file) => copyFileSync(`${root}${source}`, file));
  }
  const relative = posix.relative(posix.dirname(page.path), path);
  return anchor === undefined ? relative : `${relative}#${anchor}`;
}

function put(path, write) {
  mkdirSync(dirname(`${site}${path}`), { recursive: true });
  write(`${site}${path}`);
}
