import { randomBytes } from 'node:crypto';
import { EXIT, UsageError, writeFileAtomic } from '@cmc/host';
import { daemonAddress, withDaemon, withDeadline } from '../daemon.ts';
import { hexNonce } from '../nonce.ts';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

const NONCE_BYTES = 32;

/** `cmcctl generate`: a report over a fresh nonce, or one that was given in hex. */
export async function generate(settings: CmcctlSettings): Promise<number> {
  const file = only(settings.report, 'report') ?? 'attestation-report';
  const nonceText = only(settings.nonce, 'nonce') ?? 'nonce';
  const given = hexNonce(nonceText);
  const nonce = given ?? new Uint8Array(randomBytes(NONCE_BYTES));
  const report = await (settings.standalone === true ? standalone : ask)(settings, nonce);
  if (given === undefined) await writeFileAtomic(nonceText, nonce, { mode: 0o644 });
  await writeFileAtomic(file, report, { mode: 0o644 });
  print(settings, { report: file, nonce: nonceText, bytes: report.length }, [
    `Report of ${report.length} bytes written to ${file}; its nonce: ${nonceText}.`,
  ]);
  return EXIT.success;
}

async function ask(settings: CmcctlSettings, nonce: Uint8Array): Promise<Uint8Array> {
  const { serialization } = daemonAddress(settings);
  const { report } = await withDaemon(settings, (cmc, signal) =>
    cmc.attest({ nonce }, { signal, serialization }),
  );
  return report;
}

async function standalone(settings: CmcctlSettings, nonce: Uint8Array): Promise<Uint8Array> {
  const { containerLog: path, storage, name, metadata: locations = [] } = settings;
  if (path === undefined) throw new UsageError('generate --standalone needs container-log');
  const [attestation, { createSwDriver, openContainerLog }, { createMetadataSource }] =
    await Promise.all([
      import('@cmc/attestationreport'),
      import('@cmc/driver-sw'),
      import('@cmc/cmcd'),
    ]);
  return await withDeadline(settings, async (signal) => {
    const source = await createMetadataSource({ locations });
    const driver = await createSwDriver({
      containerLog: openContainerLog({ path }),
      ...(storage === undefined ? {} : { storage }),
    });
    const { items } = attestation.selectMetadata(await source.load({ signal }));
    return await attestation.generate({
      measurers: [driver],
      nonce,
      metadata: items,
      serialization: settings.serialization ?? 'cbor',
      signal,
      ...(name === undefined ? {} : { name }),
    });
  });
}

function only(values: readonly string[] | undefined, setting: string): string | undefined {
  if (values === undefined || values.length === 1) return values?.[0];
  throw new UsageError(`generate: expected one ${setting}, got ${values.length}`);
}
