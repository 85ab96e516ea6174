import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import {
  createFakeCa,
  createFakeKeySync,
  derInteger,
  encodeFakeCrl,
  type FakeCa,
} from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { explain } from '../../src/explain.ts';
import { SnpOid } from '../../src/snp/index.ts';
import type { Metadata, SnpPolicy } from '../../src/types/metadata.ts';
import type { MeasurementResult } from '../../src/types/result.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { clock, createScene, type Scene } from '../support/scene.ts';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  type FakeChip,
  type FakeChipOptions,
  type FakeSnpOptions,
  fakeSnp,
  snpMetadata,
  snpPolicy,
  snpReference,
  tcb,
  tcbBytes,
} from '../support/snp.ts';

let scene: Scene;
let milan: FakeAmd;
let genoa: FakeAmd;
let turin: FakeAmd;

beforeAll(async () => {
  scene = await createScene();
  [milan, genoa, turin] = [
    await createFakeAmd('Milan'),
    await createFakeAmd('Genoa'),
    await createFakeAmd('Turin'),
  ];
}, 60_000);

interface Case extends FakeSnpOptions {
  readonly amd?: FakeAmd;
  readonly chip?: FakeChipOptions;
  readonly chain?: (chip: FakeChip) => readonly Uint8Array[];
  readonly policy?: Partial<SnpPolicy>;
  readonly manifest?: Partial<Metadata>;
  readonly verify?: Partial<VerifyOptions>;
}

async function run(options: Case = {}): Promise<Verification> {
  const amd = options.amd ?? milan;
  const made = await createFakeChip(amd, options.chip);
  const chip = { key: made.key, chain: options.chain?.(made) ?? made.chain };
  const report = await scene.report({
    measurers: [fakeSnp(amd.product, chip, options)],
    metadata: snpMetadata(amd, options.policy, options.manifest),
  });
  return scene.verify(report, { snpRoots: [amd.root], ...options.verify });
}

function measured({ result }: Verification): MeasurementResult {
  const [measurement] = result.measurements ?? [];
  if (measurement === undefined) throw new Error('no measurement');
  return measurement;
}

/** Runs a case that must be refused; the explanation must name the reason. */
async function refused(options: Case, reason: RegExp): Promise<MeasurementResult> {
  const verification = await run(options);
  expect(verification.ok).toBe(false);
  expect(explain(verification.result).join('\n')).toMatch(reason);
  return measured(verification);
}

describe('good reports', () => {
  test('of every generation are accepted, at the level that needs hardware', async () => {
    for (const amd of [milan, genoa, turin]) {
      const verification = await run({ amd });
      expect(explain(verification.result)).toHaveLength(1);
      expect(verification.ok).toBe(true);
      expect(verification.result.certLevel).toBe(3);
      const parts =
        amd === turin ? ['FMC', 'BL', 'TEE', 'SNP', 'uCode'] : ['BL', 'TEE', 'SNP', 'uCode'];
      const { snpResult, artifacts } = measured(verification);
      expect(snpResult?.extensionsCheck?.map(({ got = '' }) => got.split(' ')[1])).toEqual([
        ...parts,
        'CHIP',
      ]);
      expect(snpResult?.tcbCheck.result.status).toBe('success');
      expect(artifacts).toMatchObject([{ success: true, name: 'OVMF' }]);
    }
  });

  test('of versions 2 to 4 are accepted', async () => {
    for (const version of [2, 3, 4]) {
      const patch = {
        0: [version],
        504: [0],
        512: [0],
        ...(version === 2 ? { 392: [0, 0, 0] } : {}),
      };
      expect((await run({ patch })).ok).toBe(true);
    }
  });

  test('with a certificate table behind them are accepted, with anything else not', async () => {
    const change = (tail: Uint8Array) => (report: Uint8Array) => concatBytes(report, tail);
    expect((await run({ change: change(new Uint8Array(24)) })).ok).toBe(true);
    await refused({ change: change(new Uint8Array(23)) }, /error 39/);
  });

  test('of private fleets are refused with the roots of AMD', async () => {
    const amd = milan;
    const chip = await createFakeChip(amd);
    const report = await scene.report({
      measurers: [fakeSnp('Milan', chip)],
      metadata: snpMetadata(amd),
    });
    const verification = await scene.verify(report);
    expect(verification.ok).toBe(false);
    expect(measured(verification).signature.certChainValidation.errorCodes).toEqual([1]);
  });
});

