import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { ByteWriter, concatBytes, encodeUtf8, fromHex, toBase64 } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { isScalar } from '../src/crypto/verify-signature.ts';
import {
  attestationKeyProblem,
  decodeTpmsAttest,
  decodeTpmtPublic,
  encodeTpmtPublic,
  encodeTpmtSignature,
  type HashName,
  publicAreaToSpki,
  TPMA_OBJECT,
  type VerifyQuoteOptions,
  verifyQuote,
} from '../src/verify/index.ts';
import {
  encodeQuote,
  forgeKey,
  NONCE,
  type QuoteFields,
  SELECTION,
  signAttest,
  VALUES,
  zeros,
} from './support/signed-quote.ts';
import { BANKS, readPcrs, readText, readVector, spkiOfPem } from './support/vectors.ts';

const AK = forgeKey();
/** Orders of the curves (FIPS 186-4, annex D.1.2). */
const ORDERS = {
  'P-256': fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  'P-384': fromHex(`${'ff'.repeat(24)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`),
  'P-521': fromHex(
    `01${'ff'.repeat(32)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
  ),
} as const;

/** Ids of the checks that fail. */
async function failures(
  fields: QuoteFields,
  more: Partial<VerifyQuoteOptions> = {},
): Promise<readonly string[]> {
  const attest = more.attest ?? encodeQuote(fields);
  const { ok, checks } = await verifyQuote({
    attest,
    signature: signAttest(AK, attest),
    key: { publicArea: AK.publicArea },
    nonce: NONCE,
    pcrs: VALUES,
    requiredPcrs: [0, 7],
    ...more,
  });
  const failed = checks.filter((check) => !check.ok).map(({ id }) => id);
  expect(ok).toBe(failed.length === 0);
  return failed;
}

test('a good quote passes every check', async () => {
  expect(await failures({})).toEqual([]);
});

describe('R01', () => {
  test('R01 rejects another magic than TPM_GENERATED', async () => {
    expect(await failures({ magic: 0xff544348 })).toContain('attest');
  });
  test('R01 rejects attestations of other types, without a crash', async () => {
    const certify = new ByteWriter()
      .bytes(encodeQuote({ type: 0x8017, rawSelection: new Uint8Array() }).slice(0, -34))
      .sized16(new Uint8Array())
      .sized16(new Uint8Array())
      .finish();
    expect(decodeTpmsAttest(certify).type).toBe('certify');
    expect(await failures({}, { attest: certify })).toEqual(['type']);
    for (const type of [0x8014, 0x8015, 0x8016, 0x8017, 0x8019, 0x801a, 0x801c, 0]) {
      expect(await failures({ type })).toContain('attest');
    }
  });
});

describe('R02', () => {
  test('R02 rejects trailing bytes', async () => {
    expect(await failures({ trailing: Uint8Array.of(0) })).toContain('attest');
  });
  test('R02 rejects 17 selections and a sizeofSelect of 5', async () => {
    const one = fromHex('000b03810000');
    const many = new ByteWriter().u32(17);
    for (let i = 0; i < 17; i++) many.bytes(one);
    expect(await failures({ rawSelection: many.finish() })).toContain('attest');
    expect(await failures({ rawSelection: fromHex('00000001000b058100000000') })).toContain(
      'attest',
    );
  });
  test('R02 rejects sizes that go beyond the end', async () => {
    const attest = encodeQuote();
    for (const offset of [6, 42]) {
      const longer = attest.slice();
      longer[offset] = 0xff;
      expect(await failures({}, { attest: longer })).toContain('attest');
    }
  });
});

describe('R03', () => {
  test('R03 rejects a selection without a bank, and a bank without PCRs', async () => {
    expect(await failures({ selection: [] })).toContain('pcr-banks');
    expect(await failures({ selection: [{ bank: 'SHA-256', pcrs: [] }] })).toContain('pcr-banks');
  });
  test('R03 rejects a second bank unless it is expected, and the same bank twice', async () => {
    const two = [...SELECTION, { bank: 'SHA-384' as const, pcrs: [0, 7] }];
    expect(await failures({ selection: two })).toContain('pcr-banks');
    expect(await failures({ selection: [...SELECTION, ...SELECTION] })).toContain('pcr-banks');
    const banks: readonly HashName[] = ['SHA-384', 'SHA-256'];
    expect(await failures({ selection: two }, { banks })).not.toContain('pcr-banks');
    expect(await failures({}, { banks })).toContain('pcr-banks');
    expect(await failures({}, { banks: ['SHA-384'] })).toContain('pcr-banks');
  });
  test('R03 rejects a quote that does not cover a required PCR', async () => {
    expect(await failures({}, { requiredPcrs: [0, 7, 10] })).toEqual(['pcr-selection']);
  });
  test('R03 no expected bank is a mistake of the caller', async () => {
    await expect(failures({}, { banks: [] })).rejects.toThrow(RangeError);
  });
});

describe('R05', () => {
  test('R05 rejects SHA-1 unless it is opted in', async () => {
    const attest = encodeQuote({ pcrDigest: zeros('SHA-1') });
    const signature = signAttest(AK, attest, 'SHA-1');
    const spki = { spki: spkiOf(AK.publicArea) };
    const more = { attest, signature, key: spki };
    expect(await failures({}, more)).toContain('signature-algorithm');
    const signatureHashes: readonly HashName[] = ['SHA-1'];
    expect(await failures({}, { ...more, signatureHashes })).toEqual(['pcr-digest']);
  });
  test('R05 rejects a hash that is not that of the key', async () => {
    const attest = encodeQuote({ pcrDigest: zeros('SHA-384') });
    const signature = signAttest(AK, attest, 'SHA-384');
    expect(await failures({}, { attest, signature })).toContain('signature-algorithm');
  });
  test('R05 rejects a scheme that does not fit the key', async () => {
    const signature = encodeTpmtSignature({
      scheme: 'RSASSA',
      hash: 'SHA-256',
      signature: new Uint8Array(256),
    });
    const failed = await failures({}, { signature });
    expect(failed).toEqual(['signature-algorithm', 'signature']);
  });
  test('R05 rejects r and s outside 1 to n-1', async () => {
    const n = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const one = Uint8Array.of(1);
    const pairs = [
      [new Uint8Array(), one],
      [one, new Uint8Array(32)],
      [n, one],
      [one, n],
      [concatBytes(Uint8Array.of(0), one), new Uint8Array(33)],
    ] as const;
    for (const [r, s] of pairs) {
      const signature = encodeTpmtSignature({ scheme: 'ECDSA', hash: 'SHA-256', r, s });
      expect(await failures({}, { signature })).toEqual(['signature']);
    }
  });
  test.each(['P-256', 'P-384', 'P-521'] as const)(
    'R05 numbers of a signature on %s are 1 to n-1, by our own check, too',
    (curve) => {
      const n = ORDERS[curve];
      const neighbour = (step: number): Uint8Array => {
        const number = n.slice();
        number[number.length - 1] = (number.at(-1) ?? 0) + step;
        return number;
      };
      expect(isScalar(neighbour(-1), curve)).toBe(true);
      expect(isScalar(n, curve)).toBe(false);
      expect(isScalar(neighbour(1), curve)).toBe(false);
      expect(isScalar(new Uint8Array(n.length), curve)).toBe(false);
    },
  );
  test('R05 rejects an RSA key of 1024 bits, however good its signature is', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const attest = encodeQuote();
    const signature = encodeTpmtSignature({
      scheme: 'RSASSA',
      hash: 'SHA-256',
      signature: new Uint8Array(sign('sha256', attest, privateKey)),
    });
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
    const failed = await failures({}, { attest, signature, key: { spki } });
    expect(failed).toEqual(['signature-algorithm', 'signature']);
  });
});

describe('R06', () => {
  test('R06 rejects a digest of PCRs that is not as long as the hash of the signature', async () => {
    const failed = await failures({ pcrDigest: zeros('SHA-1') });
    expect(failed).toContain('pcr-digest-size');
    expect(await failures({ pcrDigest: zeros('SHA-384') })).toContain('pcr-digest-size');
  });
  test('R06 rejects PCR values of another length than the bank has', async () => {
    const values = new Map([[0, zeros('SHA-1')] as const, [7, zeros('SHA-1')] as const]);
    const pcrs = new Map([['SHA-256', values] as const]);
    expect(await failures({}, { pcrs })).toEqual(['pcr-digest']);
  });
  test('R06 rejects values that are cut elsewhere, though together they are the same bytes', async () => {
    const [first = zeros('SHA-256'), second = zeros('SHA-256')] = [
      ...(VALUES.get('SHA-256')?.values() ?? []),
    ];
    const values = new Map([
      [0, concatBytes(first, second.slice(0, 1))],
      [7, second.slice(1)],
    ]);
    expect(await failures({}, { pcrs: new Map([['SHA-256', values]]) })).toEqual(['pcr-digest']);
  });
  test('R06 rejects a name that is not as long as its algorithm demands', async () => {
    const attest = encodeQuote();
    const shorter = concatBytes(
      attest.slice(0, 6),
      fromHex('0021'),
      attest.slice(8, 41),
      attest.slice(42),
    );
    expect(await failures({}, { attest: shorter })).toContain('attest');
    const unknown = attest.slice();
    unknown[9] = 0x77;
    expect(await failures({}, { attest: unknown })).toContain('attest');
  });
  test('R06 rejects a value that is missing or differs', async () => {
    const some = new Map([...(VALUES.get('SHA-256') ?? [])].slice(0, 1));
    expect(await failures({}, { pcrs: new Map([['SHA-256', some]]) })).toEqual(['pcr-digest']);
    const other = new Map([...(VALUES.get('SHA-256') ?? []), [7, zeros('SHA-256')]] as const);
    expect(await failures({}, { pcrs: new Map([['SHA-256', other]]) })).toEqual(['pcr-digest']);
  });
});

describe('R07', () => {
  test('R07 an empty expected nonce is an error, never "do not look"', async () => {
    await expect(failures({}, { nonce: new Uint8Array() })).rejects.toThrow(RangeError);
    await expect(
      failures({ nonce: new Uint8Array() }, { nonce: new Uint8Array() }),
    ).rejects.toThrow(RangeError);
  });
  test('R07 rejects prefixes, longer data, padding and other encodings of the nonce', async () => {
    const others = [
      NONCE.slice(0, -1),
      concatBytes(NONCE, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0), NONCE),
      encodeUtf8(toBase64(NONCE)),
      NONCE.map((byte, index) => (index === 0 ? byte ^ 1 : byte)),
      new Uint8Array(),
    ];
    for (const nonce of others) expect(await failures({ nonce })).toEqual(['nonce']);
  });
});

describe('R10', () => {
  const area = decodeTpmtPublic(AK.publicArea);
  test.each(['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign'] as const)(
    'R10 rejects a key without %s',
    async (name) => {
      const attributes = area.attributes & ~TPMA_OBJECT[name];
      const publicArea = encodeTpmtPublic({ ...area, attributes });
      expect(await failures({}, { key: { publicArea } })).toEqual(['key-attributes']);
      expect(attestationKeyProblem({ ...area, attributes })).toContain(name);
    },
  );
  test('R10 rejects a key that also decrypts', async () => {
    const attributes = area.attributes | TPMA_OBJECT.decrypt;
    const publicArea = encodeTpmtPublic({ ...area, attributes });
    expect(await failures({}, { key: { publicArea } })).toEqual(['key-attributes']);
  });
  test('R10 rejects a key whose name is made with SHA-1', async () => {
    const publicArea = encodeTpmtPublic({ ...area, nameAlg: 'SHA-1' });
    expect(await failures({}, { key: { publicArea } })).toEqual(['key-attributes']);
  });
  test('R05 rejects an RSA key with an exponent that makes forging easy, or that is even', async () => {
    const rsa = decodeTpmtPublic(readVector('vm-ovmf', 'ak-rsa.tpmt_public.bin'));
    if (rsa.type !== 'RSA') throw new Error('the test needs an RSA key');
    for (const exponent of [1, 2]) {
      const publicArea = encodeTpmtPublic({ ...rsa, exponent });
      // With exponent 1 the padded digest is its own signature.
      const attest = encodeQuote();
      const info = fromHex('3031300d060960864801650304020105000420');
      const hash = new Uint8Array(createHash('sha256').update(attest).digest());
      const tail = concatBytes(Uint8Array.of(0), info, hash);
      const padding = new Uint8Array(256 - 2 - tail.length).fill(0xff);
      const forged = concatBytes(Uint8Array.of(0, 1), padding, tail);
      const signature = encodeTpmtSignature({
        scheme: 'RSASSA',
        hash: 'SHA-256',
        signature: forged,
      });
      const failed = await failures({}, { attest, signature, key: { publicArea } });
      expect(failed).toEqual(['signature-algorithm', 'signature']);
    }
  });
  test('R10 rejects a public area that holds no key', async () => {
    const unique = { x: new Uint8Array(), y: new Uint8Array() };
    if (area.type !== 'ECC') throw new Error('the test needs an ECC key');
    const publicArea = encodeTpmtPublic({ ...area, unique });
    expect(await failures({}, { key: { publicArea } })).toEqual(['key']);
  });
});

describe('quotes of a virtual machine', () => {
  const { quotes } = JSON.parse(readText('vm-ovmf', 'index.json')) as {
    readonly quotes: readonly {
      readonly id: string;
      readonly snapshot: number;
      readonly attest: string;
      readonly signature: string;
      readonly akPublic: string;
      readonly akPem: string;
      readonly nonce: string;
      readonly bank: string;
      readonly hash: string;
      readonly pcrSelect: readonly number[];
    }[];
  };
  test.each(quotes)('$id verifies, and with each byte flipped does not', async (quote) => {
    const options: VerifyQuoteOptions = {
      attest: readVector('vm-ovmf', quote.attest),
      signature: readVector('vm-ovmf', quote.signature),
      key: { publicArea: readVector('vm-ovmf', quote.akPublic) },
      nonce: fromHex(quote.nonce),
      banks: [BANKS[quote.bank] as HashName],
      requiredPcrs: quote.pcrSelect,
      pcrs: readPcrs('vm-ovmf', `pcrs-${quote.snapshot}.json`),
    };
    const good = await verifyQuote(options);
    expect(good.checks.filter((check) => !check.ok)).toEqual([]);
    expect(good.ok).toBe(true);
    const spki = spkiOfPem(readText('vm-ovmf', quote.akPem));
    expect(spkiOf(readVector('vm-ovmf', quote.akPublic))).toEqual(spki);
    expect((await verifyQuote({ ...options, key: { spki } })).ok).toBe(true);
    for (const field of ['attest', 'signature'] as const) {
      for (const { offset, bytes } of flipEachByte(options[field])) {
        const { ok } = await verifyQuote({ ...options, [field]: bytes });
        expect(ok, `byte ${offset} of ${field}`).toBe(false);
      }
    }
    for (const { offset, bytes } of flipEachByte(spki)) {
      const { ok } = await verifyQuote({ ...options, key: { spki: bytes } });
      expect(ok, `byte ${offset} of the key`).toBe(false);
    }
  });
});

function spkiOf(publicArea: Uint8Array): Uint8Array {
  return publicAreaToSpki(decodeTpmtPublic(publicArea));
}
