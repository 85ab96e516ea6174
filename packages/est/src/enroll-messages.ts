import { ByteReader, ByteWriter, DecodeError } from '@cmc/bytes';
import { MAX_CSR_BYTES } from './certification-request.ts';
import { MAX_ENCRYPTED_DATA_BYTES } from './encrypted-data.ts';
import { MEDIA_TYPE } from './media-type.ts';
import { bytesPart, type MessageFormat, multipartMessage, textPart } from './multipart-message.ts';

/** Request of `/attestenroll`: a certificate for a key on a platform that proves its state. */
export interface AttestEnrollRequest {
  /** PKCS #10, DER. */
  readonly csr: Uint8Array;
  /** Attestation report with the nonce SHA-256(SubjectPublicKeyInfo of the request). */
  readonly report: Uint8Array;
}

/** Request of `/tpmcertifyenroll`: a certificate for a TPM key that an attestation key certified. */
export interface TpmCertifyEnrollRequest {
  /** PKCS #10 of the certified key, DER. */
  readonly csr: Uint8Array;
  /** TPMT_PUBLIC of that key. */
  readonly ikPublic: Uint8Array;
  /** TPMS_CREATION_DATA of it; empty from clients of the reference. */
  readonly ikCreateData: Uint8Array;
  /** TPMS_ATTEST of type certify. */
  readonly ikAttestation: Uint8Array;
  /** TPMT_SIGNATURE by the attestation key. */
  readonly ikSignature: Uint8Array;
  /** TPMT_PUBLIC of the attestation key. */
  readonly akPublic: Uint8Array;
  /** Attestation report, as for {@link AttestEnrollRequest}. */
  readonly report: Uint8Array;
}

/** Which TPM it is, for finding the roots of its endorsement certificate. */
export interface TpmInfo {
  /** Name of the vendor as in the TCG registry: `Infineon`. */
  readonly manufacturer: string;
  readonly firmwareMajor: number;
  readonly firmwareMinor: number;
}

/** Request of `/tpmactivateenroll`: a certificate for an attestation key, to be activated. */
export interface TpmActivateEnrollRequest {
  readonly tpm: TpmInfo;
  /** Where the vendor has the endorsement certificate; empty when `ekCertificate` is not. */
  readonly ekCertificateUrl: string;
  /** PKCS #10 of the attestation key, DER. */
  readonly csr: Uint8Array;
  /** TPMT_PUBLIC of the attestation key. */
  readonly akPublic: Uint8Array;
  /** TPMS_CREATION_DATA. */
  readonly akCreateData: Uint8Array;
  /** TPMS_ATTEST of type creation. */
  readonly akAttestation: Uint8Array;
  /** TPMT_SIGNATURE by the attestation key itself. */
  readonly akSignature: Uint8Array;
  /** SubjectPublicKeyInfo of the endorsement key, DER. */
  readonly ekPublic: Uint8Array;
  /** Endorsement certificate, DER; empty when the TPM has none. */
  readonly ekCertificate: Uint8Array;
}

/** Response of `/tpmactivateenroll`. */
export interface TpmActivateEnrollResponse {
  /** TPMS_ID_OBJECT: contents of the TPM2B_ID_OBJECT for TPM2_ActivateCredential. */
  readonly credentialBlob: Uint8Array;
  /** Contents of the TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array;
  /** The certificate as PKCS #7 EncryptedData under the activated secret. */
  readonly encryptedCertificate: Uint8Array;
}

/** Longest attestation report that is taken, bytes. */
export const MAX_REPORT_BYTES: number = 16 * 1024 * 1024;
/** Longest TPM structure, key or certificate, bytes. */
const MAX_STRUCTURE_BYTES = 8_192;
const MAX_TPM_INFO_BYTES = 128;
const MAX_URL_BYTES = 2_048;
const MAX_FIRMWARE_NUMBER = 0xffff_ffff;

const csr = bytesPart(MEDIA_TYPE.csr, MAX_CSR_BYTES);
const structure = bytesPart(MEDIA_TYPE.bytes, MAX_STRUCTURE_BYTES);
const report = bytesPart(MEDIA_TYPE.bytes, MAX_REPORT_BYTES);

