// Which pages the site has, and what stands in its navigation.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { packages, published, root } from '../../checks/workspace.mjs';
import { parseMarkdown } from './markdown.mjs';
import { entryPoints, idsOf, linkTypes, referenceOf } from './reference.mjs';

/**
 * All pages: `source` in the repository (of those that are made here, where it would be), `path` on the
 * site, `title`, `markdown`, and perhaps `code`, which renders its code blocks.
 */
export function readPages() {
  const references = published.flatMap(referencePages);
  const decisions = markdownFiles('docs/adr').map(documentPage);
  return [
    { title: 'Start', pages: [documentPage('README.md')] },
    { title: 'Guides', pages: guidePages() },
    { title: 'Background', pages: markdownFiles('docs').map(documentPage) },
    { title: 'Packages', pages: packages.filter(hasReadme).map(packagePage), folded: true },
    { title: 'API', pages: [indexPage(references), ...references], folded: true },
    { title: 'Decisions', pages: [decisionsPage(decisions), ...decisions], folded: true },
    { title: 'Project', pages: ['CONTRIBUTING.md', 'SECURITY.md'].map(documentPage) },
    {
      title: 'Examples',
      pages: readdirSync(`${root}examples`)
        .map((name) => `examples/${name}/README.md`)
        .filter((source) => existsSync(`${root}${source}`))
        .map(documentPage),
    },
  ];
}

/** Guides in the order of their overview, which has to name them all. */
function guidePages() {
  const overview = documentPage('docs/guides/README.md');
  const named = parseMarkdown(overview.markdown)
    .links.map((href) => posix.join('docs/guides', href))
    .filter((source) => posix.dirname(source) === 'docs/guides');
  const missing = markdownFiles('docs/guides').filter((source) => !named.includes(source));
  if (missing.length > 0) throw new Error(`${overview.source} does not name ${missing.join(', ')}`);
  return [overview, ...named.map(documentPage)];
}

function documentPage(source) {
  const markdown = readFileSync(`${root}${source}`, 'utf8');
  const title = parseMarkdown(markdown).headings.find(({ depth }) => depth === 1)?.title;
  if (title === undefined) throw new Error(`${source} has no heading of the first level`);
  return { source, path: pathOf(source), title, markdown };
}

/** A README and, for published packages, the way to its API reference. */
function packagePage(entry) {
  const page = documentPage(`${entry.folder}/README.md`);
  if (entry.manifest.private === true) return page;
  const links = entryPoints(entry).map(({ module, slug }) => `[${module}](${slug}.md)`);
  return { ...page, markdown: `${page.markdown}\n## API reference\n\n${links.join(' · ')}\n` };
}

function referencePages(entry) {
  return entryPoints(entry).map(({ module, slug, file }) => {
    const { names, markdown } = referenceOf({ module, file });
    const ids = idsOf(markdown);
    const source = `${entry.folder}/${slug}.md`;
    const code = (text) => linkTypes(text, ids);
    return { source, path: pathOf(source), title: module, markdown, names, ids, code };
  });
}

function indexPage(references) {
  const sections = references.map(({ title, source, names, ids }) => {
    const links = names.map((name) => `[${name}](${source}#${ids.get(name)})`);
    return `## ${title}\n\n${links.join(' · ')}`;
  });
  const markdown = `# API reference\n\nEvery exported name, by module.\n\n${sections.join('\n\n')}\n`;
  return { source: 'api.md', path: 'api.html', title: 'All names', markdown };
}

function decisionsPage(decisions) {
  const list = decisions.map(({ title, source }) => `- [${title}](${posix.basename(source)})`);
  const markdown = `# Decisions\n\nWhat was decided, and why.\n\n${list.join('\n')}\n`;
  return {
    source: 'docs/adr/README.md',
    path: 'docs/adr/index.html',
    title: 'All decisions',
    markdown,
  };
}

function markdownFiles(folder) {
  return readdirSync(`${root}${folder}`)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .map((name) => `${folder}/${name}`);
}

function hasReadme({ folder }) {
  return existsSync(`${root}${folder}/README.md`);
}

function pathOf(source) {
  return source.replace(/README\.md$/, 'index.md').replace(/\.md$/, '.html');
}
