// The API reference of a package, as markdown: every exported name with its docstring.
import { existsSync } from 'node:fs';
import { packages, root } from '../../checks/workspace.mjs';
import { exportsOf } from './declarations.mjs';
import { escapeHtml, parseMarkdown } from './markdown.mjs';

const GROUPS = [
  { title: 'Functions', kinds: ['function'] },
  { title: 'Classes', kinds: ['class'] },
  { title: 'Constants', kinds: ['const', 'let'] },
  { title: 'Types', kinds: ['interface', 'type'] },
];
const TAGS = { throws: 'Throws', returns: 'Returns', param: 'Parameter', example: 'Example' };

/** The entry points of a package that have types: `{ module, slug, file }`. */
export function entryPoints({ name, folder, manifest }) {
  return Object.entries(manifest.exports)
    .filter(([, entry]) => entry.types !== undefined)
    .map(([subpath, { types }]) => ({
      module: `${name}${subpath.slice(1)}`,
      slug: subpath === '.' ? 'api' : `api-${subpath.slice(2).replaceAll('/', '-')}`,
      file: `${root}${folder}/${types.slice(2)}`,
    }));
}

/** What an entry point exports, and the markdown that says so. */
export function referenceOf({ module, file }) {
  const names = exportsOf(file, declarationFile);
  const groups = GROUPS.map(({ title, kinds }) => ({
    title,
    entries: names
      .filter(({ kind }) => kinds.includes(kind))
      .sort((a, b) => a.name.localeCompare(b.name, 'en')),
  })).filter(({ entries }) => entries.length > 0);
  const known = new Set(names.map(({ name }) => name));
  const markdown = [
    `# API of ${module}`,
    `\`import { … } from '${module}';\``,
    ...groups.flatMap(({ title, entries }) => [
      `## ${title}`,
      ...entries.flatMap(({ name, doc, code }) => [
        `### ${name}`,
        ...(doc === '' ? [] : [docMarkdown(doc, known)]),
        `\`\`\`ts\n${code}\n\`\`\``,
      ]),
    ]),
  ].join('\n\n');
  return { names: groups.flatMap(({ entries }) => entries.map(({ name }) => name)), markdown };
}

/** Ids of the names on a page, by name. */
export function idsOf(markdown) {
  const { headings } = parseMarkdown(markdown);
  return new Map(headings.filter(({ depth }) => depth === 3).map(({ title, id }) => [title, id]));
}

/** HTML of a declaration, in which the types of the same page are links. */
export function linkTypes(code, ids) {
  return escapeHtml(code).replace(/\b[A-Z]\w+\b/g, (name, offset, text) => {
    const id = ids.get(name);
    const declared = /(?:interface|type|class|const) $/.test(text.slice(0, offset));
    return id === undefined || declared ? name : `<a href="#${id}">${name}</a>`;
  });
}

function docMarkdown(doc, known) {
  const [description, ...tags] = doc
    .replace(/\{@link (\w+)\}/g, (_, name) =>
      known.has(name) ? `[\`${name}\`](#${name.toLowerCase()})` : `\`${name}\``,
    )
    .split(/^@/m);
  const list = tags.map((tag) => {
    const [, name, text] = /^(\w+)\s*([\s\S]*)$/.exec(tag);
    const title = TAGS[name] ?? name;
    if (name === 'example') return `${title}:\n\n${text.includes('```') ? text : fence(text)}`;
    return `- ${title}: ${text
      .trim()
      .replace(/^\{(.+?)\}/, '`$1`')
      .replace(/\s*\n\s*/g, ' ')}`;
  });
  return [description.trim(), list.join('\n')].filter((part) => part !== '').join('\n\n');
}

function fence(text) {
  return `\`\`\`ts\n${text.trim()}\n\`\`\``;
}

function declarationFile(module) {
  const entry = packages
    .filter(({ manifest }) => manifest.exports !== undefined)
    .flatMap(entryPoints)
    .find((candidate) => candidate.module === module);
  return entry !== undefined && existsSync(entry.file) ? entry.file : undefined;
}