/** Messages of `/attestenroll`; the response is a certs-only message. */
export const attestEnrollRequest: MessageFormat<AttestEnrollRequest> = multipartMessage(
  'AttestEnrollRequest',
  { csr, report },
);

/** Messages of `/tpmcertifyenroll`; the response is a certs-only message. */
export const tpmCertifyEnrollRequest: MessageFormat<TpmCertifyEnrollRequest> = multipartMessage(
  'TpmCertifyEnrollRequest',
  {
    csr,
    ikPublic: structure,
    ikCreateData: structure,
    ikAttestation: structure,
    ikSignature: structure,
    akPublic: structure,
    report,
  },
);

const tpmActivateParts: MessageFormat<
  Omit<TpmActivateEnrollRequest, 'tpm'> & { readonly tpm: string }
> = multipartMessage('TpmActivateEnrollRequest', {
  tpm: textPart(MAX_TPM_INFO_BYTES),
  ekCertificateUrl: textPart(MAX_URL_BYTES),
  csr,
  akPublic: structure,
  akCreateData: structure,
  akAttestation: structure,
  akSignature: structure,
  ekPublic: structure,
  ekCertificate: structure,
});

/** Messages to `/tpmactivateenroll`. */
export const tpmActivateEnrollRequest: MessageFormat<TpmActivateEnrollRequest> = {
  encode: (message) => tpmActivateParts.encode({ ...message, tpm: formatTpmInfo(message.tpm) }),
  decode: (body) => {
    const message = tpmActivateParts.decode(body);
    return { ...message, tpm: parseTpmInfo(message.tpm) };
  },
};

const tpmActivateResponseParts: MessageFormat<TpmActivateEnrollResponse> = multipartMessage(
  'TpmActivateEnrollResponse',
  {
    credentialBlob: structure,
    encryptedSecret: structure,
    encryptedCertificate: bytesPart(MEDIA_TYPE.encryptedData, MAX_ENCRYPTED_DATA_BYTES),
  },
);

/** Messages from `/tpmactivateenroll`. Credential and secret travel with their size in front. */
export const tpmActivateEnrollResponse: MessageFormat<TpmActivateEnrollResponse> = {
  encode: (message) =>
    tpmActivateResponseParts.encode({
      ...message,
      credentialBlob: withSize(message.credentialBlob),
      encryptedSecret: withSize(message.encryptedSecret),
    }),
  decode: (body) => {
    const message = tpmActivateResponseParts.decode(body);
    return {
      ...message,
      credentialBlob: withoutSize(message.credentialBlob, 'credentialBlob'),
      encryptedSecret: withoutSize(message.encryptedSecret, 'encryptedSecret'),
    };
  },
};

/** Longest body of a request to each of the endpoints, bytes: reports are by far the longest part. */
export const MAX_ENROLL_BODY_BYTES: number = MAX_REPORT_BYTES * 1.5 + 1024 * 1024;

function formatTpmInfo({ manufacturer, firmwareMajor, firmwareMinor }: TpmInfo): string {
  const text = `${manufacturer};${firmwareMajor};${firmwareMinor}`;
  parseTpmInfo(text);
  return text;
}

function parseTpmInfo(text: string): TpmInfo {
  const [, manufacturer = '', major, minor] =
    /^([\x20-\x3a\x3c-\x7e]{1,64});([0-9]{1,10});([0-9]{1,10})$/.exec(text) ?? [];
  const [firmwareMajor, firmwareMinor] = [Number(major), Number(minor)];
  // Also refuses what did not match: NaN is not at most anything.
  if (!(Math.max(firmwareMajor, firmwareMinor) <= MAX_FIRMWARE_NUMBER)) {
    throw new DecodeError('ERR_DECODE_FORMAT', 'expected manufacturer;major;minor', {
      path: ['TpmActivateEnrollRequest.tpm'],
      offset: 0,
    });
  }
  return { manufacturer, firmwareMajor, firmwareMinor };
}

function withSize(bytes: Uint8Array): Uint8Array {
  return new ByteWriter().sized16(bytes).finish();
}

function withoutSize(bytes: Uint8Array, name: string): Uint8Array {
  const reader = new ByteReader(bytes, name);
  const content = reader.sized16(MAX_STRUCTURE_BYTES);
  reader.end();
  return content;
}
