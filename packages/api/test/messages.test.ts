import { concatBytes, fromHex, toBase64, toHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import { encode as encodeCborIndependently } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeError, decodeRequest, decodeResponse, encodeError } from '../src/codec.ts';
import { ApiError } from '../src/errors.ts';
import * as messages from '../src/messages.ts';
import { type AnyOperation, allOperations, operations } from '../src/operations.ts';
import { encodeFrame } from '../src/socket/frame.ts';
import { KEY_ID } from './fake-cmc.ts';
import { SAMPLES } from './samples.ts';

const utf8 = new TextEncoder();
const NONCE = fromHex('01020304');

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const json = (value: object): Uint8Array => utf8.encode(JSON.stringify(value));

describe('bytes of the reference', () => {
  test('an Attest frame with nonce 01020304', () => {
    const payload = messages.attestationRequest.encode({ nonce: NONCE }, 'cbor');
    expect(toHex(encodeFrame({ type: 1, payload }))).toBe(
      `0000000e${'00000001'}a20065312e342e30014401020304`,
    );
    expect(text(messages.attestationRequest.encode({ nonce: NONCE }, 'json'))).toBe(
      '{"version":"1.4.0","nonce":"AQIDBA=="}',
    );
  });

  test('PeerCache frames with an empty peer and an empty cache', () => {
    const request = messages.peerCacheRequest.encode({ peer: '' }, 'cbor');
    expect(toHex(encodeFrame({ type: 6, payload: request }))).toBe(
      `0000000a${'00000006'}a20065312e342e300160`,
    );
    const response = messages.peerCacheResponse.encode({ cache: [] }, 'cbor');
    expect(toHex(encodeFrame({ type: 6, payload: response }))).toBe(
      `0000000a${'00000006'}a20065312e342e300180`,
    );
  });

  // Keys as in the table of messages; the bytes come from another CBOR encoder.
  const cases: readonly (readonly [string, Uint8Array, Map<number, unknown>])[] = [
    [
      'VerificationRequest',
      messages.verificationRequest.encode(
        { nonce: NONCE, report: NONCE, peer: 'ab', peerAddr: 'h:1', policies: NONCE },
        'cbor',
      ),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, NONCE],
        [2, NONCE],
        [6, 'ab'],
        [7, 'h:1'],
        [8, NONCE],
      ]),
    ],
    [
      'VerificationRequest without optional members',
      messages.verificationRequest.encode({ nonce: NONCE, report: NONCE }, 'cbor'),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, NONCE],
        [2, NONCE],
      ]),
    ],
    [
      'TLSCreateRequest',
      messages.tlsCreateRequest.encode(
        { keyConfig: { type: 'tpm', alg: 'RSA2048', cn: 'c', dnsNames: ['d'], ipAddresses: [] } },
        'cbor',
      ),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [
          1,
          new Map<number, unknown>([
            [1, 'tpm'],
            [2, 'RSA2048'],
            [3, 'c'],
            [4, ['d']],
            [5, []],
          ]),
        ],
      ]),
    ],
    [
      'TLSSignRequest',
      messages.tlsSignRequest.encode({ keyId: 'k', content: NONCE, hashAlg: 'SHA-256' }, 'cbor'),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, 'k'],
        [2, NONCE],
        [3, 'SHA-256'],
      ]),
    ],
    [
      'TLSSignRequest with what the reference does not know',
      messages.tlsSignRequest.encode(
        { keyId: 'k', content: NONCE, hashAlg: 'SHA-256', message: NONCE, scheme: 'rsa-pss' },
        'cbor',
      ),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, 'k'],
        [2, NONCE],
        [3, 'SHA-256'],
        [4, NONCE],
        [5, 'rsa-pss'],
      ]),
    ],
    [
      'TLSCertResponse',
      messages.tlsCertResponse.encode({ certificate: [NONCE] }, 'cbor'),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, [NONCE]],
      ]),
    ],
    [
      'MeasureRequest',
      messages.measureRequest.encode({ event: { type: 't', name: 'n', purl: 'p' } }, 'cbor'),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [
          1,
          new Map<number, unknown>([
            [0, 't'],
            [1, 'n'],
            [10, 'p'],
          ]),
        ],
      ]),
    ],
    [
      'MeasureResponse',
      messages.measureResponse.encode({ success: true }, 'cbor'),
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, true],
      ]),
    ],
    [
      'UpdateCertsRequest',
      messages.updateCertsRequest.encode({}, 'cbor'),
      new Map<number, unknown>([[0, '1.4.0']]),
    ],
    [
      'SocketError',
      encodeError(new ApiError('ERR_API_LIMIT', 'no'), 'cbor'),
      new Map<number, unknown>([[1, 'ERR_API_LIMIT: no']]),
    ],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, () => expect(toHex(bytes)).toBe(toHex(encodeCborIndependently(expected))));
  }

  test('JSON members in the order and spelling of the table', () => {
    const { keyConfig } = SAMPLES.get(messages.tlsCreateRequest) as {
      keyConfig: {
        type: 'sw';
        alg: 'EC256';
        cn: string;
        dnsNames: string[];
        ipAddresses: string[];
      };
    };
    expect(text(messages.tlsCreateRequest.encode({ keyConfig }, 'json'))).toBe(
      '{"version":"1.4.0","keyConfig":{"type":"sw","alg":"EC256","cn":"a","dnsNames":["a.b"],"ipAddresses":["::1"]}}',
    );
    const sign = { keyId: 'k', content: NONCE, hashAlg: 'SHA-256' };
    const known = '{"version":"1.4.0","keyId":"k","content":"AQIDBA==","hashAlg":"SHA-256"';
    expect(text(messages.tlsSignRequest.encode(sign, 'json'))).toBe(`${known}}`);
    const more = { ...sign, message: NONCE, scheme: 'rsa-pss' } as const;
    expect(text(messages.tlsSignRequest.encode(more, 'json'))).toBe(
      `${known},"message":"AQIDBA==","scheme":"rsa-pss"}`,
    );
    expect(text(encodeError(new ApiError('ERR_API_LIMIT', 'no'), 'json'))).toBe(
      '{"msg":"ERR_API_LIMIT: no"}',
    );
  });
});

