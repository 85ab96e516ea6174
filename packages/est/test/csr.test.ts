import { decodeUtf8, toHex } from '@cmc/bytes';
import {
  createFakeKeySync,
  type FakeKeyAlgorithm,
  fakeSigner,
  flipEachByte,
  prefixes,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  der,
  derBitString,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derSmallInteger,
  derUtf8String,
} from '../src/der-writer.ts';
import { AttributeOid, createCsr, MAX_CSR_BYTES, parseCsr, verifyCsr } from '../src/index.ts';
import { signTbs } from '../src/sign-tbs.ts';
import { openssl } from './openssl.ts';
import { vectorBytes } from './vectors.ts';

const keys = new Map<FakeKeyAlgorithm, ReturnType<typeof createFakeKeySync>>();
/** One key of each kind: RSA keys take long to make. */
function signerOf(algorithm: FakeKeyAlgorithm = 'EC256') {
  const key = keys.get(algorithm) ?? createFakeKeySync(algorithm);
  keys.set(algorithm, key);
  return fakeSigner(key, []);
}

const subject = { commonName: 'dev.example' };
const ALGORITHMS = (['EC256', 'EC384', 'EC521', 'RSA2048'] as const).flatMap((key) =>
  signerOf(key).algorithms.map((algorithm) => [key, algorithm] as const),
);
const hex = (addresses: readonly Uint8Array[] | undefined): string[] =>
  (addresses ?? []).map(toHex);

describe('createCsr', () => {
  test.each(ALGORITHMS)('%s with %s proves possession, to openssl too', async (key, algorithm) => {
    const csr = await createCsr({ signer: signerOf(key), algorithm, subject });
    expect(await verifyCsr(parseCsr(csr))).toEqual({ ok: true });
    const verified = ['req', '-inform', 'DER', '-in', 'csr', '-verify', '-noout', '-text'];
    expect(decodeUtf8(openssl(verified, { csr }))).toContain('Subject: CN = dev.example');
  });

  test('has the whole subject and the alternative names', async () => {
    const csr = await createCsr({
      signer: signerOf(),
      subject: {
        commonName: 'dev.example',
        organizationalUnit: 'Bücher, "alte"',
        organization: 'Örtchen',
        locality: 'Garching',
        province: 'Bayern',
        country: 'DE',
      },
      dnsNames: ['dev.example', '*.dev.example', 'a_b'],
      ipAddresses: ['192.0.2.1', '2001:db8::1', '::', '::ffff:192.0.2.1', '1:2:3:4:5:6:7:8'],
    });
    const parsed = parseCsr(csr);
    expect(parsed.subject).toBe(
      'CN=dev.example,OU=Bücher\\, \\"alte\\",O=Örtchen,L=Garching,ST=Bayern,C=DE',
    );
    expect(parsed.subjectAlternativeName?.dnsNames).toEqual([
      'dev.example',
      '*.dev.example',
      'a_b',
    ]);
    expect(hex(parsed.subjectAlternativeName?.ipAddresses)).toEqual([
      'c0000201',
      '20010db8000000000000000000000001',
      '00000000000000000000000000000000',
      '00000000000000000000ffffc0000201',
      '00010002000300040005000600070008',
    ]);
    const text = decodeUtf8(
      openssl(['req', '-inform', 'DER', '-in', 'csr', '-noout', '-text'], { csr }),
    );
    expect(text).toContain('DNS:dev.example, DNS:*.dev.example, DNS:a_b, IP Address:192.0.2.1');
    expect(text).toContain('IP Address:2001:DB8:0:0:0:0:0:1');
  });

  test('carries a challenge password', async () => {
    const csr = await createCsr({ signer: signerOf(), subject, challengePassword: 'one-time' });
    expect(parseCsr(csr).attributes).toEqual([
      { oid: AttributeOid.challengePassword, values: [derUtf8String('one-time')] },
    ]);
    const text = openssl(['req', '-inform', 'DER', '-in', 'csr', '-noout', '-text'], { csr });
    expect(decodeUtf8(text)).toMatch(/challengePassword\s*:\s*one-time/);
  });

  test('signs a digest when the signer cannot sign messages', async () => {
    const { signMessage: _, ...digestOnly } = signerOf('EC384');
    const csr = await createCsr({ signer: digestOnly, subject });
    expect(await verifyCsr(parseCsr(csr))).toEqual({ ok: true });
  });

  test.each<[string, Partial<Parameters<typeof createCsr>[0]>]>([
    ['an empty name', { subject: { commonName: '' } }],
    ['a long name', { subject: { commonName: 'a'.repeat(65) } }],
    ['a control character', { subject: { commonName: 'a\nb' } }],
    ['a country that is none', { subject: { commonName: 'a', country: 'Germany' } }],
    ['a DNS name that is none', { dnsNames: ['a b'] }],
    ['a DNS name with a wildcard inside', { dnsNames: ['a.*.b'] }],
    ['a DNS name that is an empty text', { dnsNames: [''] }],
    ['an IP address that is none', { ipAddresses: ['1.2.3'] }],
    ['an IP address with a zone', { ipAddresses: ['fe80::1%eth0'] }],
    ['an algorithm that the key cannot do', { algorithm: 'RS256' }],
  ])('refuses %s', async (_name, over) => {
    await expect(createCsr({ signer: signerOf(), subject, ...over })).rejects.toThrow(TypeError);
  });

  test('stops when the caller aborts', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    const signer = {
      ...signerOf(),
      signMessage: async (_m: Uint8Array, _a: unknown, options?: { signal?: AbortSignal }) => {
        options?.signal?.throwIfAborted();
        return new Uint8Array(64);
      },
    };
    await expect(createCsr({ signer, subject, signal })).rejects.toThrow('too late');
  });
});

