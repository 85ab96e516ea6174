import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Metadata } from '../../src/types/metadata.ts';
import { checkCompatibility } from '../../src/verify/compatibility.ts';

const layer = (name: string, ...baseLayers: string[]): { readonly metadata: Metadata } => ({
  metadata: { type: 'Manifest', name, baseLayers },
});
const image = (...names: string[]): Metadata => ({
  type: 'Image Description',
  name: 'image',
  descriptions: names.map((manifest) => ({
    type: 'Manifest Description',
    name: `${manifest}.d`,
    manifest,
  })),
});
const names = (entries: readonly { readonly metadata: Metadata }[]): (string | undefined)[] =>
  entries.map(({ metadata }) => metadata.name);

describe('checkCompatibility', () => {
  test('sorts manifests by layer, the root first', () => {
    const manifests = [layer('app', 'os'), layer('os', 'rtm', 'other'), layer('rtm', 'rtm')];
    const { result, sorted, root } = checkCompatibility(image('rtm', 'os', 'app'), manifests);
    expect(names(sorted)).toEqual(['rtm', 'os', 'app']);
    expect(root).toBe(manifests[2]);
    expect(result).toEqual({
      result: { status: 'success' },
      descriptionMatch: ['rtm', 'os', 'app'].map((got) => ({
        status: 'success',
        got,
        expectedOneOf: ['app', 'os', 'rtm'],
      })),
      manifestCompatibility: [
        { status: 'success', got: 'rtm' },
        { status: 'success', got: 'os', expectedOneOf: ['rtm', 'other'] },
        { status: 'success', got: 'app', expectedOneOf: ['os'] },
      ],
    });
  });

  test('compares names of manifests and descriptions without case', () => {
    expect(checkCompatibility(image('RTM'), [layer('rtm', 'rtm')]).result.result.status).toBe(
      'success',
    );
  });

  test('refuses metadata without a root, and with two', () => {
    const none = checkCompatibility(image('os', 'app'), [layer('os', 'app'), layer('app', 'os')]);
    expect(none.result.result.errorCodes).toEqual([ErrorCode.NoRootManifest]);
    expect(none.root).toBeUndefined();
    const two = checkCompatibility(image('a', 'b'), [layer('a', 'a'), layer('b', 'b')]);
    expect(two.result.result.errorCodes).toEqual([ErrorCode.MultipleRootManifests]);
    expect(two.root).toBeUndefined();
    expect(names(two.sorted)).toEqual(['a', 'b']);
    const nameless = checkCompatibility(image(''), [layer('', '')]);
    expect(nameless.result.result.errorCodes).toEqual([ErrorCode.NoRootManifest]);
  });

  test('refuses manifests that build on nothing, on each other, or name layers in another case', () => {
    for (const stray of [layer('x'), layer('x', 'x2'), layer('x', 'RTM'), layer('x', 'x', 'x')]) {
      const { result, sorted } = checkCompatibility(image('rtm', 'x'), [
        stray,
        layer('rtm', 'rtm'),
      ]);
      expect(result.result.status).toBe('fail');
      expect(result.manifestCompatibility?.at(-1)).toMatchObject({ status: 'fail', got: 'x' });
      expect(names(sorted)).toEqual(['rtm', 'x']);
    }
  });

  test('refuses a described manifest that is missing', () => {
    const { result } = checkCompatibility(image('rtm', 'app'), [layer('rtm', 'rtm')]);
    expect(result.result.status).toBe('fail');
    expect(result.descriptionMatch?.[1]).toEqual({
      status: 'fail',
      got: 'app',
      expectedOneOf: ['rtm'],
    });
  });

  test('refuses a manifest that no description names', () => {
    const manifests = [layer('rtm', 'rtm'), layer('app', 'rtm')];
    const { result } = checkCompatibility(image('rtm'), manifests);
    expect(result.result.status).toBe('fail');
    expect(result.manifestMatch).toEqual([{ status: 'fail', got: 'app', expectedOneOf: ['rtm'] }]);
  });

  test('refuses to do without an image description', () => {
    for (const description of [undefined, { type: 'Image Description' }]) {
      const { result } = checkCompatibility(description, [layer('rtm', 'rtm')]);
      expect(result.result.errorCodes).toEqual([ErrorCode.ImageDescriptionNotPresent]);
      expect(result.result.status).toBe('fail');
    }
  });

  test('refuses two descriptions with rules for one manifest', () => {
    const [description] = image('rtm').descriptions ?? [];
    const rules = {
      type: 'Manifest Description',
      name: 'd',
      ...description,
      ociRules: { process: 'modifiable' },
    };
    const twice: Metadata = { ...image(), descriptions: [rules, rules] };
    const { result } = checkCompatibility(twice, [layer('rtm', 'rtm')]);
    expect(result.result.status).toBe('fail');
    const once: Metadata = { ...image(), descriptions: [rules] };
    expect(checkCompatibility(once, [layer('rtm', 'rtm')]).result.result.status).toBe('success');
  });
});
