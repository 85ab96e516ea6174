import { encodeUtf8 } from '@cmc/bytes';
import {
  createFakeCa,
  createFakeKeySync,
  derInteger,
  encodeFakeCrl,
  type FakeCa,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { SnpOid } from '../../src/snp/index.ts';
import type { MeasurementResult } from '../../src/types/result.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { clock } from '../support/scene.ts';
import { type FakeChip, tcb } from '../support/snp.ts';
import { createSnpScene, type SnpCase, snpResultOf } from '../support/snp-scene.ts';

const { milan, genoa, turin, run, refused } = await createSnpScene();

describe('R27 the certificate and the report', () => {
  const parts = { fmc: 'FMC', bl: 'BL', tee: 'TEE', snp: 'SNP', ucode: 'uCode' } as const;
  for (const [part, label] of Object.entries(parts) as [keyof typeof parts, string][]) {
    test(`R27 ${part} of the certificate equals that of the reported TCB`, async () => {
      for (const change of [-1, 1]) {
        const chip = { tcb: { ...tcb, [part]: tcb[part] + change } };
        const { snpResult } = await refused({ amd: turin, chip }, new RegExp(`tcb\\.${part}`));
        expect(snpResult?.extensionsCheck).toContainEqual({
          status: 'fail',
          expected: `OID ${label} SPL: ${tcb[part]}`,
          got: String(tcb[part] + change),
        });
      }
    });
  }

  test('R27 missing and malformed extensions are refused with their codes', async () => {
    for (const [value, code] of [
      [undefined, 27],
      [Uint8Array.of(4, 1, 4), 28],
      [Uint8Array.of(2, 2, 0), 26],
      [Uint8Array.of(2, 2, 1, 0), 26],
    ] as const) {
      const chip = { extensions: new Map([[SnpOid.bl, value]]) };
      const { snpResult } = await refused({ chip }, /tcb\.bl/);
      expect(snpResult?.extensionsCheck?.[0]?.errorCodes).toEqual([code]);
    }
  });

  test('R27 the chip id is that of the certificate: 64 bytes, 8 and zeros on Turin', async () => {
    await refused({ chip: { hwId: new Uint8Array(64).fill(1) } }, /chipId/);
    await refused({ chip: { hwId: new Uint8Array(8).fill(0xc1) } }, /chipId/);
    await refused({ amd: turin, chip: { hwId: new Uint8Array(64).fill(0xc1) } }, /chipId/);
    await refused({ amd: turin, patch: { 424: [1] } }, /chipId/);
    await refused(
      { chip: { hwId: new Uint8Array(64) }, patch: { 416: new Uint8Array(64) } },
      /masked/,
    );
  });

  test('R27 generation of root, certificate and CPUID are the same', async () => {
    await refused({ patch: { 392: [0x19, 0x11] } }, /product/);
    await refused({ patch: { 392: [0x17, 0x01] } }, /product/);
    const name = Uint8Array.of(0x16, 5, ...encodeUtf8('Genoa'));
    await refused({ chip: { extensions: new Map([[SnpOid.productName, name]]) } }, /productName/);
    await refused(
      { chip: { extensions: new Map([[SnpOid.structVersion, derInteger(1)]]) } },
      /structVersion/,
    );
    const patch = { 0: [2], 392: [0, 0, 0], 504: [0], 512: [0] };
    await refused({ amd: turin, patch }, /product/);
  });

  test('R27 a VLEK needs an allowed provider and has no chip', async () => {
    const vlek = { chip: { vlek: true }, patch: { 72: [4], 416: new Uint8Array(64) } };
    await refused(vlek, /provider \(VLEK\)/);
    await refused({ ...vlek, policy: { cspIds: ['other.example'] } }, /cloud\.example/);
    const verification = await run({ ...vlek, policy: { cspIds: ['cloud.example'] } });
    expect(verification.ok).toBe(true);
    expect(snpResultOf(verification).snpResult?.extensionsCheck?.at(-1)).toEqual({
      status: 'success',
      got: 'cloud.example',
    });
    const extensions = new Map([[SnpOid.hwId, new Uint8Array(64)]]);
    await refused(
      { ...vlek, chip: { vlek: true, extensions }, policy: { cspIds: ['cloud.example'] } },
      /chipId/,
    );
  });

  test('R27 a report that no key signed, or another kind of key, is refused', async () => {
    await refused({ patch: { 72: [0x1c] } }, /error 57/);
    await refused({ patch: { 72: [4] } }, /SEV-VLEK/);
    await refused({ chip: { vlek: true }, policy: { cspIds: ['cloud.example'] } }, /SEV-VCEK/);
  });
});

describe('R28 the chain', () => {
  const codes = ({ signature }: MeasurementResult) => signature.certChainValidation.errorCodes;

  test('R28 the root must be pinned, and be listed by the root manifest', async () => {
    expect(codes(await refused({ verify: { snpRoots: [genoa.root] } }, /error 1/))).toEqual([1]);
    expect(codes(await refused({ manifest: { caFingerprints: [] } }, /error 1/))).toEqual([1]);
    expect(codes(await refused({ manifest: { caFingerprints: ['xy'] } }, /error 33/))).toEqual([
      33, 1,
    ]);
  });

  test('R28 the intermediate must be the one for the kind of key', async () => {
    expect(codes(await refused({ chip: { issuer: milan.asvk } }, /SEV-Milan/))).toEqual([59]);
  });

  test('R28 the certificates must be three: leaf, intermediate, root', async () => {
    const chain = ({ chain: [leaf, , root] }: FakeChip) => [leaf!, root!];
    expect(codes(await refused({ chain }, /error 59/))).toEqual([59]);
    await refused({ chain: () => [] }, /error 34/);
    await refused({ chain: ({ chain: all }) => [...all, all[2]!] }, /error 59/);
    await refused({ chain: ({ chain: [leaf, ask, root] }) => [leaf!, root!, ask!] }, /error 1/);
  });

  test('R28 only RSA-PSS of 4096 bits with SHA-384, and P-384, are accepted', async () => {
    const weaker = { certificate: { signature: 'PSS-SHA-256' } } as const;
    expect(codes(await refused({ chip: weaker }, /SHA384-RSAPSS/))).toEqual([59]);
    const ask = await milan.ark.issueCa({
      commonName: 'SEV-Milan',
      signature: 'PSS-SHA-384',
      keyAlgorithm: 'RSA2048',
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2027-01-01T00:00:00Z'),
    });
    expect(codes(await refused({ chip: { issuer: ask } }, /4096/))).toEqual([59]);
    const other = { certificate: { key: createFakeKeySync('EC256') } };
    await refused({ chip: other }, /error 12/);
  });

  test('R28 certificates that are not valid now are refused', async () => {
    const late = { certificate: { notAfter: new Date('2026-02-01T00:00:00Z') } };
    expect(codes(await refused({ chip: late }, /valid until/))).toEqual([59]);
  });

  describe('revocation lists', () => {
    const day = 86_400_000;
    const list = (
      ca: FakeCa,
      name: string,
      { revoked = [] as Uint8Array[], from = -day, to = day } = {},
    ): Uint8Array => {
      const now = clock.now().getTime();
      return encodeFakeCrl({
        issuer: { commonName: name },
        key: ca.key,
        ...(ca.key.algorithm === 'RSA4096' ? { signature: 'PSS-SHA-384' } : {}),
        revoked,
        thisUpdate: new Date(now + from),
        nextUpdate: new Date(now + to),
      });
    };
    const withList = (bytes: Uint8Array): SnpCase => ({ verify: { snpRevocationLists: [bytes] } });

    test('R28 one that clears the intermediate is accepted', async () => {
      const other = Uint8Array.of(1, 2, 3);
      const good = list(milan.ark, 'ARK-Milan', { revoked: [other] });
      expect((await run(withList(good))).ok).toBe(true);
    });

    test('R28 a revoked intermediate is refused', async () => {
      const { serialNumber } = parseCertificate(milan.ask.chain[0]!);
      const bad = list(milan.ark, 'ARK-Milan', { revoked: [serialNumber] });
      expect(codes(await refused(withList(bad), /revoked/))).toEqual([2]);
    });

    test('R28 lists that are out of date, of others, forged or broken clear nothing', async () => {
      await refused(withList(list(milan.ark, 'ARK-Milan', { to: -1000 })), /revocation list/);
      await refused(
        withList(list(milan.ark, 'ARK-Milan', { from: day, to: 2 * day })),
        /revocation list/,
      );
      await refused(withList(list(milan.ark, 'ARK-Genoa')), /no revocation list/);
      const stranger = createFakeCa({ keyAlgorithm: 'RSA2048' });
      await refused(withList(list(stranger, 'ARK-Milan')), /not signed/);
      await refused(withList(Uint8Array.of(0x30, 0)), /error 2/);
    });
  });
});
