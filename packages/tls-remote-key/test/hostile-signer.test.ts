import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, it } from 'vitest';
import { type BlockingSigner, openRemoteKeys } from '../src/index.ts';
import { describeWithAddon } from './support/addon.ts';
import { type HandshakeOutcome, handshake } from './support/handshake.ts';
import { createParty } from './support/party.ts';

const hostile = {
  toString(): string {
    throw new Error('no text either');
  },
};

/** What a signer may do instead of signing. */
const FAULTS: Readonly<Record<string, () => unknown>> = {
  'throws an error': () => {
    throw new Error('TPM says no');
  },
  'throws undefined': () => {
    throw undefined;
  },
  'throws a symbol': () => {
    throw Symbol('no');
  },
  'throws what has no text': () => {
    throw hostile;
  },
  'returns nothing': () => undefined,
  'returns a promise': () => Promise.resolve(Buffer.alloc(70)),
  'returns a number': () => 7,
  'returns no bytes': () => Buffer.alloc(0),
  'returns too many bytes': () => Buffer.alloc(1000),
};

describeWithAddon('a signer that does not sign', () => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    it(`that ${name} fails this handshake only`, async () => {
      let broken = true;
      const party = await createParty(
        'EC256',
        (signer) => (request) => (broken ? (fault() as Uint8Array) : signer(request)),
      );
      const failed = await serve(party.cert, party.key.pem, party.ca);
      expect(failed.text).toBeUndefined();
      expect(failed.serverError).toBeDefined();
      expect(failed.clientError).toBeDefined();
      broken = false;
      expect(await serve(party.cert, party.key.pem, party.ca)).toEqual({ text: 'hello' });
    });
  }

  it('whose reason is known shows it to the server, not to the peer', async () => {
    const party = await createParty('EC256', () => () => {
      throw new Error('TPM says no');
    });
    const { serverError, clientError } = await serve(party.cert, party.key.pem, party.ca);
    expect(String(serverError)).toContain('TPM says no');
    expect(String(clientError)).not.toContain('TPM says no');
  });

  it('that signs with another key is found out by the peer', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const party = await createParty(
      'EC256',
      () =>
        ({ digest }) =>
          sign(null, digest, other),
    );
    const { clientError } = await serve(party.cert, party.key.pem, party.ca);
    expect(clientError).toBeDefined();
  });

  it('that wants a signature of itself is refused that one', async () => {
    let nested: unknown;
    const party = await createParty('EC256', (signer) => (request) => {
      try {
        sign('sha256', Buffer.alloc(1), party.key.pem);
      } catch (error) {
        nested = error;
      }
      return signer(request);
    });
    expect(await serve(party.cert, party.key.pem, party.ca)).toEqual({ text: 'hello' });
    expect(String(nested)).toContain('operation fail');
    expect(party.signatures()).toBe(1);
  });

  it('that unregisters its key while signing does no harm', async () => {
    const party = await createParty('EC256', (signer) => (request) => {
      party.key.close();
      return signer(request);
    });
    expect(await serve(party.cert, party.key.pem, party.ca)).toEqual({ text: 'hello' });
    const after = await serve(party.cert, party.key.pem, party.ca);
    expect(String(after.serverError)).toContain('no signer on this thread');
  });
});

describeWithAddon('a remote key', () => {
  it('is registered once', async () => {
    const party = await createParty('EC256');
    const again = (): unknown =>
      openRemoteKeys().create({ publicKey: party.publicKey, sign: never });
    expect(again).toThrow(expect.objectContaining({ code: 'ERR_REMOTE_KEY_REGISTERED' }));
    party.key.close();
    expect(again).not.toThrow();
  });

  for (const [name, publicKey] of [
    ['Ed25519', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })],
    ['no key', Buffer.from('3000', 'hex')],
    ['nothing', new Uint8Array()],
  ] as const) {
    it(`of ${name} is refused`, () => {
      expect(() => openRemoteKeys().create({ publicKey, sign: never })).toThrow(
        expect.objectContaining({ code: 'ERR_REMOTE_KEY_TYPE' }),
      );
    });
  }

  it('hands on the digest of what was hashed in pieces', async () => {
    const { key, publicKey, requests } = await createParty('EC256');
    const input = { key: Buffer.from(publicKey), format: 'der', type: 'spki' } as const;
    const signature = createSign('sha256').update('in ').update('pieces').sign(key.pem);
    expect(verify('sha256', Buffer.from('in pieces'), createPublicKey(input), signature)).toBe(
      true,
    );
    expect(requests.map(({ message }) => message)).toEqual([undefined]);
  });

  it('whose text was changed is no key', async () => {
    const { key, cert } = await createParty('EC256');
    const body = key.pem.split('\n').slice(1, -2).join('');
    const bytes = Buffer.from(body, 'base64');
    for (const at of [0, 15, 16, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const pem = key.pem.replace(/\n[\s\S]*\n-/, `\n${changed.toString('base64')}\n-`);
      expect(() => createSecureContext({ cert, key: pem })).toThrow();
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64');
    const pem = key.pem.replace(/\n[\s\S]*\n-/, `\n${longer}\n-`);
    expect(() => createSecureContext({ cert, key: pem })).toThrow();
  });

  it('leaves all other cryptography of the process alone', () => {
    openRemoteKeys();
    const data = randomBytes(100);
    const pairs = [
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ];
    for (const { privateKey, publicKey } of pairs) {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const der = privateKey.export({ type: 'pkcs8', format: 'der' });
      const read = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
      expect(verify('sha256', data, publicKey, sign('sha256', data, pem))).toBe(true);
      expect(verify('sha256', data, publicKey, createSign('sha256').update(data).sign(read))).toBe(
        true,
      );
      const jwk = privateKey.export({ format: 'jwk' });
      const again = createPrivateKey({ key: jwk, format: 'jwk' });
      expect(verify('sha256', data, publicKey, sign('sha256', data, again))).toBe(true);
    }
    const cipher = createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12));
    expect(cipher.update(data)).toHaveLength(100);
    expect(createHash('sha384').update(data).digest()).toHaveLength(48);
  });
});

function serve(cert: string, key: string, ca: string): Promise<HandshakeOutcome> {
  return handshake({ cert, key }, { ca });
}

const never: BlockingSigner = () => {
  throw new Error('not expected to be asked');
};
