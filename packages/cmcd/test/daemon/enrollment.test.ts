import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCmcClient } from '@cmc/api';
import { openContainerLog } from '@cmc/driver-sw';
import { createFakeCa } from '@cmc/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { openEnroller } from '../../src/daemon/enrollment.ts';
import { startDaemon } from '../../src/daemon/index.ts';
import type { Enroller } from '../../src/keys/enroller.ts';
import { type EstStandIn, startEstStandIn } from '../support/est-stand-in.ts';
import { openKeyManager } from '../support/key-manager.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { createWorld, type World } from '../support/world.ts';

const keyConfig = {
  type: 'sw',
  alg: 'EC256',
  cn: 'node-7',
  dnsNames: ['node-7.example'],
  ipAddresses: [],
} as const;

let world: World;
let server: EstStandIn;
let folder: string;
beforeEach(async () => {
  world = await createWorld();
  server = await startEstStandIn({ roots: world.roots, tokens: ['one.token'] });
  folder = temporaryFolder();
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function open(settings: Partial<CmcdConfig>): Promise<Enroller> {
  const config: CmcdConfig = {
    rootCas: [world.caFile],
    enrollmentMode: 'est',
    enrollmentAddr: server.url,
    ...settings,
  };
  const context = { name: 'node-7', httpsRoots: [server.rootsPem] };
  return (await openEnroller(config, context)) as Enroller;
}

describe('enrolment at a server', () => {
  test.each(['one.token', 'one.token\n', '  one.token\r\n'])(
    'sends the token of a file that holds %j',
    async (content) => {
      const enroller = await open({ provisionToken: file('token', content) });
      // The stand-in refuses the report, and has seen the token then.
      const manager = await openKeyManager({ enroller, report: async () => Uint8Array.of(1) });
      await expect(manager.create(keyConfig)).rejects.toMatchObject({
        code: 'ERR_EST_UNAUTHORIZED',
      });
      expect(server.headers[0]?.authorization).toBe('Bearer one.token');
    },
  );

  test('starts before there is a token, and reads it when a key is made', async () => {
    const path = join(folder, 'later');
    const enroller = await open({ provisionToken: path });
    const manager = await openKeyManager({ enroller, report: async () => Uint8Array.of(1) });
    await expect(manager.create(keyConfig)).rejects.toMatchObject({
      code: 'ERR_CONFIG_UNREADABLE',
    });
    expect(server.requests).toStrictEqual([]);
    file('later', 'one.token');
    await expect(manager.create(keyConfig)).rejects.toMatchObject({ code: 'ERR_EST_UNAUTHORIZED' });
    expect(server.headers).toHaveLength(1);
  });

  test.each(['', 'two\ntokens', 'sécret', 'a'.repeat(513)])(
    'refuses a file that holds no token, and does not show what it holds: %j',
    async (content) => {
      const enroller = await open({ provisionToken: file('token', content) });
      const manager = await openKeyManager({ enroller });
      const failed = await manager.create(keyConfig).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: 'ERR_CONFIG_VALUE' });
      if (content !== '') expect(String(failed)).not.toContain(content);
    },
  );

  test('refuses a client certificate that is for another key, and files that are neither', async () => {
    const [one, other] = await Promise.all(
      ['one', 'other'].map((commonName) => createFakeCa().issue({ commonName })),
    );
    const enrollmentCert = file('cert.pem', one?.chainPem ?? '');
    const otherKey = file('key.pem', other?.privateKeyPem ?? '');
    for (const [settings, message] of [
      [{ enrollmentCert, enrollmentKey: otherKey }, /^enrollmentCert: its first certificate/],
      [{ enrollmentCert, enrollmentKey: enrollmentCert }, /^enrollmentKey: .* no private key/],
      [{ enrollmentCert: otherKey, enrollmentKey: otherKey }, /^enrollmentCert: .* no certificate/],
    ] as const) {
      await expect(open(settings)).rejects.toMatchObject({
        code: 'ERR_CONFIG_VALUE',
        message: expect.stringMatching(message),
      });
    }
  });

  test('works in a daemon, whose keys are there after a restart', async () => {
    const roots = file('roots.pem', server.rootsPem);
    const { enrollmentCaKey: _, enrollmentCaChain: __, ...others } = world.config();
    const config: CmcdConfig = {
      ...others,
      rootCas: [world.caFile, roots],
      enrollmentMode: 'est',
      enrollmentAddr: server.url,
      provisionToken: file('token', 'one.token'),
    };
    mkdirSync(config.storage ?? '');
    const path = join(config.storage ?? '', 'container-log.json');
    await openContainerLog({ path }).append(world.event);
    const certificates: string[] = [];
    let keyId = '';
    for (const isFirst of [true, false]) {
      await using daemon = await startDaemon(config);
      const address = daemon.endpoints[0]?.address ?? '';
      await using client = await createCmcClient({ api: 'socket', address });
      if (isFirst) ({ keyId } = await client.tlsCreate({ keyConfig }));
      const { certificate } = await client.tlsCert({ keyId });
      certificates.push(certificate.map((pem) => new TextDecoder().decode(pem)).join(''));
    }
    expect(certificates[0]).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(certificates[1]).toBe(certificates[0]);
    expect(server.issued).toHaveLength(1);
  });
});