describe('R23 the structure', () => {
  const cases: readonly (readonly [string, FakeSnpOptions, RegExp])[] = [
    ['version 1', { patch: { 0: [1] } }, /version/],
    ['version 6', { patch: { 0: [6] } }, /version/],
    ['policy bit 17 not one', { patch: { 10: [0] } }, /bit 17/],
    ['a reserved policy bit', { patch: { 11: [4] } }, /reserved/],
    ['a reserved platform bit', { patch: { 65: [1] } }, /reserved/],
    ['a reserved flag', { patch: { 72: [0x20] } }, /reserved/],
    ['a reserved byte', { patch: { 76: [1] } }, /zero/],
    ['a reserved byte behind CPUID', { patch: { 395: [1] } }, /zero/],
    ['a reserved byte of the firmware', { patch: { 491: [1] } }, /zero/],
    ['a reserved byte of committed firmware', { patch: { 495: [1] } }, /zero/],
    ['a reserved byte behind mitigations', { patch: { 520: [1] } }, /zero/],
    ['mitigations in version 4', { patch: { 0: [4] } }, /zero/],
    ['CPUID in version 2', { patch: { 0: [2], 504: [0], 512: [0] } }, /zero/],
    ['a byte behind the signature', { afterwards: { 816: [1] } }, /zero/],
    ['a reserved TCB byte', { patch: { 58: [1] } }, /tcbReserved/],
    ['signature algorithm 2', { patch: { 52: [2] } }, /error 57/],
    ['a report that the host asked for', { patch: { 48: [255, 255, 255, 255] } }, /3/],
    ['a signature with high bytes', { afterwards: { 720: [1] } }, /error 64/],
    ['a changed measurement', { afterwards: { 144: [0xaa] } }, /error 64/],
  ];
  for (const [what, options, reason] of cases) {
    test(`R23 refuses ${what}`, async () => {
      await refused(options, reason);
    });
  }

  test('R23 refuses a report that is too short', async () => {
    await refused({ change: (report) => report.subarray(0, 1183) }, /error 39/);
  });
});

describe('R24 the guest policy', () => {
  const guest = snpPolicy('Milan').policy;
  const allow = (changes: Partial<typeof guest>) => ({
    policy: { policy: { ...guest, ...changes } },
  });

  test('R24 debugging is refused, even when the policy allows it', async () => {
    const patch = { 10: [0x0a] };
    await refused({ patch }, /guest policy debug/);
    const { snpResult } = await refused({ patch, ...allow({ debug: true }) }, /guest policy debug/);
    expect(snpResult?.policyCheck.debug).toEqual({ success: false, claimed: true, measured: true });
  });

  test('R24 migration and SMT are refused unless allowed; not to have them is never wrong', async () => {
    await refused({ patch: { 10: [0x06] } }, /guest policy migration/);
    expect((await run({ patch: { 10: [0x06] }, ...allow({ migration: true }) })).ok).toBe(true);
    await refused({ patch: { 10: [0x03] } }, /guest policy smt/);
    expect((await run({ patch: { 10: [0x03] }, ...allow({ smt: true }) })).ok).toBe(true);
    expect((await run(allow({ smt: true, migration: true }))).ok).toBe(true);
  });

  test('R24 a single socket is demanded when the policy says so', async () => {
    await refused(allow({ singleSocket: true }), /guest policy singleSocket/);
    const patch = { 10: [0x12] };
    expect((await run({ patch, ...allow({ singleSocket: true }) })).ok).toBe(true);
    expect((await run({ patch })).ok).toBe(true);
  });

  test('R24 the ABI version has its major number in the high byte', async () => {
    expect((await run({ patch: { 8: [0, 1] }, ...allow({ abiMajor: 0, abiMinor: 31 }) })).ok).toBe(
      true,
    );
    await refused({ patch: { 8: [255, 0] }, ...allow({ abiMajor: 1, abiMinor: 0 }) }, /ABI/);
    await refused({ patch: { 8: [30, 0] } }, /at least 0\.31/);
  });

  test('R24 CXL is refused unless allowed; restrictions are demanded by name', async () => {
    await refused({ patch: { 10: [0x22] } }, /cxlAllow/);
    expect((await run({ patch: { 10: [0x22] }, policy: { allowCxl: true } })).ok).toBe(true);
    const bits = {
      memAes256Xts: [0x42, 0],
      raplDis: [0x82, 0],
      ciphertextHiding: [2, 1],
      pageSwapDisable: [2, 2],
    };
    for (const [name, bytes] of Object.entries(bits)) {
      const policy = { requiredGuestPolicy: [name] };
      await refused({ policy }, new RegExp(name));
      expect((await run({ policy, patch: { 10: bytes } })).ok).toBe(true);
    }
    await refused({ policy: { requiredGuestPolicy: ['raplDisabled'] } }, /nothing of this name/);
  });
});

