import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CmcClient, TlsKeyConfig } from '@cmc/api';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { BUILD_TIMEOUT_MS, buildMain } from '../support/build.ts';
import { type DaemonProcess, startProcess } from '../support/daemon-process.ts';
import { type EstStandIn, startEstStandIn } from '../support/est-stand-in.ts';
import { createWorld, type World } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

const KILLS = 20;
/** Longest time after which the daemon is killed: some enrolments are over by then. */
const MAX_DELAY_MS = 250;
const MAX_SERVER_PAUSE_MS = 15;
const TEST_TIMEOUT_MS = 120_000;

function keyConfig(number: number): TlsKeyConfig {
  const name = `node-${number}.example`;
  return { type: 'sw', alg: 'EC256', cn: name, dnsNames: [name], ipAddresses: [] };
}

function enrolling(server: EstStandIn, world: World): Partial<CmcdConfig> {
  const roots = join(world.folder, 'est-root.pem');
  writeFileSync(roots, server.rootsPem);
  const { enrollmentCaKey: _, enrollmentCaChain: __, ...others } = world.config();
  return {
    ...others,
    enrollmentMode: 'est',
    enrollmentAddr: server.url,
    rootCas: [world.caFile, roots],
  };
}

/** A world whose daemon enrols at `server`: `config` merges, and cannot take settings away. */
function enrollingWorld(server: EstStandIn, world: World): World {
  const config = enrolling(server, world) as CmcdConfig;
  return { ...world, config: (change) => ({ ...config, ...change }) };
}

/** Everything that the daemon has is a key that works, with the certificate of that key. */
async function expectNoKeyWithoutCertificate(world: World, client: CmcClient): Promise<string[]> {
  const ready = join(world.folder, 'storage/tls_key_store/ready');
  const spkis: string[] = [];
  for (const keyId of existsSync(ready) ? readdirSync(ready) : []) {
    const { certificate } = await client.tlsCert({ keyId });
    await client.tlsSign({ keyId, content: new Uint8Array(32), hashAlg: 'SHA-256' });
    const key = createPrivateKey(readFileSync(join(ready, keyId, 'key.pem')));
    const own = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const leaf = new X509Certificate(certificate[0] ?? '');
    expect(leaf.publicKey.export({ format: 'der', type: 'spki' }).equals(own)).toBe(true);
    spkis.push(own.toString('hex'));
  }
  return spkis;
}

function pendingOf(world: World): string[] {
  return readdirSync(join(world.folder, 'storage/tls_key_store/pending'));
}

describe('daemon that is killed while it enrols keys', () => {
  test(
    `starts again after ${KILLS} kills, with a key for every certificate and a certificate for every key`,
    async () => {
      const plain = await createWorld();
      const server = await startEstStandIn({ roots: plain.roots });
      const world = enrollingWorld(server, plain);
      server.answer = async () => {
        await new Promise((go) => setTimeout(go, Math.random() * MAX_SERVER_PAUSE_MS));
        return undefined;
      };
      const acknowledged: string[] = [];
      let number = 0;
      let interrupted = 0;
      const enrolAll = async (client: CmcClient): Promise<never> => {
        for (;;) {
          const { keyId } = await client.tlsCreate({ keyConfig: keyConfig(number++) });
          acknowledged.push(keyId);
        }
      };
      for (let kill = 0; kill < KILLS; kill++) {
        const daemon = await startProcess(world);
        const client = await daemon.client('socket');
        const work = Promise.allSettled([enrolAll(client), enrolAll(client), enrolAll(client)]);
        setTimeout(() => daemon.child.kill('SIGKILL'), Math.random() * MAX_DELAY_MS);
        await work;
        await daemon.stop('SIGKILL');
        if (pendingOf(world).length > 0) interrupted++;
      }
      const last: DaemonProcess = await startProcess(world);
      const client = await last.client('socket');
      await expect.poll(() => pendingOf(world), { timeout: 20_000 }).toStrictEqual([]);
      const spkis = await expectNoKeyWithoutCertificate(world, client);
      expect(spkis.length).toBeGreaterThan(KILLS / 4);
      expect(interrupted).toBeGreaterThan(KILLS / 4);
      expect(server.issued.map(({ spki }) => spki).sort()).toStrictEqual(spkis.sort());
      for (const keyId of acknowledged) {
        expect((await client.tlsCert({ keyId })).certificate).toHaveLength(2);
      }
    },
    TEST_TIMEOUT_MS,
  );
});
