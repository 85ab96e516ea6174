import type { Component, Measurer, Signer } from '@cmc/attestationreport';
import { encodeReport } from '@cmc/attestationreport/codec';
import { concatBytes } from '@cmc/bytes';
import {
  createCsr,
  decryptData,
  type TpmActivateEnrollRequest,
  type TpmActivateEnrollResponse,
  type TpmCertifyEnrollRequest,
} from '@cmc/est';
import {
  activateCredential,
  type CreatedObject,
  keyTemplate,
  openEndorsementKey,
  readEkCertificate,
  storageKeyTemplate,
  type Tpm,
  type TpmObject,
} from 'tpm2-ts';
import { type EkTemplate, ekTemplate, publicAreaToSpki, type TpmtSignature } from 'tpm2-ts/verify';

const TPM_EVIDENCE = 'TPM Evidence';
/** The one that software may reset. */
const PCR = 16;
const DIGEST = new Uint8Array(32).fill(7);

/** What the TPM measures, and manifests have to know. */
export const MEASURED: Component = {
  type: 'firmware',
  name: 'kernel',
  hashes: [{ alg: 'SHA-256', content: DIGEST }],
  properties: [
    { name: 'cmc.ta', value: 'TPM' },
    { name: 'cmc.index', value: String(PCR) },
  ],
};

/** A machine with a TPM, as cmcd is one. */
export interface TpmDevice {
  /** TPM name and TPMT_PUBLIC of its attestation key. */
  readonly ak: Pick<TpmObject, 'name' | 'publicArea'>;
  activateRequest(change?: Partial<TpmActivateEnrollRequest>): Promise<TpmActivateEnrollRequest>;
  /** The certificate in an answer. */
  open(answer: TpmActivateEnrollResponse): Promise<Uint8Array>;
  /** Extends a PCR by {@link MEASURED}, and quotes it with these certificates of the attestation key. */
  measurer(certs: readonly Uint8Array[]): Measurer;
  /** For a new key; its report has this certificate of the attestation key. */
  certifyRequest(
    akCertificate: Uint8Array,
    change?: Partial<TpmCertifyEnrollRequest>,
  ): Promise<TpmCertifyEnrollRequest>;
}

export interface TpmDeviceOptions {
  readonly name?: string;
  readonly ekId?: EkTemplate['id'];
  readonly key?: 'P-256' | 2048;
  /** Whether the key is an attestation key. */
  readonly restricted?: boolean;
  /** Alternative names that are asked for with the attestation key. Default: that of the device. */
  readonly dnsNames?: readonly string[];
}

