import { describe, expect, test } from 'vitest';
import type { SpecDifference } from '../../src/oci/index.ts';
import { canonicalSpec, compareOciSpec, labelOpenEnv, redactEnv } from '../../src/oci/index.ts';
import { asJsonObject, ociVectors } from './vectors.ts';

const base = {
  ociVersion: '1.2.0',
  process: {
    args: ['/bin/app'],
    env: ['A=1', 'B=2'],
    cwd: '/',
    rlimits: [
      { type: 'RLIMIT_NOFILE', hard: 1024, soft: 512 },
      { type: 'RLIMIT_CORE', hard: 0, soft: 0 },
    ],
  },
  linux: { cgroupsPath: '/a' },
};

function compare(change: (spec: typeof base) => void, rules?: unknown): SpecDifference | undefined {
  const measured = structuredClone(base);
  change(measured);
  return compareOciSpec({
    reference: canonicalSpec(asJsonObject(base)).spec,
    measured: canonicalSpec(asJsonObject(measured)).spec,
    ...(rules === undefined ? {} : { rules: asJsonObject(rules) }),
  });
}

describe('compareOciSpec', () => {
  test.each(ociVectors.rules)(
    'judges "$name" as the reference does: $accepted',
    ({ reference, measured, rules, accepted }) => {
      const difference = compareOciSpec({
        reference: canonicalSpec(asJsonObject(reference)).spec,
        measured: canonicalSpec(asJsonObject(measured)).spec,
        rules: asJsonObject(rules),
      });
      expect(difference === undefined, JSON.stringify(difference)).toBe(accepted);
    },
  );

  test('says where the first difference is', () => {
    expect(compare((spec) => (spec.process.cwd = '/x'))).toEqual({
      path: ['process'],
      reason: 'differs from the reference',
    });
    expect(compare((spec) => (spec.process.cwd = '/x'), { process: {} })).toEqual({
      path: ['process', 'cwd'],
      reason: 'differs from the reference',
    });
  });

  test('never tells values, which may be secrets', () => {
    const difference = compare((spec) => spec.process.env.push('PASSWORD=secret'), {
      process: { env: 'replace:A=*' },
    });
    expect(difference?.path).toEqual(['process', 'env']);
    expect(JSON.stringify(difference)).not.toMatch(/secret|PASSWORD/);
  });

  test('refuses rules of an array that are neither objects nor known rules', () => {
    const rules = (rule: unknown): unknown => ({ process: { rlimits: [rule, {}] } });
    const change = (spec: typeof base): void => {
      spec.process.rlimits[0] = { type: 'RLIMIT_NOFILE', hard: 9, soft: 9 };
    };
    for (const rule of [null, 5, true, 'whatever', 'additional']) {
      expect(compare(change, rules(rule))?.path).toEqual(['process', 'rlimits', '0']);
    }
    expect(compare(change, rules('modifiable'))).toBeUndefined();
    expect(compare(change, rules('mandatory'))?.path).toEqual(['process', 'rlimits', '0']);
    expect(compare(() => {}, rules('mandatory'))).toBeUndefined();
  });

  test('refuses environment rules that it does not understand in full', () => {
    for (const rule of ['replace:A=*;allow:B=*', 'replace:', 'replace:A=*,', 'replace:=*']) {
      expect(compare(() => {}, { process: { env: rule } })?.path, rule).toEqual(['process', 'env']);
    }
  });

  test('refuses the rule null', () => {
    expect(compare(() => {}, { linux: { cgroupsPath: null } })?.path).toEqual([
      'linux',
      'cgroupsPath',
    ]);
  });

  test('takes no member from the prototype of an object', () => {
    const plain = { reference: {}, measured: { toString: 'x' } };
    expect(compareOciSpec(plain)?.path).toEqual(['toString']);
    expect(compareOciSpec({ ...plain, rules: {} })?.path).toEqual(['toString']);
    expect(compareOciSpec({ reference: { toString: 'x' }, measured: {} })?.path).toEqual([
      'toString',
    ]);
  });
});

describe('environment variables in results', () => {
  const spec = asJsonObject({ process: { env: ['A=1', 'B=2=3', 'C'] }, linux: {} });

  test('redactEnv hides all values', () => {
    const redacted = asJsonObject({
      process: { env: ['A=<redacted>', 'B=<redacted>', 'C=<redacted>'] },
      linux: {},
    });
    expect(redactEnv(spec)).toEqual(redacted);
    expect(redactEnv(asJsonObject({ process: {} }))).toEqual(asJsonObject({ process: {} }));
  });

  test('labelOpenEnv shows which values are free', () => {
    const rules = asJsonObject({ process: { env: 'replace:A=*;additional:B=*' } });
    expect(labelOpenEnv(spec, rules)).toEqual(
      asJsonObject({ process: { env: ['A=*', 'B=*', 'C'] }, linux: {} }),
    );
    expect(labelOpenEnv(spec, asJsonObject({ process: { env: 'mandatory' } }))).toBe(spec);
    expect(labelOpenEnv(spec, asJsonObject({}))).toBe(spec);
  });
});
