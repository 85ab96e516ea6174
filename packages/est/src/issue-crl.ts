import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { ExtensionOid } from '@cmc/attestationreport/x509';
import { fromHex } from '@cmc/bytes';
import {
  contextTag,
  der,
  derBitString,
  derEnumerated,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
  derTime,
  derUnsigned,
} from './der-writer.ts';
import { keyIdOf, readAuthority } from './issue-certificate.ts';
import { signatureIdentifier, signTbs } from './sign-tbs.ts';

/** Why a certificate was revoked: RFC 5280, section 5.3.1. */
export const RevocationReason = {
  unspecified: 0,
  keyCompromise: 1,
  caCompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReasonName = keyof typeof RevocationReason;

export interface RevokedCertificate {
  /** Hex. */
  readonly serial: string;
  readonly revokedAt: Date;
  readonly reason: RevocationReasonName;
}

export interface IssueCrlOptions extends WaitOptions {
  /** Key of the authority with its certificate chain, its own certificate first. */
  readonly issuer: Signer;
  readonly now: Date;
  /** When there will be a newer one. */
  readonly nextUpdate: Date;
  /** Larger than that of every list before it. */
  readonly number: bigint;
  readonly revoked: readonly RevokedCertificate[];
}

const OID_CRL_NUMBER = '2.5.29.20';
const OID_REASON = '2.5.29.21';
const VERSION_2 = 1;

/** A list of revoked certificates, DER: RFC 5280, section 5. @throws {EstError} ERR_EST_CA */
export async function issueCrl(options: IssueCrlOptions): Promise<Uint8Array> {
  const { issuer, now, nextUpdate, number, revoked, signal } = options;
  const authority = readAuthority(issuer, now, 'crlSign');
  const entries = revoked.map(({ serial, revokedAt, reason }) =>
    derSequence(derUnsigned(fromHex(serial)), derTime(revokedAt), ...reasonOf(reason)),
  );
  const tbs = derSequence(
    derSmallInteger(VERSION_2),
    signatureIdentifier(issuer),
    authority.subjectName.raw,
    derTime(now),
    derTime(nextUpdate),
    // RFC 5280, section 5.1.2.6: absent when nothing is revoked.
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    der(
      contextTag(0),
      derSequence(
        derSequence(
          derOid(ExtensionOid.authorityKeyId),
          derOctetString(derSequence(der(0x80, keyIdOf(authority)))),
        ),
        derSequence(derOid(OID_CRL_NUMBER), derOctetString(derUnsigned(bigEndian(number)))),
      ),
    ),
  );
  const { identifier, signature } = await signTbs(
    tbs,
    issuer,
    signal === undefined ? {} : { signal },
  );
  return derSequence(tbs, identifier, derBitString(signature));
}

/** An entry that says `unspecified` has no reason: RFC 5280, section 5.3.1. */
function reasonOf(name: RevocationReasonName): Uint8Array[] {
  const reason = RevocationReason[name];
  if (reason === RevocationReason.unspecified) return [];
  return [derSequence(derSequence(derOid(OID_REASON), derOctetString(derEnumerated(reason))))];
}

function bigEndian(number: bigint): Uint8Array {
  const hex = number.toString(16);
  return fromHex(hex.padStart(hex.length + (hex.length % 2), '0'));
}
