import { toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { cpuSignature, precomputeSnp, processorSignature, type SnpGuest } from '../src/index.ts';
import { SECTIONS, syntheticFirmware } from './support/synthetic-firmware.ts';

const kernel = new TextEncoder().encode('kernel bytes');
const initrd = new TextEncoder().encode('initrd bytes');
const signature = (type: string): number => processorSignature(type) ?? 0;

/** Made once with sev-snp-measure 0.0.13 (PyPI) from the same firmware. */
const KNOWN: readonly (readonly [string, Partial<SnpGuest>, string])[] = [
  [
    'one processor',
    { signature: signature('EPYC-v4') },
    'c3c4314e8391a08d6dc852fd82f3239f88ccfcb7fb9a26f11ca97b2fdf6f4f6e8972021df3904561e9affc74c908b3ca',
  ],
  [
    'three processors with other features',
    { processors: 3, signature: signature('EPYC-Milan'), features: 0x21n },
    '276c5dc9281245e9447a864f6599e38dfe396b973d66c2021d95fc21bedbbe2a4eadfa7df488a76514a1714934d804c8',
  ],
  [
    'a kernel',
    { processors: 2, signature: signature('EPYC-Genoa'), boot: { kernel } },
    'a3bf272f33c10e0bb8cdd6d4b74b5f5067a3dafab9f98bb69cde3270a3ddc8bbc5b9cb5e597408c06865f9af96eb45bd',
  ],
  [
    'a kernel, an initrd and a command line',
    {
      processors: 2,
      signature: signature('EPYC-Genoa'),
      boot: { kernel, initrd, cmdline: 'console=ttyS0 quiet' },
    },
    'da2327114c56ec058c582b83a486e859223ce6be092bdcc97d871de9a7fff893673994e334f3631cc835820d86f3ad81',
  ],
  [
    'EC2',
    { processors: 2, signature: signature('EPYC-v4'), monitor: 'ec2' },
    'ac676e3af2d8460f15d617d18579f3321d4cf89cdd72c9281b331f9a29ed3f88d03e9e2c464b48b16cacb9b4cf48a904',
  ],
  [
    'GCE',
    { processors: 2, signature: signature('EPYC-v4'), monitor: 'gce' },
    '62d855b403d4cd75f27fbab2f2922458670efdf0e79059c09ab62368643bd6cf8b8817f79f97b35558302d027de385a6',
  ],
  [
    'a signature in a number',
    { signature: 0xb00f21 },
    '65f9bbe4b8b3a58c5f30dfc5699bf844e3b26e9753f1701d395b9913be71fc8dc10cecd39b6c3bb818d33a84e04a825e',
  ],
];

function measure(guest: Partial<SnpGuest> = {}): string {
  const defaults = { firmware: syntheticFirmware(), processors: 1, signature: 0 };
  return toHex(precomputeSnp({ ...defaults, ...guest }));
}

describe('the launch measurement', () => {
  test.each(KNOWN)('with %s is what another program computes', (_, guest, expected) => {
    expect(measure(guest)).toBe(expected);
  });

  test('changes with every byte of the firmware, and with everything else that is launched', () => {
    const base = { boot: { kernel, initrd, cmdline: 'quiet' } };
    const seen = new Set([measure(base)]);
    const variants: Partial<SnpGuest>[] = [
      { ...base, processors: 2 },
      { ...base, signature: 1 },
      { ...base, features: 3n },
      { ...base, monitor: 'ec2' },
      { ...base, monitor: 'gce' },
      { boot: { ...base.boot, kernel: initrd } },
      { boot: { ...base.boot, initrd: kernel } },
      { boot: { ...base.boot, cmdline: 'quiet ' } },
      {},
    ];
    for (const at of [0, 0x1000, 0x27ff]) {
      const firmware = syntheticFirmware();
      firmware[at] = (firmware[at] ?? 0) ^ 1;
      variants.push({ ...base, firmware });
    }
    for (const variant of variants) seen.add(measure(variant));
    expect(seen.size).toBe(variants.length + 1);
  });
});

describe('a firmware that cannot be used is refused', () => {
  const withSection = (section: readonly [number, number, number]): Uint8Array =>
    syntheticFirmware({ sections: [...SECTIONS, section] });
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['half a page', syntheticFirmware().subarray(0x800)],
    ['no table', new Uint8Array(0x3000)],
    ['no metadata', syntheticFirmware({ withoutEntry: 'metadata' })],
    ['no reset block', syntheticFirmware({ withoutEntry: 'reset' })],
    ['a section of unknown type', withSection([0x820000, 0x1000, 9])],
    ['a section that is not of pages', withSection([0x820001, 0x1000, 1])],
    ['a section that is too large', withSection([0x820000, 0xf000_0000, 1])],
    [
      'too many sections',
      syntheticFirmware({ sections: Array.from({ length: 65 }, () => [0x800000, 0x1000, 1]) }),
    ],
  ])('%s', (_, firmware) => {
    expect(() => measure({ firmware })).toThrow(
      expect.objectContaining({ code: 'ERR_MR_FIRMWARE' }),
    );
  });

  test('with a kernel, when it does not check kernels', () => {
    const boot = { kernel };
    for (const firmware of [
      syntheticFirmware({ sections: SECTIONS.slice(0, 3) }),
      syntheticFirmware({ withoutEntry: 'hashes' }),
      syntheticFirmware({ hashesAddress: 0 }),
    ]) {
      expect(() => measure({ firmware, boot })).toThrow(
        expect.objectContaining({ code: 'ERR_MR_FIRMWARE' }),
      );
    }
  });

  test('whatever is cut off or changed at its end, without a crash', () => {
    const firmware = syntheticFirmware();
    for (let at = firmware.length - 0x100; at < firmware.length; at++) {
      const changed = new Uint8Array(firmware);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      try {
        measure({ firmware: changed });
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_MR_FIRMWARE' });
      }
    }
  });
});

test('the number of processors has a limit', () => {
  for (const processors of [0, 4097, 1.5]) {
    expect(() => measure({ processors })).toThrow(
      expect.objectContaining({ code: 'ERR_MR_INPUT' }),
    );
  }
});

test('signatures of processors are as CPUID packs them', () => {
  expect(cpuSignature(25, 1, 1)).toBe(0xa00f11);
  expect(cpuSignature(6, 0x2a, 7)).toBe(0x206a7);
  expect(processorSignature('EPYC-Genoa')).toBe(0xa10f10);
  expect(processorSignature('486')).toBeUndefined();
});
