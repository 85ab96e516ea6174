import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CmcClient } from '@cmc/api';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import { createProvisioning, keyFor } from './support/provisioning.ts';
import { sayHello } from './support/say-hello.ts';
import { buildPrograms, createSite, type Site } from './support/site.ts';

beforeAll(buildPrograms, BUILD_TIMEOUT_MS);

const TIMEOUT_MS = 60_000;
const KILLS = 100;
const KILLS_TIMEOUT_MS = 600_000;
const MAX_DELAY_MS = 300;
/** Time between the end of the server and that of the daemon, when both are killed. */
const MAX_GAP_MS = 50;

/** Waits for a random time. */
async function atMost(ms: number): Promise<void> {
  await new Promise((go) => setTimeout(go, Math.random() * ms));
}

/** A file with a token. */
function tokenFile(site: Site, name: string, token: string): string {
  const file = join(site.folder, `${name}.token`);
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return file;
}

describe('provisioning', () => {
  test(
    'from nothing: two daemons enrol with tokens, and connect with the keys that they keep',
    async () => {
      const site = await createSite();
      const provisioning = await createProvisioning(site, {
        endpoints: { attestenroll: ['attestation', 'token'] },
      });
      await provisioning.start();
      const enrol = async (role: 'server' | 'client') => {
        const provisionToken = tokenFile(site, role, await provisioning.token(role, 'localhost'));
        const daemon = await provisioning.startDaemon(role, { provisionToken });
        const client = await daemon.client();
        const { keyId } = await client.tlsCreate({ keyConfig: keyFor(role, 'localhost') });
        return { daemon, keyId, client };
      };
      const [server, client] = [await enrol('server'), await enrol('client')];
      expect(await sayHello(provisioning.rootPem, { server, client })).toBe('hello');
      expect(await provisioning.certificates()).toHaveLength(2);

      // The token was for one key.
      const again = client.client.tlsCreate({ keyConfig: keyFor('client', 'localhost') });
      await expect(again).rejects.toMatchObject({ remoteCode: 'ERR_EST_UNAUTHORIZED' });
      expect(await provisioning.certificates()).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  test(
    'refuses a daemon whose software nobody knows, and names that it may not have',
    async () => {
      const site = await createSite();
      const provisioning = await createProvisioning(site);
      await provisioning.start();
      const daemon = await provisioning.startDaemon('client');
      const client = await daemon.client();
      const unauthorized = { remoteCode: 'ERR_EST_UNAUTHORIZED' };
      const create = (...names: string[]): Promise<unknown> =>
        client.tlsCreate({ keyConfig: keyFor('client', ...names) });
      await expect(create('bank.example')).rejects.toMatchObject(unauthorized);
      const { event } = await site.testbed.party('intruder');
      await client.measure({ event });
      await expect(create('localhost')).rejects.toMatchObject(unauthorized);
      expect(await provisioning.certificates()).toStrictEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    `survives that the daemon is killed ${KILLS} times, often with the server: a key for each certificate, a certificate for each key`,
    async () => {
      const site = await createSite();
      const provisioning = await createProvisioning(site, { allowedNames: ['*'] });
      let server = await provisioning.start();
      let daemon = await provisioning.startDaemon('client');
      const acknowledged: string[] = [];
      let number = 0;
      let interrupted = 0;
      const enrolAll = async (client: CmcClient): Promise<never> => {
        for (;;) {
          const name = `node-${number++}.example`;
          acknowledged.push((await client.tlsCreate({ keyConfig: keyFor(name, name) })).keyId);
        }
      };
      const pending = (): string[] => readdirSync(join(daemon.storage, 'tls_key_store/pending'));
      for (let kill = 0; kill < KILLS; kill++) {
        const client = await daemon.client();
        const work = Promise.allSettled([enrolAll(client), enrolAll(client), enrolAll(client)]);
        await atMost(MAX_DELAY_MS);
        const killsServer = kill % 3 > 0;
        if (killsServer) {
          await server.stop('SIGKILL');
          await atMost(MAX_GAP_MS);
        }
        await daemon.program.stop('SIGKILL');
        await work;
        if (pending().length > 0) interrupted++;
        if (killsServer) server = await provisioning.start();
        daemon = await provisioning.startDaemon('client');
      }
      const client = await daemon.client();
      await expect.poll(pending, { timeout: 60_000, interval: 100 }).toStrictEqual([]);
      expect(interrupted).toBeGreaterThan(KILLS / 4);

      const ready = join(daemon.storage, 'tls_key_store/ready');
      const keys = readdirSync(ready);
      const spkis: string[] = [];
      // One after another: there may be more keys than calls that a daemon takes at once.
      for (const keyId of keys) {
        const { certificate } = await client.tlsCert({ keyId });
        await client.tlsSign({ keyId, content: new Uint8Array(32), hashAlg: 'SHA-256' });
        expect(existsSync(join(ready, keyId, 'chain.pem'))).toBe(true);
        const own = createPublicKey(
          createPrivateKey(readFileSync(join(ready, keyId, 'key.pem'))),
        ).export({ format: 'der', type: 'spki' });
        const leaf = new X509Certificate(certificate[0] ?? '').publicKey;
        expect(leaf.export({ format: 'der', type: 'spki' }).equals(own)).toBe(true);
        spkis.push(createHash('sha256').update(own).digest('hex'));
      }
      const issued = await provisioning.certificates();
      expect(issued.map(({ spkiSha256 }) => spkiSha256).sort()).toStrictEqual(spkis.sort());
      expect(keys).toStrictEqual(expect.arrayContaining(acknowledged));
      expect(await provisioning.verifyAudit()).toBe(0);
    },
    KILLS_TIMEOUT_MS,
  );
});