describe('R25 who asked for the report and what is in it', () => {
  test('R25 another VMPL than 0 is refused unless it is the one of the policy', async () => {
    const patch = { 48: [1] };
    await refused({ patch }, /VMPL: the policy demands 0, the report says 1/);
    expect((await run({ patch, policy: { vmpl: 1 } })).ok).toBe(true);
    await refused({ policy: { vmpl: 1 } }, /VMPL/);
  });

  const fields = [
    ['familyId', 0x10, 16],
    ['imageId', 0x20, 16],
    ['hostData', 0xc0, 32],
  ] as const;
  for (const [name, offset, length] of fields) {
    test(`R25 ${name} must be the one of the policy`, async () => {
      const policy = { [name]: new Uint8Array(length).fill(7) };
      await refused({ policy }, new RegExp(name));
      expect((await run({ policy, patch: { [offset]: policy[name]! } })).ok).toBe(true);
    });
  }

  test('R25 id key and author key must be among those of the policy', async () => {
    const digest = new Uint8Array(48).fill(9);
    await refused({ policy: { idKeyDigests: [digest] } }, /idKeyDigest/);
    expect((await run({ policy: { idKeyDigests: [digest] }, patch: { 224: digest } })).ok).toBe(
      true,
    );
    const policy = { authorKeyDigests: [new Uint8Array(48), digest] };
    await refused({ policy, patch: { 272: digest } }, /no author key/);
    expect((await run({ policy, patch: { 272: digest, 72: [1] } })).ok).toBe(true);
  });

  test('R25 the security version number of the guest is at least that of the policy', async () => {
    await refused({ policy: { guestSvn: 3 }, patch: { 4: [2] } }, /guestSvn/);
    expect((await run({ policy: { guestSvn: 3 }, patch: { 4: [3] } })).ok).toBe(true);
  });

  test('R25 the report must carry the nonce, padded with zeros, and nothing else', async () => {
    await refused({ nonce: new Uint8Array(32) }, /nonce/);
    await refused({ patch: { 112: [1] } }, /nonce/);
  });

  test('R25 the launch measurement must be the reference', async () => {
    const { artifacts } = await refused({ patch: { 144: [0xaa] } }, /OVMF/);
    expect(artifacts?.map(({ type }) => type)).toEqual(['SNP', 'Measurement']);
  });
});