describe('operations', () => {
  test('have the frame types and names of the reference', () => {
    expect(allOperations.map(({ socketType, name }) => [socketType, name])).toEqual([
      [1, 'Attest'],
      [2, 'Verify'],
      [3, 'TLSCreate'],
      [4, 'TLSSign'],
      [5, 'TLSCert'],
      [6, 'PeerCache'],
      [7, 'Measure'],
      [8, 'UpdateCerts'],
      [9, 'UpdateMetadata'],
    ]);
  });
});

for (const serialization of ['json', 'cbor'] as const) {
  describe(`messages in ${serialization}`, () => {
    for (const [message, sample] of SAMPLES) {
      test(`${message.name} comes back as it was`, () => {
        const { value, serialization: detected } = message.decode(
          message.encode(sample, serialization),
        );
        expect(detected).toBe(serialization);
        expect(value.version).toBe('1.4.0');
        expect(message.accept(value)).toEqual(sample);
      });

      test(`every proper prefix of ${message.name} is refused`, () => {
        const bytes = message.encode(sample, serialization);
        for (const prefix of prefixes(bytes.subarray(0, 400))) {
          expect(() => message.decode(prefix)).toThrow(
            expect.objectContaining({ name: 'DecodeError' }),
          );
        }
        expect(() => message.decode(concatBytes(bytes, Uint8Array.of(0x41)))).toThrow(
          expect.objectContaining({ name: 'DecodeError' }),
        );
      });
    }

    test('property: attestation requests come back as they were', () => {
      const request = fc.record(
        {
          nonce: fc.uint8Array({ minLength: 8, maxLength: 64 }),
          cached: fc.array(
            fc.uint8Array({ minLength: 20, maxLength: 64 }).map((bytes) => toHex(bytes)),
            { minLength: 1, maxLength: 5 },
          ),
        },
        { requiredKeys: ['nonce'], noNullPrototype: true },
      );
      fc.assert(
        fc.property(request, (value) => {
          const bytes = messages.attestationRequest.encode(value, serialization);
          expect(decodeRequest(operations.attest, bytes).request).toEqual(value);
        }),
      );
    });
  });
}

