import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Component, ErrorCode } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { toHex } from '@cmc/bytes';
import { createTpmAccess, createTpmDriver, deviceOpener } from '@cmc/driver-tpm';
import { imaEntryDigest } from '@cmc/ima';
import { isMissing, startSwtpm } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  IMA_ENTRIES,
  IMA_LIST,
  SIGNERS,
} from '../../../attestationreport/test/support/signed-files.ts';
import { endorse } from '../../../driver-tpm/test/support/machine.ts';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { startDaemon } from '../../src/daemon/index.ts';
import { metadataOf } from '../support/tpm-peer.ts';
import { clientOf, NONCE, startVerifier } from '../support/verifying-daemon.ts';
import { createWorld, type World } from '../support/world.ts';

const isSwtpmMissing = isMissing('swtpm', 'tpm2_pcrextend', 'tpm2_shutdown');

const STATE = 'tpm2-00.permall';

/** Settings of a daemon with a TPM that ran the files of the list, two of which are known. */
async function createAttester(): Promise<{
  readonly world: World;
  readonly settings: Partial<CmcdConfig>;
  /** Starts the computer anew; gives the state of its TPM, or sets it back to an older one. */
  readonly reboot: (older?: Uint8Array) => Promise<Uint8Array>;
}> {
  const world = await createWorld();
  const swtpm = await startSwtpm();
  onTestFinished(async () => await swtpm[Symbol.asyncDispose]());
  const tpmDevice = `unix://${swtpm.path}`;
  const storage = join(world.folder, 'attester');
  // A key that has its certificate: no server has to be asked.
  await createTpmDriver({
    access: createTpmAccess(deviceOpener(tpmDevice)),
    endorser: { endorse: async ({ signer }) => await endorse(world.ca, signer.publicKey) },
    storage,
  }).prepare();
  const digests = IMA_ENTRIES.map((entry) => imaEntryDigest(entry, { bank: 'SHA-256' }));
  const measure = (): void => {
    for (const digest of digests) swtpm.tool('tpm2_pcrextend', `10:sha256=${toHex(digest)}`);
  };
  measure();
  const imaLog = join(world.folder, 'ima');
  writeFileSync(imaLog, IMA_LIST);
  const references = digests.slice(0, 2).map(
    (content, i): Component => ({
      type: 'firmware',
      name: `module ${i}`,
      hashes: [{ alg: 'SHA-256', content }],
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: '10' },
      ],
    }),
  );
  const metadata = join(world.folder, 'tpm-metadata');
  mkdirSync(metadata);
  for (const [i, item] of (await metadataOf(world, references)).entries()) {
    writeFileSync(join(metadata, String(i)), item);
  }
  const endorsementAddr = 'https://localhost:1';
  const settings: Partial<CmcdConfig> = {
    drivers: ['tpm'],
    storage,
    metadata: [`file://${metadata}`],
    endorsementAddr,
    tpmDevice,
    imaLog,
  };
  const reboot = async (older?: Uint8Array): Promise<Uint8Array> => {
    swtpm.tool('tpm2_shutdown', '--clear');
    const state = readFileSync(join(swtpm.folder, STATE));
    if (older !== undefined) writeFileSync(join(swtpm.folder, STATE), older);
    await swtpm.reboot();
    measure();
    return state;
  };
  return { world, settings, reboot };
}

/** A report of a daemon that runs as long as it takes. */
async function reportOf(world: World, settings: Partial<CmcdConfig>): Promise<Uint8Array> {
  await using daemon = await startDaemon(world.config(settings));
  await using client = await clientOf(daemon);
  return (await client.attest({ nonce: NONCE })).report;
}

describe.skipIf(isSwtpmMissing)('a daemon with a TPM', () => {
  test('R21 lets verifiers accept files by their signatures, with imaSignatures only', async () => {
    const { world, settings } = await createAttester();
    const verifier = await startVerifier(world, { imaKeys: SIGNERS });
    const strict = await startVerifier(world);
    const plain = await reportOf(world, settings);
    expect(await verifier.verdict(plain)).toBe('fail');
    const signed = await reportOf(world, { ...settings, imaSignatures: true });
    expect(await verifier.verdict(signed)).toBe('success');
    expect(await strict.verdict(signed)).toBe('fail');
  });

  test('reads the log of the firmware where tpmEventLog says', async () => {
    const { world, settings } = await createAttester();
    const tpmEventLog = join(world.folder, 'firmware-log');
    writeFileSync(tpmEventLog, 'no log');
    await expect(reportOf(world, { ...settings, tpmEventLog })).rejects.toMatchObject({
      remoteCode: 'ERR_TPM_DRIVER_LOG',
    });
  });

  test('R09 is refused when its TPM was set back to an old snapshot, until the clock is forgotten', async () => {
    const { world, settings, reboot } = await createAttester();
    const attester = { ...settings, imaSignatures: true };
    const storage = join(world.folder, 'verifier');
    const verifier = await startVerifier(world, { imaKeys: SIGNERS, storage });
    const snapshot = await reboot();
    await reboot();
    expect(await verifier.verdict(await reportOf(world, attester))).toBe('success');
    await reboot(snapshot);
    const back = await reportOf(world, attester);
    const { measurements } = await verifier.verify(back);
    expect(measurements?.[0]?.summary).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.Freshness],
      details: expect.stringContaining('resets'),
    });
    await verifier.stop();

    // As the README tells operators: the row of this key, while the daemon does not run.
    const [certificate] = parsePemCertificates(
      readFileSync(join(settings.storage ?? '', 'tpm_ak_chain.pem'), 'utf8'),
    );
    const key = createHash('sha256')
      .update(certificate?.spki ?? new Uint8Array())
      .digest('hex');
    const file = join(storage, 'tpm-clocks.json');
    const rows = JSON.parse(readFileSync(file, 'utf8')) as readonly (readonly unknown[])[];
    const others = rows.filter(([each]) => each !== key);
    expect(others).toHaveLength(rows.length - 1);
    writeFileSync(file, JSON.stringify(others));
    const again = await startVerifier(world, { imaKeys: SIGNERS, storage });
    expect(await again.verdict(back)).toBe('success');
  });
});