describe('R26 versions', () => {
  const places = { current: 0x38, committed: 0x1e0, launch: 0x1f0 };
  for (const part of ['fmc', 'bl', 'tee', 'snp', 'ucode'] as const) {
    for (const [name, offset] of Object.entries(places)) {
      test(`R26 ${part} of the ${name} TCB must not be too low, on Turin`, async () => {
        const patch = { [offset]: tcbBytes('Turin', { ...tcb, [part]: tcb[part] - 1 }) };
        const policy = { allowProvisionalFirmware: true };
        const { snpResult } = await refused(
          { amd: turin, patch, policy },
          new RegExp(`TCB ${part} \\(${name}\\)`),
        );
        expect(snpResult?.tcbCheck[part]).toMatchObject({
          success: false,
          measured: [tcb[part] - 1],
        });
      });
    }
    test(`R26 ${part} of the reported TCB must not be too low, on Turin`, async () => {
      const low = { ...tcb, [part]: tcb[part] - 1 };
      const patch = { 384: tcbBytes('Turin', low) };
      await refused({ amd: turin, patch, chip: { tcb: low } }, /\(reported\)/);
    });
  }

  test('R26 firmware that can be rolled back is refused unless allowed', async () => {
    const newer = { 56: tcbBytes('Milan', { ...tcb, ucode: 220 }) };
    await refused({ patch: newer }, /provisional firmware/);
    expect((await run({ patch: newer, policy: { allowProvisionalFirmware: true } })).ok).toBe(true);
    await refused({ patch: { 488: [30, 55, 1] } }, /older ones of firmware/);
  });

  test('R26 the older of current and committed firmware counts', async () => {
    const policy = { allowProvisionalFirmware: true };
    await refused(
      { patch: { 492: [28, 55, 1] }, policy },
      /firmware: the policy demands at least 1\.55\.29/,
    );
    await refused({ patch: { 488: [29, 54, 1] }, policy }, /1\.54\.29/);
    expect((await run({ patch: { 488: [0, 0, 2], 492: [0, 0, 2] } })).ok).toBe(true);
  });

  test('R26 the version of the report must be in the range of the policy', async () => {
    const { snpResult } = await refused({ policy: { reportMaxVersion: 4 } }, /report version/);
    expect(snpResult?.reportVersionMatch).toEqual({
      status: 'fail',
      got: '5',
      expectedBetween: ['2', '4'],
    });
  });
});

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
    expect(measured(verification).snpResult?.extensionsCheck?.at(-1)).toEqual({
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
    const withList = (bytes: Uint8Array): Case => ({ verify: { snpRevocationLists: [bytes] } });

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

describe('R29 what no longer deserves trust', () => {
  test('R29 a generation can be denied, and one without versions is', async () => {
    await refused({ policy: { deniedGenerations: ['milan'] } }, /generation/);
    expect((await run({ policy: { deniedGenerations: ['Genoa'] } })).ok).toBe(true);
    await refused({ policy: { deniedGenerations: ['Mailand'] } }, /nothing of this name/);
    await refused({ policy: { versions: snpPolicy('Genoa').versions } }, /error 49/);
    await refused({ policy: { versions: null } }, /error 49/);
  });

  test('R29 chips can be denied and allowed, by their 8 bytes on Turin', async () => {
    const id = new Uint8Array(64).fill(0xc1);
    const short = new Uint8Array(8).fill(0xc1);
    const other = new Uint8Array(64).fill(1);
    await refused({ policy: { deniedChips: [other, id] } }, /chip/);
    await refused({ amd: turin, policy: { deniedChips: [short] } }, /chip/);
    await refused({ policy: { allowedChips: [other] } }, /allowedChips/);
    expect((await run({ policy: { allowedChips: [other, id], deniedChips: [other] } })).ok).toBe(
      true,
    );
    const vlek = { chip: { vlek: true }, patch: { 72: [4], 416: new Uint8Array(64) } };
    await refused(
      { ...vlek, policy: { cspIds: ['cloud.example'], deniedChips: [other] } },
      /masked/,
    );
  });

  test('R29 properties of the platform are demanded by name', async () => {
    const bits = {
      tsme: 0x02,
      ecc: 0x04,
      raplDisabled: 0x08,
      ciphertextHiding: 0x10,
      aliasCheckComplete: 0x20,
    };
    for (const [name, bit] of Object.entries(bits)) {
      const policy = { requiredPlatform: [name] };
      expect((await run({ policy, patch: { 64: [bit] } })).ok).toBe(true);
      await refused({ policy, patch: { 64: [0xff & ~bit] } }, new RegExp(name));
    }
    await refused(
      { policy: { requiredPlatform: ['smtDisabled'] }, patch: { 64: [1] } },
      /smtDisabled/,
    );
    await refused({ policy: { requiredPlatform: ['aliasCheck'] } }, /nothing of this name/);
  });

  test('R29 mitigations are demanded by bit, at launch and now', async () => {
    const bits = (low: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, low);
    expect(
      (await run({ policy: { launchMitigations: bits(0x0b), currentMitigations: bits(0x0f) } })).ok,
    ).toBe(true);
    await refused({ policy: { launchMitigations: bits(0x04) } }, /launch mitigations/);
    await refused({ policy: { currentMitigations: bits(0x10) } }, /current mitigations/);
    const patch = { 0: [4], 504: [0], 512: [0] };
    await refused({ patch, policy: { launchMitigations: bits(1) } }, /before version 5/);
  });
});

describe('references and policy', () => {
  const components = (list: ReturnType<typeof snpReference>[]) => ({
    manifest: { sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components: list } },
  });

  test('exactly one reference with a SHA-384 hash, and a policy, are needed', async () => {
    await refused(components([]), /error 51/);
    await refused(components([snpReference(), snpReference()]), /error 50/);
    await refused(components([snpReference(new Uint8Array(32), 'SHA-256')]), /error 52/);
    const chip = await createFakeChip(milan);
    const [image, rtm] = snpMetadata(milan);
    const { snpPolicy: _, ...withoutPolicy } = rtm!;
    const report = await scene.report({
      measurers: [fakeSnp('Milan', chip)],
      metadata: [image!, withoutPolicy],
    });
    const verification = await scene.verify(report, { snpRoots: [milan.root] });
    expect(measured(verification).summary.errorCodes).toEqual([49]);
  });

  test('the additions to snpPolicy work in CBOR metadata, too', async () => {
    const cbor = await createScene('cbor');
    const chip = await createFakeChip(milan);
    for (const [vmpl, ok] of [
      [1, true],
      [2, false],
    ] as const) {
      const report = await cbor.report({
        measurers: [fakeSnp('Milan', chip, { patch: { 48: [1] } })],
        metadata: snpMetadata(milan, { vmpl }),
      });
      expect((await cbor.verify(report, { snpRoots: [milan.root] })).ok).toBe(ok);
    }
  });
});
