import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePss } from '@cmc/testkit';
import { expect, it, onTestFinished } from 'vitest';
import type { NativeRemoteKeys } from '../src/native.ts';
import { createRemoteKey } from '../src/remote-key.ts';
import { describeWithAddon } from './support/addon.ts';
import { handshake } from './support/handshake.ts';
import { createParty, type Party } from './support/party.ts';
import { softSigner } from './support/soft-signer.mjs';

const ADDON = new URL(
  `../prebuilds/${process.platform}-${process.arch}/tls-remote-key.node`,
  import.meta.url,
);

/** As a second installation of the package has it. */
function loadAnotherCopy(): NativeRemoteKeys {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-tls-remote-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'copy.node');
  copyFileSync(fileURLToPath(ADDON), path);
  return createRequire(import.meta.url)(path) as NativeRemoteKeys;
}

interface OtherKey {
  readonly pem: string;
  close(): void;
  signatures(): number;
}

/** The key of a party, once more, in another copy of the addon. */
function sameKeyIn(native: NativeRemoteKeys, { publicKey, privateKeyPem }: Party): OtherKey {
  const sign = softSigner(privateKeyPem, encodePss);
  let count = 0;
  const key = createRemoteKey(native, {
    publicKey,
    sign: (request) => {
      count += 1;
      return sign(request);
    },
  });
  return { pem: key.pem, close: () => key.close(), signatures: () => count };
}

describeWithAddon('two copies of the addon in one process', () => {
  it('each sign for one end of a connection', async () => {
    const [server, client] = [await createParty('EC256'), await createParty('EC384')];
    const other = sameKeyIn(loadAnotherCopy(), client);
    const outcome = await handshake(
      { cert: server.cert, key: server.key.pem, ca: server.ca, requestCert: true },
      { cert: client.cert, key: other.pem, ca: client.ca },
    );
    expect(outcome).toEqual({ text: 'hello' });
    expect([server.signatures(), other.signatures(), client.signatures()]).toEqual([1, 1, 0]);
  });

  it('tell their texts of one key apart', async () => {
    const party = await createParty('RSA2048');
    const copies = [loadAnotherCopy(), loadAnotherCopy()].map((native) => sameKeyIn(native, party));
    for (const [i, { pem }] of copies.entries()) {
      const outcome = await handshake({ cert: party.cert, key: pem }, { ca: party.ca });
      expect(outcome).toEqual({ text: 'hello' });
      expect(copies.map((copy) => copy.signatures())).toEqual([1, i]);
    }
    copies[0]?.close();
    const [closed, open] = copies.map(({ pem }) =>
      handshake({ cert: party.cert, key: pem }, { ca: party.ca }),
    );
    expect(String((await closed)?.serverError)).toContain('no signer on this thread');
    expect(await open).toEqual({ text: 'hello' });
    expect(party.signatures()).toBe(0);
  });
});
