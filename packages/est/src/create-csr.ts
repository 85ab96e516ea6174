import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { AttributeOid } from './certification-request.ts';
import {
  contextTag,
  der,
  derBitString,
  derOid,
  derSequence,
  derSet,
  derSmallInteger,
  derUtf8String,
} from './der-writer.ts';
import { signTbs } from './sign-tbs.ts';
import { alternativeNames, type CsrSubject, encodeSubject } from './subject.ts';

export interface CreateCsrOptions extends WaitOptions {
  readonly signer: Signer;
  readonly subject: CsrSubject;
  /** Subject alternative names. */
  readonly dnsNames?: readonly string[];
  /** IPv4 and IPv6 addresses as text. */
  readonly ipAddresses?: readonly string[];
  /** Default: the algorithm that the signer prefers. */
  readonly algorithm?: SignatureAlgorithm;
  /** One-time secret that some servers want (RFC 2985, section 5.4.1). */
  readonly challengePassword?: string;
}

/**
 * A PKCS #10 certification request (RFC 2986), DER, signed by `signer` with the key that it asks a
 * certificate for. @throws {TypeError} a name that no certificate can have
 */
export async function createCsr(options: CreateCsrOptions): Promise<Uint8Array> {
  const { signer, subject, algorithm, challengePassword, signal } = options;
  const names = alternativeNames(options.dnsNames ?? [], options.ipAddresses ?? []);
  const attributes = [
    ...(names.length === 0
      ? []
      : [attribute(AttributeOid.extensionRequest, derSequence(...names))]),
    ...(challengePassword === undefined
      ? []
      : [attribute(AttributeOid.challengePassword, derUtf8String(challengePassword))]),
  ];
  const tbs = derSequence(
    derSmallInteger(0),
    encodeSubject(subject),
    signer.publicKey,
    der(contextTag(0), ...attributes),
  );
  const { identifier, signature } = await signTbs(tbs, signer, {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(signal === undefined ? {} : { signal }),
  });
  return derSequence(tbs, identifier, derBitString(signature));
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), derSet(value));
}
