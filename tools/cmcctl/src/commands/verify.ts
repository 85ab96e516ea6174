import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { EXIT, readSettingFile, UsageError, writeFileAtomic } from '@cmc/host';
import { readNonce } from '../nonce.ts';
import { openPublisher, publishAll } from '../publication.ts';
import type { CmcctlSettings } from '../settings.ts';
import { archiveTime } from '../time.ts';
import { formatVerdicts } from '../verify/format.ts';
import type { Verdict } from '../verify/verdict.ts';
import { verifyAll } from '../verify/verify-all.ts';

/** `cmcctl verify`: the verdicts on reports, and an exit code that sums them up. */
export async function verify(settings: CmcctlSettings): Promise<number> {
  const files = settings.report ?? [];
  const nonces = settings.nonce ?? [];
  const at = archiveTime(settings);
  check(settings, files.length, nonces.length);
  const inputs = await Promise.all(
    files.map(async (file, index) => ({
      file,
      report: new Uint8Array(await readSettingFile(file, 'report')),
      nonce: await readNonce(nonces[index] ?? nonces[0] ?? ''),
    })),
  );
  const ear = await openEar(settings);
  const publisher = openPublisher(settings);
  const verdicts = await verifyAll(inputs, settings, at);
  const [first] = verdicts;
  if (settings.result !== undefined && first?.result !== undefined) {
    const json = encodeStruct(attestationResultSchema, first.result, 'json');
    await writeFileAtomic(settings.result, json, { mode: 0o644 });
  }
  if (first?.result !== undefined) await ear?.(first, inputs[0]?.nonce ?? new Uint8Array());
  const format = settings.format ?? (settings.json === true ? 'json' : 'pretty');
  process.stdout.write(formatVerdicts(verdicts, format, at));
  const published = await publishAll(
    settings,
    publisher,
    verdicts.map(({ result }) => result),
  );
  const code = exitCode(verdicts);
  return code === EXIT.success && !published ? EXIT.unavailable : code;
}

function check(settings: CmcctlSettings, reports: number, nonces: number): void {
  if (reports === 0) throw new UsageError('verify needs report');
  if (nonces !== 1 && nonces !== reports) {
    throw new UsageError(
      `nonce: expected one, or one for each of ${reports} reports, got ${nonces}`,
    );
  }
  if (reports > 1 && (settings.result ?? settings.earOut) !== undefined) {
    throw new UsageError('result and ear-out are for one report');
  }
  if ((settings.earKey === undefined) !== (settings.earOut === undefined)) {
    throw new UsageError('ear-key and ear-out belong together');
  }
}

/** Loads the key before anything is verified, so that a wrong one costs nothing. */
async function openEar(
  settings: CmcctlSettings,
): Promise<((verdict: Verdict, nonce: Uint8Array) => Promise<void>) | undefined> {
  const { earKey, earOut } = settings;
  if (earKey === undefined || earOut === undefined) return undefined;
  const { createEarSigner } = await import('../verify/ear.ts');
  const sign = createEarSigner(await readSettingFile(earKey, 'earKey'));
  return async (verdict, nonce) => {
    await writeFileAtomic(earOut, await sign(verdict, nonce), { mode: 0o644 });
  };
}

function exitCode(verdicts: readonly Verdict[]): number {
  if (verdicts.some(({ status }) => status === 'fail')) return EXIT.attestationFailed;
  if (verdicts.some(({ status }) => status === 'unavailable')) return EXIT.unavailable;
  return EXIT.success;
}
