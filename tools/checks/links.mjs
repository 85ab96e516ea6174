// Every relative link leads somewhere: in the markdown files of the repository, and on the built site.
// A link that names an anchor leads to a heading that has it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseMarkdown } from '../docs/src/markdown.mjs';
import { report, root } from './workspace.mjs';

const SITE = 'tools/docs/dist';
const ELSEWHERE = /^(?:[a-z][a-z+.-]*:|\/\/)/i;
const documents = new Map();

const markdown = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(`${root}${file}`));
const pages = existsSync(`${root}${SITE}`)
  ? readdirSync(`${root}${SITE}`, { recursive: true })
      .filter((file) => file.endsWith('.html'))
      .map((file) => posix.join(SITE, file))
  : [];

const problems = [
  ...(pages.length === 0 ? [`${SITE} is not built`] : []),
  ...markdown.flatMap((file) => problemsOf(file, documentOf(file).links)),
  ...pages.flatMap((file) => [
    ...problemsOf(file, documentOf(file).links),
    ...problemsOfPage(file),
  ]),
];
report('links', problems);

function problemsOf(file, links) {
  return links
    .filter((href) => !ELSEWHERE.test(href))
    .flatMap((href) => {
      const [path, anchor] = decodeURI(href).split('#');
      const target = path === '' ? file : posix.join(posix.dirname(file), path);
      if (!existsSync(`${root}${target}`)) return [`${file}: there is no ${href}`];
      // A site has to work without a server, which is what makes a folder an index page.
      if (file.endsWith('.html') && target.endsWith('/')) return [`${file}: ${href} is a folder`];
      if (anchor === undefined || documentOf(target).ids.includes(anchor)) return [];
      return [`${file}: ${href} is no heading there`];
    });
}

/** What keeps a page from being read offline, or without a pointer or a screen. */
function problemsOfPage(file) {
  const text = readFileSync(`${root}${file}`, 'utf8');
  const { ids } = documentOf(file);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  return [
    ...twice.map((id) => `${file}: the id ${id} is there twice`),
    ...(/<script|<(?:link|img)\b[^>]*(?:href|src)="(?:https?:)?\/\//i.test(text)
      ? [`${file}: it loads something`]
      : []),
    ...(text.match(/<h1[ >]/g)?.length === 1 ? [] : [`${file}: it has not one h1`]),
  ];
}

/** Links and anchors of a markdown file or page; of another file, none. */
function documentOf(file) {
  let document = documents.get(file);
  if (document === undefined) {
    document = readDocument(file);
    documents.set(file, document);
  }
  return document;
}

function readDocument(file) {
  if (file.endsWith('.md')) {
    const { links, headings } = parseMarkdown(readFileSync(`${root}${file}`, 'utf8'));
    return { links, ids: headings.map(({ id }) => id) };
  }
  if (!file.endsWith('.html')) return { links: [], ids: [] };
  const text = readFileSync(`${root}${file}`, 'utf8');
  const all = (pattern) => [...text.matchAll(pattern)].map(([, value]) => value);
  return { links: all(/ (?:href|src)="([^"]*)"/g), ids: all(/ id="([^"]*)"/g) };
}
