import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCode } from '@cmc/attestationreport';
import { createFakeKeySync, spkiOf } from '@cmc/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { SIGNERS, signedFiles } from '../../../attestationreport/test/support/signed-files.ts';
import { CLOCK_LEEWAY_MS } from '../../src/cmc/tpm-clocks.ts';
import { createTpmPeer } from '../support/tpm-peer.ts';
import { startVerifier } from '../support/verifying-daemon.ts';
import { createWorld, type World } from '../support/world.ts';

const LATE = 10n * BigInt(CLOCK_LEEWAY_MS);

let world: World;
let storage: string;
let clocksFile: string;
beforeEach(async () => {
  world = await createWorld();
  storage = join(world.folder, 'storage');
  clocksFile = join(storage, 'tpm-clocks.json');
});

describe('the clock of a TPM', () => {
  test('R09 may not go back while the daemon runs, nor over a restart', async () => {
    const peer = await createTpmPeer(world);
    const [late, early] = [await peer.report({ clock: LATE }), await peer.report({ clock: 1n })];
    const verifier = await startVerifier(world, { storage });
    expect(await verifier.verdict(early)).toBe('success');
    expect(await verifier.verdict(late)).toBe('success');
    const refused = await verifier.verify(early);
    expect(refused.summary.status).toBe('fail');
    expect(refused.measurements?.map(({ summary }) => summary.errorCodes)).toEqual([
      [ErrorCode.Freshness],
    ]);
    await verifier.stop();

    const again = await startVerifier(world, { storage });
    expect(await again.verdict(early)).toBe('fail');
    expect(await again.verdict(late)).toBe('success');
    await again.stop();

    const elsewhere = await startVerifier(world, { storage: join(world.folder, 'other') });
    expect(await elsewhere.verdict(early)).toBe('success');
  });

  test.each([
    ['resets', { resetCount: 5, restartCount: 9 }, { resetCount: 4, restartCount: 9 }],
    ['restarts', { resetCount: 5, restartCount: 9 }, { resetCount: 5, restartCount: 8 }],
  ])('R09 the count of %s may not go back by one', async (_, last, before) => {
    const peer = await createTpmPeer(world);
    const verifier = await startVerifier(world);
    expect(await verifier.verdict(await peer.report(last))).toBe('success');
    expect(await verifier.verdict(await peer.report(before))).toBe('fail');
  });

  test('R09 is no reason to refuse a report that another one of the same time overtook', async () => {
    const peer = await createTpmPeer(world);
    const verifier = await startVerifier(world);
    const [first, second] = [
      await peer.report({ clock: LATE }),
      await peer.report({ clock: LATE + 5n }),
    ];
    expect(await verifier.verdict(second)).toBe('success');
    expect(await verifier.verdict(first)).toBe('success');
    // What was overtaken takes nothing back.
    const tooOld = await peer.report({ clock: LATE + 4n - BigInt(CLOCK_LEEWAY_MS) });
    expect(await verifier.verdict(tooOld)).toBe('fail');
  });

  test('R09 is of its key alone', async () => {
    const [peer, other] = [await createTpmPeer(world), await createTpmPeer(world)];
    const verifier = await startVerifier(world);
    expect(await verifier.verdict(await peer.report({ clock: LATE }))).toBe('success');
    expect(await verifier.verdict(await other.report({ clock: 1n }))).toBe('success');
  });

  test('may go back when allowOlderTpmClock says so: nothing is read or written then', async () => {
    mkdirSync(storage);
    writeFileSync(clocksFile, '{');
    const peer = await createTpmPeer(world);
    const verifier = await startVerifier(world, { storage, allowOlderTpmClock: true });
    expect(await verifier.verdict(await peer.report({ clock: LATE }))).toBe('success');
    expect(await verifier.verdict(await peer.report({ clock: 1n }))).toBe('success');
    expect(readFileSync(clocksFile, 'utf8')).toBe('{');
  });

  test('R09 a daemon whose record is damaged does not start, and leaves it as it is', async () => {
    mkdirSync(storage);
    writeFileSync(clocksFile, '[["');
    await expect(startVerifier(world, { storage })).rejects.toMatchObject({
      code: 'ERR_CMCD_TPM_CLOCKS',
      message: expect.stringContaining(clocksFile),
    });
    expect(readFileSync(clocksFile, 'utf8')).toBe('[["');
  });

  test('of a report that is refused leaves no trace', async () => {
    const [file] = signedFiles();
    const peer = await createTpmPeer(world, { measured: file === undefined ? [] : [file] });
    const verifier = await startVerifier(world, { storage });
    expect(await verifier.verdict(await peer.report({ clock: LATE }))).toBe('fail');
    expect(existsSync(clocksFile)).toBe(false);
  });
});

describe('an attestation key with a certificate for TLS', () => {
  test('R11 is refused, unless tpmAllowTlsKeys takes it', async () => {
    const peer = await createTpmPeer(world, { usages: ['serverAuth', 'clientAuth'] });
    const report = await peer.report();
    expect(await (await startVerifier(world)).verdict(report)).toBe('fail');
    const lenient = await startVerifier(world, { tpmAllowTlsKeys: true });
    expect(await lenient.verdict(report)).toBe('success');
  });
});

describe('a boot_aggregate of another boot, without its entry', () => {
  test('R21 is refused though it has a reference value, unless tpmAllowUncheckedBootAggregate takes it', async () => {
    const name = 'boot_aggregate';
    const measured = [{ name, digest: new Uint8Array(32).fill(1), isKnown: true }];
    const report = await (await createTpmPeer(world, { measured })).report();
    expect(await (await startVerifier(world)).verdict(report)).toBe('fail');
    const lenient = await startVerifier(world, { tpmAllowUncheckedBootAggregate: true });
    expect(await lenient.verdict(report)).toBe('success');
  });
});

describe('files that IMA measured and no reference value knows', () => {
  test('R21 are refused, unless keys of imaKeys signed them all', async () => {
    const report = await (await createTpmPeer(world, { measured: signedFiles() })).report();
    const [rsa, secp256k1] = SIGNERS;
    const other = join(world.folder, 'other.der');
    writeFileSync(other, spkiOf(createFakeKeySync()));
    const verdictWith = async (imaKeys?: readonly string[]): Promise<string> =>
      await (await startVerifier(world, imaKeys && { imaKeys })).verdict(report);
    expect(await verdictWith()).toBe('fail');
    expect(await verdictWith([rsa])).toBe('fail');
    expect(await verdictWith([other])).toBe('fail');
    expect(await verdictWith([other, rsa, secp256k1])).toBe('success');
  });
});
