import { randomBytes, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CmcClient } from '@cmc/api';
import type { Component } from '@cmc/attestationreport';
import { createContainerEvent } from '@cmc/driver-sw';
import { beforeAll, describe, expect, test } from 'vitest';
import { BUILD_TIMEOUT_MS, buildMain } from '../support/build.ts';
import { startProcess } from '../support/daemon-process.ts';
import { container, createWorld, type World } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

/** What the daemon said it had done before it was killed. */
interface Acknowledged {
  readonly keys: string[];
  readonly events: string[];
  readonly peers: string[];
}

async function makeKeys(client: CmcClient, { keys }: Acknowledged): Promise<never> {
  const names = { cn: 'localhost', dnsNames: ['localhost'], ipAddresses: [] };
  for (;;) {
    keys.push(
      (await client.tlsCreate({ keyConfig: { type: 'sw', alg: 'EC256', ...names } })).keyId,
    );
  }
}

async function measure(client: CmcClient, { events }: Acknowledged): Promise<never> {
  for (;;) {
    const event = await createContainerEvent(container(`app ${randomBytes(8).toString('hex')}`));
    await client.measure({ event });
    events.push(event.name);
  }
}

async function verifyPeers(
  client: CmcClient,
  report: Uint8Array,
  { peers }: Acknowledged,
): Promise<never> {
  for (;;) {
    const peer = randomBytes(32).toString('hex');
    await client.verify({ nonce: new Uint8Array(32), report, peer });
    peers.push(peer);
  }
}

function fewest({ keys, events, peers }: Acknowledged): number {
  return Math.min(keys.length, events.length, peers.length);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

async function expectUsable(world: World, client: CmcClient, done: Acknowledged): Promise<void> {
  const storage = join(world.folder, 'storage');
  // Not only the keys that were acknowledged: whatever is there has to work.
  for (const keyId of new Set([
    ...done.keys,
    ...readdirSync(join(storage, 'tls_key_store/ready')),
  ])) {
    const { certificate } = await client.tlsCert({ keyId });
    expect(new X509Certificate(certificate[0] ?? '').subject).toBe('CN=localhost');
    const content = new Uint8Array(32);
    await client.tlsSign({ keyId, content, hashAlg: 'SHA-256' });
  }
  const log = JSON.parse(readFileSync(join(storage, 'container-log.json'), 'utf8'));
  const recorded = new Set(log.events.map((event: Component) => event.name));
  expect(done.events.filter((name) => !recorded.has(name))).toStrictEqual([]);
  for (const peer of done.peers) {
    expect((await client.peerCache({ peer })).cache).toHaveLength(2);
  }
  // Enrolments go on in the background: they write files too, and are done with them soon.
  await expect
    .poll(() => filesBelow(world.folder).filter((name) => name.includes('tmp')))
    .toStrictEqual([]);
  expect((await client.attest({ nonce: new Uint8Array(32) })).report.length).toBeGreaterThan(0);
}

describe('daemon that is killed at any moment', () => {
  test('loses nothing that it acknowledged, and the next start can use all it left', async () => {
    const world = await createWorld();
    const done: Acknowledged = { keys: [], events: [], peers: [] };
    const first = await startProcess(world);
    const prover = await first.client('socket');
    const { report } = await prover.attest({ nonce: new Uint8Array(32) });
    await first.stop();
    // The last time not before everything was done at least once, however busy the machine is.
    for (const delay of [5, 20, 40, 80, 120, 160, undefined]) {
      const daemon = await startProcess(world);
      const client = await daemon.client('socket');
      await expectUsable(world, client, done);
      const work = Promise.allSettled([
        makeKeys(client, done),
        measure(client, done),
        verifyPeers(client, report, done),
      ]);
      if (delay === undefined)
        await expect.poll(() => fewest(done), { timeout: 10_000 }).toBeGreaterThan(0);
      setTimeout(() => daemon.child.kill('SIGKILL'), delay);
      await work;
    }
    const last = await startProcess(world);
    await expectUsable(world, await last.client('socket'), done);
  });
});
