// What a package exports, read from the text of its declaration files as tsc writes them: statements
// start in the first column, with their docstring right before them.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const START = /^(?![\s})\]>]|\*\/)/;
const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(const|let|function|class|interface|type) ([\w$]+)/;
const LIST = /^(?:export|import)( type)? \{([\s\S]*?)\}(?: from ['"](.+?)['"])?;/;

/**
 * The names that a declaration file exports, in its order: `{ name, kind, doc, code }`, where `code`
 * has all overloads. `resolve(module)` gives the declaration file of another package, or undefined.
 */
export function exportsOf(file, resolve) {
  const { statements, lists } = readModule(file);
  const own = statements
    .filter(({ text }) => text.startsWith('export '))
    .map((statement) => statement.name);
  const listed = lists
    .filter(({ text }) => text.startsWith('export'))
    .flatMap(({ names, module }) => names.map((entry) => ({ ...entry, module })));
  return [
    ...[...new Set(own)].map((name) => declarationOf(file, name, resolve)),
    ...listed.map(({ name, alias, module }) => ({
      ...declarationOf(module === undefined ? file : target(file, module, resolve), name, resolve),
      name: alias,
    })),
  ];
}

function declarationOf(file, name, resolve) {
  const { statements, lists } = readModule(file);
  const found = statements.filter((statement) => statement.name === name);
  if (found.length > 0) return merge(name, found);
  for (const { names, module } of lists) {
    const entry = names.find(({ alias }) => alias === name);
    if (entry === undefined || module === undefined) continue;
    return declarationOf(target(file, module, resolve), entry.name, resolve);
  }
  throw new Error(`${file}: no declaration of ${name}`);
}

function merge(name, statements) {
  return {
    name,
    kind: statements[0].kind,
    doc: statements.map(({ doc }) => doc).find((doc) => doc !== '') ?? '',
    code: statements.map(({ text }) => withoutPrivate(text)).join('\n'),
  };
}

/** The public face of a declaration: no `export declare`, no private members. */
function withoutPrivate(text) {
  return text
    .replace(/^export /, '')
    .replace(/^declare /, '')
    .replace(/^ +(?:#private;|private .*;)\n/gm, '');
}

function target(file, module, resolve) {
  if (module.startsWith('.')) return join(dirname(file), module.replace(/\.ts$/, '.d.ts'));
  const found = resolve(module);
  if (found === undefined) throw new Error(`${file}: nothing is known of ${module}`);
  return found;
}

const cache = new Map();

function readModule(file) {
  let module = cache.get(file);
  if (module === undefined) {
    module = parseModule(readFileSync(file, 'utf8'));
    cache.set(file, module);
  }
  return module;
}

/** Declarations, and lists of imports and exports, of the text of a declaration file. */
export function parseModule(text) {
  const statements = [];
  const lists = [];
  let doc = '';
  for (const chunk of chunksOf(text)) {
    if (chunk.startsWith('/**')) {
      doc = docText(chunk);
      continue;
    }
    const declaration = DECLARATION.exec(chunk);
    const list = LIST.exec(chunk);
    if (declaration !== null) {
      const [, kind, name] = declaration;
      statements.push({ name, kind, doc, text: chunk.trimEnd() });
    } else if (list !== null) {
      lists.push({ text: chunk, names: namesOf(list[2]), module: list[3] });
    }
    doc = '';
  }
  return { statements, lists };
}

function chunksOf(text) {
  const chunks = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('//')) continue;
    const starts = START.test(line) && line !== '';
    if (starts || chunks.length === 0) chunks.push(`${line}\n`);
    else chunks[chunks.length - 1] += `${line}\n`;
  }
  return chunks;
}

function namesOf(list) {
  return list
    .split(',')
    .map((entry) => entry.trim().replace(/^type /, ''))
    .filter((entry) => entry !== '')
    .map((entry) => entry.split(' as '))
    .map(([name, alias = name]) => ({ name, alias }));
}

function docText(comment) {
  return comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/\s*$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}
