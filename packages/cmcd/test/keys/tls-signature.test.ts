import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import type { SignatureAlgorithm, Signer } from '@cmc/attestationreport';
import { createSoftwareKey, type SoftwareKeyAlgorithm, softwareSigner } from '@cmc/driver-sw';
import { describe, expect, test } from 'vitest';
import { signForTls, type ToBeSigned } from '../../src/keys/tls-signature.ts';

const MESSAGE = new TextEncoder().encode('what TLS wants signed');
const HASHES = [
  ['EC256', 'SHA-256'],
  ['EC384', 'SHA-384'],
  ['EC521', 'SHA-512'],
  ['RSA2048', 'SHA-256'],
  ['RSA2048', 'SHA-384'],
] as const;

interface Recorded {
  readonly signer: Signer;
  /** What the key was asked: `message ES256`. */
  readonly asked: string[];
}

async function recorded(alg: SoftwareKeyAlgorithm): Promise<Recorded> {
  const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm: alg }) });
  const asked: string[] = [];
  const record =
    <Rest extends unknown[], Result>(
      what: string,
      call: (bytes: Uint8Array, algorithm: SignatureAlgorithm, ...rest: Rest) => Result,
    ) =>
    (bytes: Uint8Array, algorithm: SignatureAlgorithm, ...rest: Rest): Result => {
      asked.push(`${what} ${algorithm}`);
      return call(bytes, algorithm, ...rest);
    };
  const { signMessage } = signer;
  if (signMessage === undefined) throw new Error('software keys sign messages');
  return {
    signer: {
      ...signer,
      signDigest: record('digest', signer.signDigest),
      signMessage: record('message', signMessage),
    },
    asked,
  };
}

function digestRequest(hashAlg: string): ToBeSigned {
  const hash = createHash(hashAlg.replace('-', ''));
  return { content: new Uint8Array(hash.update(MESSAGE).digest()), hashAlg };
}

function verifies(
  { publicKey }: Signer,
  hashAlg: string,
  signature: Uint8Array,
  pss = false,
): boolean {
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  const input = pss ? { key, padding, saltLength } : key;
  return verify(hashAlg.replace('-', ''), MESSAGE, input, signature);
}

describe('signForTls', () => {
  for (const [alg, hashAlg] of HASHES) {
    const name = `${alg.startsWith('EC') ? 'ES' : 'RS'}${hashAlg.slice(4)}`;

    test(`has a key of ${alg} sign a message that is known, with ${hashAlg}`, async () => {
      const { signer, asked } = await recorded(alg);
      const request = { ...digestRequest(hashAlg), message: MESSAGE };
      expect(verifies(signer, hashAlg, await signForTls(signer, request, {}))).toBe(true);
      expect(asked).toStrictEqual([`message ${name}`]);
    });

    test(`has a key of ${alg} sign a digest alone, with ${hashAlg}`, async () => {
      const { signer, asked } = await recorded(alg);
      const signature = await signForTls(signer, digestRequest(hashAlg), {});
      expect(verifies(signer, hashAlg, signature)).toBe(true);
      expect(asked).toStrictEqual([`digest ${name}`]);
    });
  }

  test('has a key that takes digests only sign the digest', async () => {
    const { signer, asked } = await recorded('EC256');
    const { signMessage: _, ...digestsOnly } = signer;
    const request = { ...digestRequest('SHA-256'), message: MESSAGE };
    expect(verifies(signer, 'SHA-256', await signForTls(digestsOnly, request, {}))).toBe(true);
    expect(asked).toStrictEqual(['digest ES256']);
  });

  test.each([true, false])('signs with RSA-PSS when asked, message known: %s', async (known) => {
    const { signer, asked } = await recorded('RSA2048');
    const request = { ...digestRequest('SHA-256'), ...(known && { message: MESSAGE }) };
    const signature = await signForTls(signer, { ...request, scheme: 'rsa-pss' }, {});
    expect(verifies(signer, 'SHA-256', signature, true)).toBe(true);
    expect(asked).toStrictEqual([`${known ? 'message' : 'digest'} PS256`]);
  });

  test('refuses RSA-PSS with a key on a curve', async () => {
    const { signer, asked } = await recorded('EC256');
    const request = { ...digestRequest('SHA-256'), scheme: 'rsa-pss' } as const;
    await expect(signForTls(signer, request, {})).rejects.toMatchObject({ code: 'ERR_KEY_DIGEST' });
    expect(asked).toStrictEqual([]);
  });

  test.each([true, false])(
    'refuses a message with another digest, key takes it: %s',
    async (takes) => {
      const { signer, asked } = await recorded('EC256');
      const { signMessage: _, ...digestsOnly } = signer;
      const digest = digestRequest('SHA-256');
      const changed = MESSAGE.with(0, (MESSAGE[0] ?? 0) ^ 1);
      for (const message of [changed, MESSAGE.subarray(1), digest.content, new Uint8Array()]) {
        await expect(
          signForTls(takes ? signer : digestsOnly, { ...digest, message }, {}),
        ).rejects.toMatchObject({ code: 'ERR_KEY_DIGEST' });
      }
      expect(asked).toStrictEqual([]);
    },
  );

  test('stops when its signal is aborted', async () => {
    const { signer } = await recorded('EC256');
    const request = { ...digestRequest('SHA-256'), message: MESSAGE };
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(signForTls(signer, request, { signal })).rejects.toThrow('enough');
  });
});
