import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packages } from '../../checks/workspace.mjs';
import { exportsOf } from '../src/declarations.mjs';
import { linkTypes, referenceOf } from '../src/reference.mjs';

const folder = mkdtempSync(join(tmpdir(), 'cmc-docs-'));
after(() => rmSync(folder, { recursive: true }));

function write(name, text) {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const SHAPE = `import { Base } from './base.ts';
/** How big it is,
 *  in metres. */
export interface Size {
    /** From left to right. */
    readonly width: number;
}
declare const LIMIT: 7;
/** Draws.
 * @throws {RangeError} too big
 */
export declare function draw(size: Size): void;
export declare function draw(size: Size, name: string): void;
export declare class Pen extends Base {
    #private;
    private secret;
    constructor(width: number);
}
export { LIMIT as MAX_WIDTH };
//# sourceMappingURL=shape.d.ts.map
`;

test('a declaration comes with its docstring, its overloads, and without its private members', () => {
  const names = exportsOf(write('shape.d.ts', SHAPE), () => undefined);
  assert.deepEqual(
    names.map(({ name, kind }) => `${kind} ${name}`),
    ['interface Size', 'function draw', 'class Pen', 'const MAX_WIDTH'],
  );
  assert.equal(names[0].doc, 'How big it is,\n in metres.');
  assert.match(names[0].code, /^interface Size \{\n {4}\/\*\* From left/);
  assert.equal(
    names[1].code,
    'function draw(size: Size): void;\nfunction draw(size: Size, name: string): void;',
  );
  assert.equal(names[2].code, 'class Pen extends Base {\n    constructor(width: number);\n}');
});

test('a barrel exports what its modules declare, also under another name and from another package', () => {
  const shape = write('shape.d.ts', SHAPE);
  const barrel = write(
    'index.d.ts',
    "export type { Size } from './shape.ts';\nexport { draw as paint } from '@x/shapes';\n",
  );
  const names = exportsOf(barrel, (module) => (module === '@x/shapes' ? shape : undefined));
  assert.deepEqual(
    names.map(({ name }) => name),
    ['Size', 'paint'],
  );
});

test('a name without a declaration is an error', () => {
  write('shape.d.ts', SHAPE);
  const barrel = write('broken.d.ts', "export { erase } from './shape.ts';\n");
  assert.throws(() => exportsOf(barrel, () => undefined), /no declaration of erase/);
});

test('a reference has tags as a list, and links to the types of its page', () => {
  const { markdown } = referenceOf({ module: 'x', file: write('tags.d.ts', SHAPE) });
  assert.match(markdown, /### draw\n\nDraws\.\n\n- Throws: `RangeError` too big\n\n```ts\n/);
  const html = linkTypes('function draw(size: Size<A>): void;', new Map([['Size', 'size']]));
  assert.equal(html, 'function draw(size: <a href="#size">Size</a>&lt;A&gt;): void;');
});

for (const name of ['@cmc/attested-tls', '@cmc/cmcd', '@cmc/provserver']) {
  test(`the reference of ${name} has every name that the module exports`, async () => {
    const { folder: place, manifest } = packages.find((entry) => entry.name === name);
    const file = new URL(`../../../${place}/${manifest.exports['.'].types}`, import.meta.url);
    const { names } = referenceOf({ module: name, file: file.pathname });
    for (const exported of Object.keys(await import(name))) assert.ok(names.includes(exported));
  });
}
