import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCode } from '@cmc/attestationreport';
import { toPem } from '@cmc/testkit';
import {
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { clock, createScene, type Scene } from '../../../attestationreport/test/support/scene.ts';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  fakeSnp,
  rootRevocationList,
  snpMetadata,
} from '../../../attestationreport/test/support/snp.ts';
import { readSnpCrls } from '../../src/daemon/snp-crls.ts';
import { createCmc } from '../../src/index.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { NONCE, startVerifier } from '../support/verifying-daemon.ts';
import { createWorld } from '../support/world.ts';

let scene: Scene;
let amd: FakeAmd;
let report: Uint8Array;
beforeAll(async () => {
  scene = await createScene();
  amd = await createFakeAmd('Milan');
  report = await scene.report({
    measurers: [fakeSnp('Milan', await createFakeChip(amd))],
    metadata: snpMetadata(amd),
    nonce: NONCE,
  });
}, 60_000);
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: clock.now() }));
afterEach(() => void vi.useRealTimers());

const list = (options: { readonly isRevoked?: boolean; readonly to?: number } = {}): Uint8Array =>
  rootRevocationList(amd, options);

function fileOf(content: string | Uint8Array): string {
  const file = join(temporaryFolder(), 'crl');
  writeFileSync(file, content);
  return file;
}

describe('revocation lists of AMD', () => {
  test('R28 change the verdict of a CMC, and are read again with its metadata', async () => {
    const { logger } = recordingLogger();
    const file = fileOf(list());
    const cmc = await createCmc({
      metadataRoots: scene.roots,
      snpRoots: [amd.root],
      snpRevocationLists: async () => await readSnpCrls([file], logger),
    });
    onTestFinished(async () => await cmc[Symbol.asyncDispose]());
    const verdict = async (): Promise<string> =>
      (await cmc.verify({ nonce: NONCE, report })).result.summary.status;

    expect(await verdict()).toBe('success');
    writeFileSync(file, list({ isRevoked: true }));
    expect(await verdict()).toBe('success');
    await cmc.updateMetadata();
    expect(await verdict()).toBe('fail');
    writeFileSync(file, 'no list');
    await expect(cmc.updateMetadata()).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
    expect(await verdict()).toBe('fail');
    writeFileSync(file, toPem(list(), 'X509 CRL'));
    await cmc.updateMetadata();
    expect(await verdict()).toBe('success');
  });

  test('R28 are demanded by a daemon that is given some, which reads them again on reload', async () => {
    const world = await createWorld();
    writeFileSync(world.caFile, scene.ca.pem);
    const codesWith = async (verifier: Awaited<ReturnType<typeof startVerifier>>) => {
      const { measurements } = await verifier.verify(report);
      return measurements?.[0]?.signature.certChainValidation.errorCodes;
    };
    // No daemon can be told to trust another root than AMD's: that is what remains.
    const foreign = ErrorCode.CaFingerprint;
    expect(await codesWith(await startVerifier(world))).toEqual([foreign]);
    const file = fileOf(list({ to: -1 }));
    const { logger, warnings } = recordingLogger();
    const verifier = await startVerifier(world, { snpCrls: [file] }, logger);
    expect(await codesWith(verifier)).toEqual([ErrorCode.CRLCheckRoot, foreign]);
    expect(warnings).toContain('a revocation list is out of date: SNP reports will fail');
    writeFileSync(file, list());
    await verifier.reload();
    expect(await codesWith(verifier)).toEqual([foreign]);
  });

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['text', 'a list'],
    ['a certificate', toPem(Uint8Array.of(0x30, 0x00), 'CERTIFICATE')],
    ['something else in PEM', toPem(Uint8Array.of(0x30, 0x00), 'X509 CRL')],
  ])('a daemon does not start with a file of %s instead', async (_, content) => {
    const world = await createWorld();
    const file = fileOf(content);
    await expect(startVerifier(world, { snpCrls: [file] })).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringContaining(`snpCrls: ${file}`),
    });
    await expect(startVerifier(world, { snpCrls: ['/nonexistent'] })).rejects.toMatchObject({
      code: 'ERR_CONFIG_UNREADABLE',
    });
  });
});