describe('parseCsr', () => {
  test('reads the request of the Go implementation', async () => {
    const parsed = parseCsr(vectorBytes('csr', 'der'));
    expect(parsed.subject).toBe('CN=device,O=Example,C=DE');
    expect(toHex(parsed.spki)).toBe(toHex(vectorBytes('csr', 'spki')));
    expect(parsed.subjectAlternativeName?.dnsNames).toEqual(['device.example']);
    expect(hex(parsed.subjectAlternativeName?.ipAddresses)).toEqual([
      'c0000201',
      '20010db8000000000000000000000001',
    ]);
    expect(parsed.signatureAlgorithm.name).toBe('ECDSA-SHA384');
    expect(await verifyCsr(parsed)).toEqual({ ok: true });
  });

  test('reads the requests of openssl', async () => {
    const key = openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout']);
    const san = 'subjectAltName=DNS:a.example,IP:10.0.0.1,email:x@a.example,URI:https://a.example/';
    const usage = 'extendedKeyUsage=clientAuth';
    const args = ['req', '-new', '-key', 'key', '-subj', '/C=DE/CN=a', '-outform', 'DER'];
    const parsed = parseCsr(openssl([...args, '-addext', san, '-addext', usage], { key }));
    expect(parsed.subject).toBe('CN=a,C=DE');
    expect(parsed.subjectAlternativeName).toMatchObject({
      dnsNames: ['a.example'],
      emailAddresses: ['x@a.example'],
      uris: ['https://a.example/'],
    });
    expect(parsed.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(await verifyCsr(parsed)).toEqual({ ok: true });
    const plain = parseCsr(openssl(args, { key }));
    expect(plain.attributes).toEqual([]);
    expect(plain.subjectAlternativeName).toBeUndefined();
  });

  interface Parts {
    readonly version?: Uint8Array;
    readonly attributes?: Uint8Array;
    readonly trailing?: Uint8Array;
  }
  /** A signed request with unusual parts. */
  async function request({ version, attributes, trailing }: Parts): Promise<Uint8Array> {
    const signer = signerOf();
    const tbs = derSequence(
      version ?? derSmallInteger(0),
      derSequence(),
      signer.publicKey,
      attributes ?? der(0xa0),
      trailing ?? new Uint8Array(),
    );
    const { identifier, signature } = await signTbs(tbs, signer, {});
    return derSequence(tbs, identifier, derBitString(signature));
  }
  const attribute = (oid: string, ...values: readonly Uint8Array[]): Uint8Array =>
    derSequence(derOid(oid), derSet(...values));
  const extension = derSequence(derOid('2.5.29.17'), derOctetString(derSequence(der(0x82))));

  test.each<[string, string, Parts]>([
    ['another version', 'ERR_DECODE_VALUE', { version: derSmallInteger(1) }],
    ['no attributes', 'ERR_DECODE_TRUNCATED', { attributes: new Uint8Array() }],
    ['trailing bytes inside', 'ERR_DECODE_TRAILING', { trailing: Uint8Array.of(5, 0) }],
    [
      'an attribute without values',
      'ERR_DECODE_MISSING',
      { attributes: der(0xa0, attribute('1.2.3')) },
    ],
    [
      'an attribute twice',
      'ERR_DECODE_DUPLICATE',
      { attributes: der(0xa0, attribute('1.2.3', derSet()), attribute('1.2.3', derSet())) },
    ],
    [
      'too many attributes',
      'ERR_DECODE_LIMIT',
      {
        attributes: der(
          0xa0,
          ...Array.from({ length: 17 }, (_, i) => attribute(`1.2.${i}`, derSet())),
        ),
      },
    ],
    [
      'too many values',
      'ERR_DECODE_LIMIT',
      { attributes: der(0xa0, attribute('1.2.3', ...new Array<Uint8Array>(17).fill(derSet()))) },
    ],
    [
      'two lists of extensions',
      'ERR_DECODE_VALUE',
      {
        attributes: der(
          0xa0,
          attribute(AttributeOid.extensionRequest, derSequence(extension), derSequence(extension)),
        ),
      },
    ],
    [
      'an extension twice',
      'ERR_DECODE_DUPLICATE',
      {
        attributes: der(
          0xa0,
          attribute(AttributeOid.extensionRequest, derSequence(extension, extension)),
        ),
      },
    ],
  ])('refuses %s', async (_name, code, parts) => {
    expect(await verifyCsr(parseCsr(await request({})))).toEqual({ ok: true });
    const bytes = await request(parts);
    expect(() => parseCsr(bytes)).toThrow(expect.objectContaining({ name: 'DecodeError', code }));
  });

  test('refuses trailing bytes, every proper prefix, and what is too long', () => {
    const csr = vectorBytes('csr', 'der');
    expect(() => parseCsr(Uint8Array.of(...csr, 0))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TRAILING' }),
    );
    for (const prefix of prefixes(csr)) {
      expect(() => parseCsr(prefix)).toThrow(expect.objectContaining({ name: 'DecodeError' }));
    }
    expect(() => parseCsr(new Uint8Array(MAX_CSR_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });
});

describe('verifyCsr', () => {
  test('R47 refuses a request with any byte flipped', async () => {
    for (const { bytes } of flipEachByte(vectorBytes('csr', 'der'))) {
      let parsed: ReturnType<typeof parseCsr>;
      try {
        parsed = parseCsr(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: 'DecodeError' });
        continue;
      }
      expect(await verifyCsr(parsed)).toMatchObject({ ok: false });
    }
  });

  test('R47 refuses a request for the key of somebody else', async () => {
    const signer = { ...signerOf(), publicKey: signerOf('EC384').publicKey };
    const own = { ...signerOf(), publicKey: fakeSigner(createFakeKeySync('EC256'), []).publicKey };
    for (const thief of [signer, own]) {
      const parsed = parseCsr(await createCsr({ signer: thief, subject }));
      expect(await verifyCsr(parsed)).toMatchObject({ ok: false });
    }
  });

  test.each<FakeKeyAlgorithm>(['weak-RSA1024', 'weak-EC224', 'weak-secp256k1'])(
    'refuses a key of kind %s',
    async (key) => {
      const parsed = parseCsr(await createCsr({ signer: signerOf(key), subject }));
      const verified = await verifyCsr(parsed);
      expect(verified.ok).toBe(false);
    },
  );

  test('refuses SHA-1', async () => {
    const key = openssl(['genrsa', '2048']);
    const args = ['req', '-new', '-key', 'key', '-subj', '/CN=a', '-sha1', '-outform', 'DER'];
    const parsed = parseCsr(openssl(args, { key }));
    expect(await verifyCsr(parsed)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('SHA1'),
    });
  });
});
