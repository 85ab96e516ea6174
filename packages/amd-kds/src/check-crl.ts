import {
  type Certificate,
  DerReader,
  readName,
  readSignatureAlgorithm,
  readTime,
  signatureProblem,
} from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { decoded, invalid } from './check-certificate.ts';

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Until when a certificate revocation list (RFC 5280, section 5) that `issuer` signed is current.
 * @throws {KdsError} ERR_KDS_INVALID malformed, of another issuer, or no longer current
 */
export async function checkCrl(der: Uint8Array, issuer: Certificate, now: Date): Promise<Date> {
  const { nextUpdate, issuerName, ...signed } = decoded('CRL', () => readCrl(der));
  if (!equalBytes(issuerName, issuer.subjectName.raw)) {
    throw invalid(`CRL: not of ${issuer.subject}`);
  }
  const problem = await signatureProblem(signed, issuer);
  if (problem !== undefined) throw invalid(`CRL: ${problem}`);
  if (nextUpdate <= now) throw invalid(`CRL: was to be replaced at ${nextUpdate.toISOString()}`);
  return nextUpdate;
}

function readCrl(der: Uint8Array): {
  readonly tbs: Uint8Array;
  readonly issuerName: Uint8Array;
  readonly nextUpdate: Date;
  readonly signatureAlgorithm: ReturnType<typeof readSignatureAlgorithm>;
  readonly signature: Uint8Array;
} {
  const outer = new DerReader(der, 'CertificateList');
  const list = outer.enter(SEQUENCE, 'sequence');
  outer.end();
  const tbs = list.open(SEQUENCE, 'tbsCertList');
  const algorithm = list.open(SEQUENCE, 'signatureAlgorithm');
  const signatureAlgorithm = readSignatureAlgorithm(algorithm.contents);
  const signature = list.bitString('signatureValue');
  list.end();
  const fields = tbs.contents;
  if (fields.peek() === INTEGER) fields.smallInteger('version', 1);
  if (!equalBytes(fields.element(SEQUENCE, 'signature'), algorithm.raw)) {
    fields.fail('ERR_DECODE_VALUE', 'signature: another algorithm than in signatureAlgorithm');
  }
  const issuerName = readName(fields, 'issuer').raw;
  readTime(fields, 'thisUpdate');
  const nextUpdate = readTime(fields, 'nextUpdate');
  return { tbs: tbs.raw, issuerName, nextUpdate, signatureAlgorithm, signature };
}
