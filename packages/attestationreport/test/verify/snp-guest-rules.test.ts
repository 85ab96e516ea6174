import { describe, expect, test } from 'vitest';
import { snpPolicy, tcb, tcbBytes } from '../support/snp.ts';
import { createSnpScene } from '../support/snp-scene.ts';

const { turin, run, refused } = await createSnpScene();

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
