import type { AttestationKey, NewAuditEntry } from './store.ts';
import type { Database } from './tables.ts';

/**
 * Registers a device with its endorsement key and its attestation key, or refuses (`false`) when it
 * is known with others, or the attestation key is another device's (R49). Doing it again changes
 * nothing.
 */
export async function registerAttestationKey(
  write: Database,
  key: AttestationKey,
  now: Date,
  note: (entry: NewAuditEntry) => void,
): Promise<boolean> {
  const { name, device, ekSha256, publicKey } = key;
  const known = await write
    .selectFrom('attestation_keys')
    .select(['name', 'device', 'ek_sha256'])
    .where((where) => where.or([where('name', '=', name), where('device', '=', device)]))
    .execute();
  const isSame = known.every(
    (row) => row.name === name && row.device === device && row.ek_sha256 === ekSha256,
  );
  const details = { ek: ekSha256, ak: name };
  if (!isSame) {
    note({ action: 'device-conflict', subject: device, details });
    return false;
  }
  if (known.length > 0) return true;
  const at = now.getTime();
  await write
    .insertInto('devices')
    .values({ id: device, key_sha256: ekSha256, registered_at: at })
    .execute();
  await write
    .insertInto('attestation_keys')
    .values({ name, public_key: publicKey, device, ek_sha256: ekSha256, activated_at: at })
    .execute();
  note({ action: 'device-registered', subject: device, details });
  return true;
}

/** Forgets a device and its attestation key; `false` when it is not known. */
export async function forgetDevice(
  write: Database,
  id: string,
  note: (entry: NewAuditEntry) => void,
): Promise<boolean> {
  await write.deleteFrom('attestation_keys').where('device', '=', id).execute();
  const { numDeletedRows } = await write
    .deleteFrom('devices')
    .where('id', '=', id)
    .executeTakeFirst();
  if (numDeletedRows !== 1n) return false;
  note({ action: 'device-forgotten', subject: id });
  return true;
}

/** The key with this TPM name. */
export async function findAttestationKey(
  from: Database,
  name: string,
): Promise<AttestationKey | undefined> {
  const row = await from
    .selectFrom('attestation_keys')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  return (
    row && {
      name: row.name,
      publicKey: new Uint8Array(row.public_key),
      device: row.device,
      ekSha256: row.ek_sha256,
    }
  );
}
