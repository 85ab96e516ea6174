import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, UsageError, writeFileAtomic } from '@cmc/host';
import { withDaemon } from '../daemon.ts';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl enroll-key`: a TLS key in the daemon, and its id in a file. */
export async function enrollKey(settings: CmcctlSettings): Promise<number> {
  const { keyId: file, tlsCn: cn } = settings;
  if (file === undefined) throw new UsageError('enroll-key needs key-id, the file for the id');
  if (cn === undefined) throw new UsageError('enroll-key needs tls-cn');
  const keyConfig = {
    type: settings.keyType ?? 'sw',
    alg: settings.keyConfig ?? 'EC256',
    cn,
    dnsNames: settings.tlsDnsNames ?? [],
    ipAddresses: settings.tlsIpAddresses ?? [],
  } as const;
  const { keyId } = await withDaemon(settings, (cmc, signal) =>
    cmc.tlsCreate({ keyConfig }, { signal }),
  );
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, keyId, { mode: 0o600 });
  print(settings, { keyId, file }, [`Key ${keyId} enrolled; its id is in ${file}.`]);
  return EXIT.success;
}
