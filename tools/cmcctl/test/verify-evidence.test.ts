import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCode } from '@cmc/attestationreport';
import { attestationResultSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { createFakeKeySync, encodeFakeCrl, type IssueOptions, spkiOf, toPem } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type MeasuredFile,
  measuredTpm,
} from '../../../packages/attestationreport/test/support/measured-tpm.ts';
import {
  clock,
  createScene,
  nonce,
  type Scene,
} from '../../../packages/attestationreport/test/support/scene.ts';
import {
  SIGNERS,
  signedFiles,
} from '../../../packages/attestationreport/test/support/signed-files.ts';
import {
  createFakeAmd,
  createFakeChip,
  fakeSnp,
  snpMetadata,
} from '../../../packages/attestationreport/test/support/snp.ts';
import { tpmMetadata } from '../../../packages/attestationreport/test/support/tpm.ts';
import { buildProgram, createSite, type Site } from './site.ts';

const DAY_MS = 86_400_000;
const [RSA, SECP256K1] = SIGNERS;

let scene: Scene;
beforeAll(buildProgram, BUILD_TIMEOUT_MS);
beforeAll(async () => {
  scene = await createScene();
});

interface Archive extends Pick<Site, 'cmcctl'> {
  /** `verify --standalone` of the report, for the time that it is of. */
  verify(...more: readonly string[]): ReturnType<Site['cmcctl']>;
  /** Writes a file, which is named by the returned path. */
  fileOf(name: string, content: string | Uint8Array): string;
}

async function archive(report: Uint8Array): Promise<Archive> {
  const { folder, cmcctl } = await createSite();
  const fileOf = (name: string, content: string | Uint8Array): string => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  fileOf('ca.pem', scene.ca.pem);
  fileOf('r', report);
  fileOf('n', nonce);
  const time = ['--archived', '--at', clock.now().toISOString()];
  const flags = ['--standalone', '--root-cas', 'ca.pem', '--report', 'r', '--nonce', 'n', ...time];
  return { cmcctl, fileOf, verify: async (...more) => await cmcctl('verify', ...flags, ...more) };
}

describe('a report of a TPM', () => {
  async function archiveOf(
    measured: readonly MeasuredFile[],
    usages: IssueOptions['extendedKeyUsage'] = ['2.23.133.8.3'],
  ): Promise<Archive> {
    const key = createFakeKeySync('EC256');
    const { certificate } = await scene.ca.issue({
      key,
      commonName: 'attestation key',
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: usages,
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2027-01-01T00:00:00Z'),
    });
    const { measurer, references } = measuredTpm({ key, certs: [certificate] }, measured);
    const metadata = tpmMetadata(references);
    return await archive(await scene.report({ measurers: [measurer], metadata, nonce }));
  }

  test('R21 with files that no manifest knows is refused, unless keys of --ima-keys signed them all', async () => {
    const { verify, cmcctl, fileOf } = await archiveOf(signedFiles());
    const other = fileOf('other.der', spkiOf(createFakeKeySync()));
    expect(await verify()).toMatchObject({ code: 1 });
    expect(await verify('--ima-keys', RSA)).toMatchObject({ code: 1 });
    expect(await verify('--ima-keys', other)).toMatchObject({ code: 1 });
    const keys = [other, RSA, SECP256K1];
    expect(await verify('--ima-keys', keys.join())).toMatchObject({ code: 0, stderr: '' });
    const config = fileOf('config.json', JSON.stringify({ imaKeys: keys }));
    expect(await verify('--config', config)).toMatchObject({ code: 0 });

    const time = ['--archived', '--at', clock.now().toISOString()];
    const flags = ['r', '--nonce', 'n', '--root-cas', 'ca.pem', ...time];
    expect(await cmcctl('explain', ...flags)).toMatchObject({ code: 1 });
    const explained = await cmcctl('explain', ...flags, '--ima-keys', keys.join());
    expect(explained).toMatchObject({ code: 0 });
  });

  test('R11 is refused when the key has a certificate for TLS, unless --tpm-allow-tls-keys takes it', async () => {
    const { verify } = await archiveOf([], ['serverAuth', 'clientAuth']);
    expect(await verify()).toMatchObject({ code: 1 });
    expect(await verify('--tpm-allow-tls-keys', 'false')).toMatchObject({ code: 1 });
    expect(await verify('--tpm-allow-tls-keys')).toMatchObject({ code: 0 });
  });

  test('R21 is refused with a boot_aggregate of another boot, unless --tpm-allow-unchecked-boot-aggregate takes it', async () => {
    const name = 'boot_aggregate';
    const { verify } = await archiveOf([
      { name, digest: new Uint8Array(32).fill(1), isKnown: true },
    ]);
    expect(await verify()).toMatchObject({ code: 1 });
    expect(await verify('--tpm-allow-unchecked-boot-aggregate')).toMatchObject({ code: 0 });
  });

  test.each<[string, string, string]>([
    ['--ima-keys', 'imaKeys', 'no key'],
    ['--ima-keys', 'imaKeys', toPem(spkiOf(createFakeKeySync('Ed25519')), 'PUBLIC KEY')],
    ['--snp-crls', 'snpCrls', 'no list'],
  ])(
    '%s with a file of something else, or none, is a wrong call: exit code 2',
    async (flag, setting, content) => {
      const { verify, fileOf } = await archiveOf([]);
      expect(await verify()).toMatchObject({ code: 0 });
      const file = fileOf('wrong', content);
      expect(await verify(flag, file)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${setting}: ${file} cannot be used: `),
      });
      expect(await verify(flag, '/nonexistent')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${setting}: cannot read /nonexistent`),
      });
    },
  );
});

