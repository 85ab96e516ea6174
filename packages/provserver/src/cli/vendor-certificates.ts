import { parseCertificate } from '@cmc/attestationreport/x509';
import { ProvError } from '../errors.ts';
import type { VendorCertificate } from '../store/store.ts';
import { readVendorPem, readVendorSqlite } from '../tpm/import-vendor-certificates.ts';
import type { CommandContext } from './program.ts';

/** `provserver ek-roots import`. */
export async function importPem(context: CommandContext, path = ''): Promise<void> {
  const areRoots = context.flags['anchor'] === true;
  await add(context, await readVendorPem(path, { areRoots }));
}

/** `provserver ek-roots import-sqlite`. */
export async function importSqlite(context: CommandContext, path = ''): Promise<void> {
  await add(context, await readVendorSqlite(path));
}

/** `provserver ek-roots list`: one line, or one JSON object, for each certificate. */
export async function listVendorCertificates({
  store,
  flags,
  write,
}: CommandContext): Promise<void> {
  for (const { sha256, certificate: der, isRoot } of await store.vendorCertificates()) {
    const { subject, notAfter } = parseCertificate(der);
    const trust = isRoot ? 'root' : 'intermediate';
    const fields = { sha256, trust, notAfter: notAfter.toISOString(), subject };
    const line = Object.values(fields).join('  ').replaceAll(/\p{C}/gu, '?');
    write(`${flags['json'] === true ? JSON.stringify(fields) : line}\n`);
  }
}

/** `provserver ek-roots remove`. */
export async function removeVendorCertificate(
  { store, flags, write, now }: CommandContext,
  text = '',
): Promise<void> {
  const sha256 = text.replaceAll(':', '').toLowerCase();
  if (!(await store.removeVendorCertificate(sha256, now))) {
    throw new ProvError('ERR_PROV_UNKNOWN', `no certificate has the SHA-256 ${sha256}`);
  }
  write(
    flags['json'] === true ? `${JSON.stringify({ removed: sha256 })}\n` : `${sha256} is removed\n`,
  );
}

/** `provserver forget-device`. */
export async function forgetDevice(
  { store, flags, write, now }: CommandContext,
  device = '',
): Promise<void> {
  if (!(await store.forgetDevice(device, now))) {
    throw new ProvError('ERR_PROV_UNKNOWN', `no device is registered as "${device}"`);
  }
  write(
    flags['json'] === true
      ? `${JSON.stringify({ forgotten: device })}\n`
      : `${device} is forgotten\n`,
  );
}

async function add(
  { store, flags, write, now }: CommandContext,
  certificates: readonly VendorCertificate[],
): Promise<void> {
  const added = await store.addVendorCertificates(certificates, now);
  const found = certificates.length;
  const roots = certificates.filter(({ isRoot }) => isRoot).length;
  const words = `${found} certificates, ${roots} of them roots; ${added} are new or trusted anew\n`;
  write(flags['json'] === true ? `${JSON.stringify({ found, roots, added })}\n` : words);
}
