import { connect as connectTo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  activateCredential,
  keyTemplate,
  openEndorsementKey,
  startEkSession,
  storageKeyTemplate,
  TPM_HT,
  type Tpm,
} from '../src/index.ts';
import { openSimulator } from '../src/transport/index.ts';
import { ekTemplate, makeCredential } from '../src/verify/index.ts';
import { isSwtpmMissing, startSwtpm } from './support/swtpm.ts';

async function loaded(tpm: Tpm): Promise<readonly (readonly number[])[]> {
  return [
    await tpm.capabilities.handles(TPM_HT.TRANSIENT),
    await tpm.capabilities.handles(TPM_HT.LOADED_SESSION),
    await tpm.capabilities.handles(TPM_HT.SAVED_SESSION),
  ];
}

describe.skipIf(isSwtpmMissing)('handles', () => {
  test('1000 failing operations leave none behind', async () => {
    await using swtpm = await startSwtpm();
    await using tpm = await swtpm.open();
    const scheme = { scheme: 'ECDSA', hash: 'SHA-256' } as const;
    await using ek = await openEndorsementKey(tpm, ekTemplate('L-2'));
    await using ak = await tpm.createPrimary('owner', {
      template: keyTemplate({ key: 'P-256', restricted: true, scheme }),
    });
    const before = await loaded(tpm);
    const credential = await makeCredential({
      ek: ek.public,
      name: ek.name,
      credential: new Uint8Array(32),
    });
    const wrong = { password: new Uint8Array(3).fill(1) };
    const operations: readonly (() => Promise<unknown>)[] = [
      () => activateCredential(tpm, ak, ek, credential),
      () => startEkSession(tpm, ek, { endorsementPassword: wrong.password }),
      () => tpm.load(ek, { privateArea: new Uint8Array(8), publicArea: ak.publicArea }),
      () => tpm.createPrimary('owner', { template: storageKeyTemplate(), auth: wrong }),
      () => tpm.hash('SHA-256', new Uint8Array(200_000), { signal: AbortSignal.timeout(1) }),
      async () => {
        await using session = await tpm.startSession({ type: 'policy', saltKey: ek });
        await tpm.quote(ak, { pcrs: [], auth: { session } });
      },
      async () => {
        const controller = new AbortController();
        const primary = tpm.createPrimary('owner', {
          template: storageKeyTemplate(),
          signal: controller.signal,
        });
        setTimeout(() => controller.abort(new Error('enough')), 1);
        // Whoever gets it in time has to flush it.
        await (await primary).flush();
        throw new Error('in time');
      },
    ];
    let failed = 0;
    for (let i = 0; i < 1000; i++) {
      const operation = operations[i % operations.length];
      await operation?.().catch(() => {
        failed += 1;
      });
    }
    expect(failed).toBe(1000);
    expect(await loaded(tpm)).toEqual(before);
  }, 120_000);

  test('close flushes what a program forgot', async () => {
    await using swtpm = await startSwtpm();
    const first = await swtpm.open();
    await first.createPrimary('owner', { template: storageKeyTemplate() });
    await first.startSession({ type: 'hmac' });
    expect((await loaded(first)).flat()).toHaveLength(2);
    await first.close();
    await using second = await swtpm.open();
    expect((await loaded(second)).flat()).toEqual([]);
  });

  test('swtpm over TCP and in the framing of the simulator', async () => {
    await using swtpm = await startSwtpm();
    const relay = createServer((socket) => {
      const upstream = connectTo(swtpm.path);
      socket.pipe(upstream).pipe(socket);
      socket.on('error', () => upstream.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const address = relay.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    {
      const { open } = swtpm;
      await using tpm = await open({ socket: { port: address.port } });
      expect(await tpm.getRandom(16)).toHaveLength(16);
    }
    await using tpm = await swtpm.open({
      transport: await openSimulator({ port: address.port }),
    });
    expect((await tpm.capabilities.info()).manufacturer).toBe('IBM');
    relay.close();
  });
});