test('R28 a report of an SNP guest whose root has no list in --snp-crls that is in date, or that clears it, is refused for that', async () => {
  const amd = await createFakeAmd('Milan');
  const measurers = [fakeSnp('Milan', await createFakeChip(amd))];
  const report = await scene.report({ measurers, metadata: snpMetadata(amd), nonce });
  const { verify, fileOf } = await archive(report);
  const { serialNumber } = parseCertificate(amd.ask.certificate);
  const now = clock.now().getTime();
  const list = (to: number, revoked: readonly Uint8Array[]): Uint8Array =>
    encodeFakeCrl({
      issuer: { commonName: 'ARK-Milan' },
      key: amd.ark.key,
      signature: 'PSS-SHA-384',
      revoked,
      thisUpdate: new Date(now - DAY_MS),
      nextUpdate: new Date(now + to),
    });
  // A root that is not AMD's is always refused: that is what remains when nothing else is wrong.
  const codesWith = async (...more: readonly string[]): Promise<readonly number[]> => {
    const file = fileOf('result.json', '');
    expect(await verify('--result', file, ...more)).toMatchObject({ code: 1 });
    const { measurements } = decodeStruct(attestationResultSchema, readFileSync(file)).value;
    return measurements?.[0]?.signature.certChainValidation.errorCodes ?? [];
  };
  const foreign = ErrorCode.CaFingerprint;
  expect(await codesWith()).toEqual([foreign]);
  const good = list(DAY_MS, []);
  expect(await codesWith('--snp-crls', fileOf('good.crl', good))).toEqual([foreign]);
  const pem = toPem(good, 'X509 CRL');
  expect(await codesWith('--snp-crls', fileOf('good.pem', pem))).toEqual([foreign]);
  const refused = [ErrorCode.CRLCheckRoot, foreign];
  for (const bad of [list(-1, []), list(DAY_MS, [serialNumber])]) {
    expect(await codesWith('--snp-crls', fileOf('bad.crl', bad))).toEqual(refused);
  }
});

test.each([
  [['--ima-keys', 'k.pem'], /imaKeys: .*--standalone/],
  [['--snp-crls', 'ark.crl'], /snpCrls: .*--standalone/],
  [['--tpm-allow-tls-keys'], /tpmAllowTlsKeys: .*--standalone/],
  [['--tpm-allow-unchecked-boot-aggregate'], /tpmAllowUncheckedBootAggregate: .*--standalone/],
  [['--archived', '--at', '2026-06-01T12:00:00Z'], /at: .*--standalone/],
])('%j is refused with a daemon, by verify and explain: exit code 2', async (flags, reason) => {
  const { folder, cmcctl } = await createSite();
  writeFileSync(join(folder, 'r'), 'hello');
  const common = ['--nonce', '00'.repeat(32), ...flags];
  for (const args of [
    ['verify', '--report', 'r', ...common],
    ['explain', 'r', ...common],
  ]) {
    const outcome = await cmcctl(...args);
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringMatching(reason) });
  }
});
