import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Certificate,
  fingerprint,
  parsePemCertificates,
  signatureProblem,
} from '@cmc/attestationreport/x509';
import { decodeUtf8, equalBytes, toHex } from '@cmc/bytes';
import { ProvError } from '../errors.ts';
import { openSqliteDatabase } from '../store/sqlite-database.ts';
import type { VendorCertificate } from '../store/store.ts';
import { MAX_IMPORT_BYTES } from './limits.ts';

/**
 * The certificates of a PEM file: those that are signed by their own key are roots, the others only
 * help to get there, unless `areRoots`. @throws {ProvError} ERR_PROV_CONFIG
 */
export async function readVendorPem(
  path: string,
  { areRoots = false }: { readonly areRoots?: boolean } = {},
): Promise<readonly VendorCertificate[]> {
  return await importing(path, async () => {
    const certificates = parsePemCertificates(await readFile(path, 'utf8'));
    return await Promise.all(
      certificates.map(async (each) => toRecord(each, areRoots || (await isSelfSigned(each)))),
    );
  });
}

/**
 * The certificates of the reference's database of trust anchors. Manufacturer and firmware are not
 * taken over: chains are found by names and signatures. @throws {ProvError} ERR_PROV_CONFIG
 */
export async function readVendorSqlite(path: string): Promise<readonly VendorCertificate[]> {
  return await importing(path, async () => {
    // Opening a database may write to it; this one is somebody else's.
    const folder = await mkdtemp(join(tmpdir(), 'provserver-'));
    try {
      const copy = join(folder, 'import.db');
      await copyFile(path, copy);
      return rowsOf(copy).flatMap(({ pem, isRoot }) =>
        parsePemCertificates(pem).map((certificate) => toRecord(certificate, isRoot)),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

function rowsOf(path: string): readonly { readonly pem: string; readonly isRoot: boolean }[] {
  const database = openSqliteDatabase(path);
  try {
    const rows = database.prepare('select Certs, CA from trustanchors').all([]);
    return rows.map((row) => {
      const { Certs: pem, CA: ca } = row as { readonly Certs: unknown; readonly CA: unknown };
      const text = pem instanceof Uint8Array ? decodeUtf8(pem, 'Certs') : String(pem);
      return { pem: text, isRoot: Number(ca) === 1 };
    });
  } finally {
    database.close();
  }
}

async function importing<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    const { size } = await stat(path);
    if (size > MAX_IMPORT_BYTES) throw new RangeError(`more than ${MAX_IMPORT_BYTES} bytes`);
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProvError('ERR_PROV_CONFIG', `${path} cannot be imported: ${reason}`, { cause });
  }
}

/** Old roots are signed with SHA-1, which is accepted nowhere else: their name has to do. */
async function isSelfSigned(certificate: Certificate): Promise<boolean> {
  const { issuerName, subjectName, basicConstraints, signatureAlgorithm } = certificate;
  if (basicConstraints?.isCa !== true || !equalBytes(issuerName.raw, subjectName.raw)) return false;
  const isOld = signatureAlgorithm.algorithm === undefined;
  return isOld || (await signatureProblem(certificate, certificate)) === undefined;
}

function toRecord(certificate: Certificate, isRoot: boolean): VendorCertificate {
  return {
    sha256: fingerprint(certificate),
    subject: toHex(certificate.subjectName.raw),
    certificate: certificate.raw,
    isRoot,
  };
}
