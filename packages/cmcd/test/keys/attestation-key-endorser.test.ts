import { parseCertificate } from '@cmc/attestationreport/x509';
import type { AttestationKeyRequest } from '@cmc/driver-tpm';
import { type EstClient, encryptData, parseCsr, type TpmActivateEnrollRequest } from '@cmc/est';
import { createFakeCa, type FakeCa, type IssueOptions } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { estAttestationKeyEndorser } from '../../src/keys/attestation-key-endorser.ts';
import { ekCertificateUrl, manufacturerName } from '../../src/keys/tpm-vendors.ts';

const SECRET = new Uint8Array(32).fill(1);
const AK: IssueOptions = {
  commonName: 'host.test TPM AK',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['2.23.133.8.3'],
};

interface Scene {
  readonly ca: FakeCa;
  readonly sent: TpmActivateEnrollRequest[];
  endorse(): Promise<readonly Uint8Array[]>;
}

interface SceneOptions {
  /** The certificate that the server gives. Default: a good one. */
  readonly answer?: (ca: FakeCa, key: NonNullable<IssueOptions['key']>) => Promise<Uint8Array>;
  /** What the TPM finds in the credential. Default: the secret of the server. */
  readonly activated?: Uint8Array;
  readonly ekCertificate?: Uint8Array;
}

/** A server and a TPM that both do as they are told. */
async function createScene(options: SceneOptions = {}): Promise<Scene> {
  const ca = createFakeCa();
  const { signer, key, certificate: ek } = await ca.issue();
  const sent: TpmActivateEnrollRequest[] = [];
  const give = options.answer ?? (async () => (await ca.issue({ ...AK, key })).certificate);
  const client = {
    caCerts: async () => [parseCertificate(ca.certificate)],
    tpmActivateEnroll: async (request: TpmActivateEnrollRequest) => {
      sent.push(request);
      return {
        credentialBlob: Uint8Array.of(1),
        encryptedSecret: Uint8Array.of(2),
        encryptedCertificate: encryptData(await give(ca, key), { key: SECRET }),
      };
    },
  } satisfies Partial<EstClient>;
  const request: AttestationKeyRequest = {
    signer,
    key: {
      publicArea: Uint8Array.of(3),
      privateArea: Uint8Array.of(4),
      creationData: Uint8Array.of(5),
      attestation: Uint8Array.of(6),
      signature: Uint8Array.of(7),
    },
    identity: async () => ({
      info: { manufacturer: 'IFX ', vendor: 'SLB9670', firmwareMajor: 7, firmwareMinor: 85 },
      ekPublicKey: parseCertificate(ek).spki,
      ...(options.ekCertificate === undefined ? {} : { ekCertificate: options.ekCertificate }),
    }),
    activate: async ({ credentialBlob, secret }) => {
      expect([...credentialBlob, ...secret]).toEqual([1, 2]);
      return (options.activated ?? SECRET).slice();
    },
  };
  const endorser = estAttestationKeyEndorser({
    client: async () => client as unknown as EstClient,
    name: 'host.test',
  });
  return { ca, sent, endorse: async () => await endorser.endorse(request) };
}

describe('the certificate of an attestation key', () => {
  test('is decrypted with what the TPM activates, and comes with its chain', async () => {
    const ekCertificate = Uint8Array.of(8);
    const { ca, sent, endorse } = await createScene({ ekCertificate });
    const [leaf, root, ...more] = await endorse();
    expect(parseCertificate(leaf ?? new Uint8Array()).extendedKeyUsage).toEqual(['2.23.133.8.3']);
    expect(root).toEqual(ca.certificate);
    expect(more).toEqual([]);
    const [request] = sent;
    expect(request).toMatchObject({
      tpm: { manufacturer: 'Infineon', firmwareMajor: 7, firmwareMinor: 85 },
      ekCertificateUrl: '',
      ekCertificate,
      akPublic: Uint8Array.of(3),
      akCreateData: Uint8Array.of(5),
      akAttestation: Uint8Array.of(6),
      akSignature: Uint8Array.of(7),
    });
    const csr = parseCsr(request?.csr ?? new Uint8Array());
    expect(csr.subjectName.attributes.map(({ value }) => value)).toEqual(['host.test TPM AK']);
    expect(csr.subjectAlternativeName).toBeUndefined();
  });

  test.each<[string, NonNullable<SceneOptions['answer']>]>([
    ['for another key', async (ca) => (await ca.issue(AK)).certificate],
    [
      'of another authority',
      async (_, key) => (await createFakeCa().issue({ ...AK, key })).certificate,
    ],
    [
      'for TLS',
      async (ca, key) =>
        (await ca.issue({ ...AK, key, extendedKeyUsage: ['serverAuth'] })).certificate,
    ],
    [
      'that has expired',
      async (ca, key) =>
        (await ca.issue({ ...AK, key, notAfter: new Date(Date.now() - 1000) })).certificate,
    ],
  ])('%s is refused', async (_, answer) => {
    const { endorse } = await createScene({ answer });
    await expect(endorse()).rejects.toMatchObject({ code: 'ERR_ENROLL_RESPONSE' });
  });

  test('is not read when the TPM activates another secret', async () => {
    const { endorse } = await createScene({ activated: new Uint8Array(32).fill(2) });
    await expect(endorse()).rejects.toMatchObject({ code: 'ERR_EST_DECRYPT' });
  });
});

describe('the vendor of a TPM', () => {
  test.each([
    ['INTC', 'Intel'],
    ['STM ', 'ST Microelectronics'],
    ['NTC', 'Nuvoton Technology'],
    ['XYZ', 'XYZ'],
    ['', 'unknown'],
  ])('%j is called %s', (identifier, name) => {
    expect(manufacturerName(identifier)).toBe(name);
  });

  test('gives certificates at a URL where it is Intel and the key is RSA', async () => {
    const rsa = parseCertificate(
      (await createFakeCa().issue({ keyAlgorithm: 'RSA2048' })).certificate,
    );
    const ec = parseCertificate((await createFakeCa().issue()).certificate);
    expect(ekCertificateUrl('INTC', rsa.spki)).toMatch(
      /^https:\/\/ekop\.intel\.com\/ekcertservice\/[A-Za-z0-9_-]{43}%3D$/,
    );
    expect(ekCertificateUrl('INTC', ec.spki)).toBeUndefined();
    expect(ekCertificateUrl('IFX', rsa.spki)).toBeUndefined();
  });
});
