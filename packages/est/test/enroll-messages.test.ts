import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  attestEnrollRequest,
  decodeMultipart,
  type EncodedBody,
  encodeMultipart,
  type MessageFormat,
  type Part,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
} from '../src/index.ts';
import { vectorBody, vectorBytes } from './vectors.ts';

const csr = vectorBytes('csr', 'der');
const text = encodeUtf8;
const none = new Uint8Array();

const certify = {
  csr,
  ikPublic: text('ikPublic'),
  ikCreateData: none,
  ikAttestation: text('ikAttestation'),
  ikSignature: text('ikSignature'),
  akPublic: text('akPublic'),
  report: text('the report'),
};
const activate = {
  tpm: { manufacturer: 'Nuvoton Technology', firmwareMajor: 7, firmwareMinor: 2 },
  ekCertificateUrl: '',
  csr,
  akPublic: text('akPublic'),
  akCreateData: text('akCreateData'),
  akAttestation: text('akAttestation'),
  akSignature: text('akSignature'),
  ekPublic: text('ekPublic'),
  ekCertificate: none,
};
const activated = {
  credentialBlob: text('blob'),
  encryptedSecret: text('secret'),
  encryptedCertificate: vectorBytes('encryptedData', 'message'),
};

const messages: readonly (readonly [string, MessageFormat<object>, object])[] = [
  ['attestEnrollRequest', attestEnrollRequest, { csr, report: text('the report') }],
  ['tpmCertifyEnrollRequest', tpmCertifyEnrollRequest, certify],
  ['tpmActivateEnrollRequest', tpmActivateEnrollRequest, activate],
  ['tpmActivateEnrollResponse', tpmActivateEnrollResponse, activated],
] as readonly (readonly [string, MessageFormat<object>, object])[];

/** Boundary and order of headers are the writer's choice. */
const partsOf = (body: EncodedBody): Part[] => decodeMultipart(body);

describe.each(messages)('%s', (name, format, message) => {
  const received = vectorBody(name);
  const parts = partsOf(received);
  const altered = (change: (parts: Part[]) => void): EncodedBody => {
    const copy = parts.map((part) => ({ ...part }));
    change(copy);
    return encodeMultipart(copy);
  };

  test('reads the message of the Go implementation, and writes the same parts', () => {
    expect(format.decode(received)).toStrictEqual(message);
    expect(partsOf(format.encode(message))).toStrictEqual(parts);
  });

  test('refuses a part too few and a part too many', () => {
    for (const body of [altered((all) => all.pop()), altered((all) => all.push(all[0] as Part))]) {
      expect(() => format.decode(body)).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
      );
    }
  });

  test('refuses a part of another type, naming it', () => {
    for (const [index, key] of Object.keys(message).entries()) {
      const body = altered((all) => {
        all[index] = { ...(all[index] as Part), contentType: 'image/png' };
      });
      expect(() => format.decode(body)).toThrow(
        expect.objectContaining({
          code: 'ERR_DECODE_TYPE',
          path: [expect.stringMatching(new RegExp(`\\.${key}$`))],
        }),
      );
    }
  });

  test('refuses a part in another transfer encoding', () => {
    for (const transferEncoding of [undefined, '8bit']) {
      const body = altered((all) => {
        const { contentType, body: content } = all[0] as Part;
        const encoding = transferEncoding === undefined ? {} : { transferEncoding };
        all[0] = { contentType, body: content, ...encoding };
      });
      expect(() => format.decode(body)).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TYPE' }),
      );
    }
  });

  test('refuses a last part that is too long or not base64', () => {
    const long = altered((all) => {
      all.splice(-1, 1, { ...(all.at(-1) as Part), body: new Uint8Array(26 << 20).fill(65) });
    });
    expect(() => format.decode(long)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
    const spoiled = altered((all) => {
      all.splice(-1, 1, { ...(all.at(-1) as Part), body: encodeUtf8('not base64!') });
    });
    expect(() => format.decode(spoiled)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT' }),
    );
  });
});

describe('tpmActivateEnrollRequest', () => {
  const withTpm = (tpm: string): EncodedBody => {
    const parts = partsOf(vectorBody('tpmActivateEnrollRequest'));
    parts[0] = { ...(parts[0] as Part), body: encodeUtf8(tpm) };
    return encodeMultipart(parts);
  };

  test.each([
    '',
    'IBM',
    'IBM;1',
    'IBM;1;2;3',
    ';1;2',
    'IBM;a;2',
    'IBM;-1;2',
    'IBM;4294967296;0',
    'I\nM;1;2',
  ])('refuses the TPM %j', (tpm) => {
    expect(() => tpmActivateEnrollRequest.decode(withTpm(tpm))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT' }),
    );
  });

  test('refuses to write a TPM that cannot be read', () => {
    const tpm = { ...activate.tpm, manufacturer: 'A;B' };
    expect(() => tpmActivateEnrollRequest.encode({ ...activate, tpm })).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT' }),
    );
  });

  test('refuses text that is not UTF-8', () => {
    const parts = partsOf(vectorBody('tpmActivateEnrollRequest'));
    parts[1] = { ...(parts[1] as Part), body: Uint8Array.of(0xff) };
    expect(() => tpmActivateEnrollRequest.decode(encodeMultipart(parts))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT' }),
    );
  });
});

describe('tpmActivateEnrollResponse', () => {
  test.each([
    ['short', Uint8Array.of(0, 5, 1, 2, 3, 4), 'ERR_DECODE_TRUNCATED'],
    ['long', Uint8Array.of(0, 3, 1, 2, 3, 4), 'ERR_DECODE_TRAILING'],
    ['not there', none, 'ERR_DECODE_TRUNCATED'],
  ])('refuses a credential that is %s for its size', (_name, credential, code) => {
    const parts = partsOf(vectorBody('tpmActivateEnrollResponse'));
    const base64 = encodeUtf8(Buffer.from(concatBytes(credential)).toString('base64'));
    parts[0] = { ...(parts[0] as Part), body: base64 };
    expect(() => tpmActivateEnrollResponse.decode(encodeMultipart(parts))).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