export async function createTpmDevice(
  tpm: Tpm,
  options: TpmDeviceOptions = {},
): Promise<TpmDevice> {
  const {
    name = 'device.example',
    ekId = 'L-1',
    key = 'P-256',
    restricted = true,
    dnsNames = [name],
  } = options;
  const scheme = { scheme: key === 'P-256' ? 'ECDSA' : 'RSASSA', hash: 'SHA-256' } as const;
  const template = ekTemplate(ekId);
  // A TPM has room for three objects.
  const withEk = async <T>(use: (ek: TpmObject) => Promise<T>): Promise<T> => {
    const ek = await openEndorsementKey(tpm, template);
    try {
      return await use(ek);
    } finally {
      if (ek.handle !== template.persistentHandle) await ek.flush();
    }
  };
  const create = async (of: ReturnType<typeof keyTemplate>): Promise<CreatedObject> => {
    await using srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
    return await tpm.create(srk, { template: of });
  };
  const load = async (object: CreatedObject): Promise<TpmObject> => {
    await using srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
    return await tpm.load(srk, object);
  };
  const loaded = async <T>(
    object: CreatedObject,
    use: (object: TpmObject) => Promise<T>,
  ): Promise<T> => {
    await using key = await load(object);
    return await use(key);
  };
  const ekCertificate = (await readEkCertificate(tpm, template)) ?? new Uint8Array();
  const ekPublic = await withEk(async (ek) => publicAreaToSpki(ek.public));
  const created = await create(keyTemplate({ key, restricted, scheme }));
  const ak = await loaded(created, async ({ name: akName, publicArea }) => ({
    name: akName,
    publicArea,
  }));
  const creation = await loaded(
    created,
    async (each) => await tpm.certifyCreation(each, each, created),
  );
  const activate = {
    tpm: { manufacturer: 'IBM', firmwareMajor: 8217, firmwareMinor: 4131 },
    ekCertificateUrl: '',
    csr: await loaded(created, async (each) => await csrOf(tpm, each, `${name} TPM AK`, dnsNames)),
    akPublic: ak.publicArea,
    akCreateData: created.creationData,
    akAttestation: creation.attest,
    akSignature: creation.signature,
    ekPublic,
    ekCertificate,
  };
  return {
    ak,
    activateRequest: async (change = {}) => ({ ...activate, ...change }),
    open: async ({ credentialBlob, encryptedSecret, encryptedCertificate }) => {
      const credential = { credentialBlob, secret: encryptedSecret };
      const secret = await withEk(
        async (ek) =>
          await loaded(
            created,
            async (each) => await activateCredential(tpm, each, ek, credential),
          ),
      );
      return decryptData(encryptedCertificate, secret);
    },
    measurer: (certs) => ({
      name: 'tpm',
      prepare: async () => {
        await tpm.pcrs.reset(PCR);
        await tpm.pcrs.extend(PCR, new Map([['SHA-256', DIGEST]]));
        return {
          collateral: [
            {
              type: TPM_EVIDENCE,
              certs,
              artifacts: [{ type: 'PCR Eventlog', index: PCR, events: [MEASURED] }],
            },
          ],
          measure: async (nonce) => {
            const pcrs = [{ bank: 'SHA-256', pcrs: [PCR] }] as const;
            const { attest, signature } = await loaded(
              created,
              async (each) => await tpm.quote(each, { qualifyingData: nonce, pcrs }),
            );
            return [{ type: TPM_EVIDENCE, evidence: attest, signature }];
          },
        };
      },
    }),
    certifyRequest: async (akCertificate, change = {}) => {
      await using ik = await load(await create(keyTemplate({ key, scheme })));
      const { attest, signature } = await loaded(
        created,
        async (each) => await tpm.certify(ik, each),
      );
      return {
        csr: await csrOf(tpm, ik, name, [name]),
        ikPublic: ik.publicArea,
        ikCreateData: new Uint8Array(),
        ikAttestation: attest,
        ikSignature: signature,
        akPublic: ak.publicArea,
        report: reportWith(akCertificate),
        ...change,
      };
    },
  };
}

/** A report with nothing but the certificate that belongs to a quote. */
export function reportWith(certificate: Uint8Array, type = TPM_EVIDENCE): Uint8Array {
  return encodeReport(
    {
      version: '3.3.0',
      type: 'Attestation Report',
      encoding: 'b64',
      evidences: [],
      context: {
        type: 'Context',
        alg: 'SHA-256',
        nonce: new Uint8Array(8),
        collateral: [{ type, certs: [certificate] }],
        digests: [],
      },
    },
    'json',
  );
}

/** A request that is signed in the TPM: restricted keys sign what it hashed itself. */
async function csrOf(
  tpm: Tpm,
  key: TpmObject,
  commonName: string,
  dnsNames: readonly string[] = [],
): Promise<Uint8Array> {
  const { public: area } = key;
  const signer: Signer = {
    publicKey: publicAreaToSpki(area),
    algorithms: [area.type === 'RSA' ? 'RS256' : 'ES256'],
    certificateChain: [],
    signDigest: async (digest) => rawSignature(await tpm.sign(key, digest)),
    signMessage: async (message) => {
      const { digest, ticket } = await tpm.hash('SHA-256', message);
      return rawSignature(await tpm.sign(key, digest, { ticket }));
    },
  };
  return await createCsr({ signer, subject: { commonName }, dnsNames });
}

function rawSignature(signature: TpmtSignature): Uint8Array {
  if (signature.scheme !== 'ECDSA') return signature.signature;
  const pad = (bytes: Uint8Array): Uint8Array =>
    concatBytes(new Uint8Array(32 - bytes.length), bytes);
  return concatBytes(pad(signature.r), pad(signature.s));
}
