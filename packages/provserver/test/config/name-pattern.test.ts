import { expect, test } from 'vitest';
import { isAllowedName, isExactName, isNamePattern } from '../../src/config/name-pattern.ts';

test.each([
  ['a.example', ['a.example'], true],
  ['A.Example', ['a.EXAMPLE'], true],
  ['a.example', ['b.example'], false],
  ['a.example', [], false],
  ['a.b.example', ['*.b.example'], true],
  ['a.b.example', ['*.example'], false],
  ['b.example', ['*.b.example'], false],
  ['.b.example', ['*.b.example'], false],
  ['xb.example', ['*.b.example'], false],
  ['*.b.example', ['*.b.example'], false],
  ['*.b.example', ['*'], true],
  ['anything', ['*'], true],
  ['1.2.3.4', ['*.2.3.4'], false],
  ['2001:DB8::0:1', ['2001:db8::1'], true],
  ['', ['a'], false],
] as const)('%s is allowed by %j: %s', (name, patterns, allowed) => {
  expect(isAllowedName(name, patterns)).toBe(allowed);
});

test('patterns are names, names below a suffix, {prover} and *', () => {
  for (const good of ['*', '{prover}', 'a.example', '*.example', '192.0.2.1', 'my device']) {
    expect(isNamePattern(good)).toBe(true);
  }
  for (const bad of ['', 'a.*', '**', '*x', '{other}', 'a/b', 'a\nb', 'a*b']) {
    expect(isNamePattern(bad)).toBe(false);
  }
});

test('what can be taken for a pattern is no exact name', () => {
  for (const text of ['*', '*.example', '{prover}', '', 'a\0', 'x'.repeat(254)]) {
    expect(isExactName(text)).toBe(false);
  }
  expect(isExactName('node-7.example')).toBe(true);
});