describe('decodeRequest', () => {
  const request = (operation: AnyOperation, value: object): unknown =>
    decodeRequest(operation, json(value)).request;

  test.each(['1.4.0', '1.0.0', '1.99.3', ''])('takes version %j', (version) => {
    expect(request(operations.updateCerts, { version })).toEqual({});
  });

  test.each(['2.0.0', '0.9.0', '1', '1.4', '11.0.0', '1.4.0 ', 'x'])(
    'refuses version %j',
    (version) => {
      expect(() => request(operations.updateCerts, { version })).toThrow(
        expect.objectContaining({ code: 'ERR_API_VERSION' }),
      );
    },
  );

  test('takes no version and members it does not know', () => {
    expect(request(operations.peerCache, { peer: '', later: { a: [1] } })).toEqual({ peer: '' });
  });

  test.each([
    ['a nonce that is null', operations.attest, { nonce: null }],
    ['a nonce that is missing', operations.attest, {}],
    ['R54 a short nonce', operations.attest, { nonce: 'AQI=' }],
    ['R54 an empty report', operations.verify, { nonce: 'AQIDBAUGBwg=', report: '' }],
    ['R54 an empty digest to sign', operations.tlsSign, { keyId: KEY_ID, hashAlg: 'SHA-256' }],
    ['text where bytes belong', operations.attest, { nonce: '%%%%' }],
    ['a number where text belongs', operations.tlsCert, { keyId: 1 }],
    ['a missing key configuration', operations.tlsCreate, {}],
    ['a key configuration that is null', operations.tlsCreate, { keyConfig: null }],
    ['a missing event', operations.measure, {}],
    ['a key that differs in case', operations.tlsCert, { KeyId: KEY_ID }],
  ] as const)('refuses %s', (_, operation, value) => {
    expect(() => request(operation, value)).toThrow(
      expect.objectContaining({ name: 'ApiError', code: 'ERR_API_REQUEST' }),
    );
  });

  test('refuses duplicate members', () => {
    const twice = utf8.encode(`{"keyId":"${KEY_ID}","keyId":"${KEY_ID}"}`);
    expect(() => decodeRequest(operations.tlsCert, twice)).toThrow(
      expect.objectContaining({ code: 'ERR_API_REQUEST' }),
    );
  });

  test('R46 refuses a small request that is large, before it decodes it', () => {
    expect(() => decodeRequest(operations.measure, new Uint8Array(1024 * 1024 + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_API_LIMIT' }),
    );
  });

  test('takes a request to sign without message and scheme, and with empty ones', () => {
    const old = { keyId: KEY_ID, content: 'AQ==', hashAlg: 'SHA-256' };
    const expected = { ...old, content: Uint8Array.of(1) };
    for (const more of [{}, { message: '', scheme: '' }, { message: null }]) {
      expect(request(operations.tlsSign, { ...old, ...more })).toEqual(expected);
    }
  });

  test('takes a message to sign of 1,024 bytes, and none longer', () => {
    const sign = { keyId: KEY_ID, content: 'AQ==', hashAlg: 'SHA-256' };
    const of = (length: number): object => ({ ...sign, message: toBase64(new Uint8Array(length)) });
    expect(request(operations.tlsSign, of(1024))).toMatchObject({ message: new Uint8Array(1024) });
    expect(() => request(operations.tlsSign, of(1025))).toThrow(
      expect.objectContaining({ code: 'ERR_API_REQUEST' }),
    );
  });

  test('spells hash names as the reference does', () => {
    const sign = { keyId: KEY_ID, content: 'AQ==' };
    for (const hashAlg of ['SHA-384', 'sha384', 'Sha-384']) {
      expect(request(operations.tlsSign, { ...sign, hashAlg })).toMatchObject({
        hashAlg: 'SHA-384',
      });
    }
  });
});

describe('decodeResponse', () => {
  test('blames the protocol for a response that cannot be used', () => {
    for (const bytes of [
      json({ version: '1.4.0', report: '' }),
      json({ version: '1.4.0' }),
      NONCE,
    ]) {
      expect(() => decodeResponse(operations.attest, bytes)).toThrow(
        expect.objectContaining({ code: 'ERR_API_PROTOCOL' }),
      );
    }
  });

  test('refuses another major version, and none', () => {
    for (const version of ['2.0.0', '']) {
      expect(() => decodeResponse(operations.attest, json({ version, report: 'AQ==' }))).toThrow(
        expect.objectContaining({ code: 'ERR_API_VERSION' }),
      );
    }
  });

  test('reads null lists as empty', () => {
    expect(decodeResponse(operations.peerCache, json({ version: '1.4.0', cache: null }))).toEqual({
      cache: [],
    });
  });
});

describe('socket errors', () => {
  test('restore the code and drop what terminals would act on', () => {
    const message = json({ msg: 'ERR_X_Y: bad\u001b[31m\nthing\u202e' });
    expect(decodeError(message)).toMatchObject({
      code: 'ERR_API_REMOTE',
      remoteCode: 'ERR_X_Y',
      message: 'ERR_X_Y: bad [31m thing',
    });
  });

  test('without a code of ours are remote all the same', () => {
    const error = decodeError(json({ msg: 'failed to attest' }));
    expect(error).toMatchObject({ code: 'ERR_API_REMOTE', message: 'failed to attest' });
    expect(error.remoteCode).toBeUndefined();
  });

  test('that cannot be decoded are a fault of the protocol', () => {
    expect(decodeError(NONCE)).toMatchObject({ code: 'ERR_API_PROTOCOL' });
  });

  test('are cut at a limit, without half a character', () => {
    const error = new ApiError('ERR_API_REQUEST', `${'x'.repeat(1006)}\u{1f600}tail`);
    const { message } = decodeError(encodeError(error, 'cbor'));
    expect(message.length).toBeLessThanOrEqual(1024);
    expect(message).toContain('ERR_API_REQUEST: xxx');
  });
});
