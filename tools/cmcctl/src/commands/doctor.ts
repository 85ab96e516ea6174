import { printable } from '@cmc/attestationreport';
import { EXIT } from '@cmc/host';
import { withDeadline } from '../daemon.ts';
import type { Check } from '../doctor/check.ts';
import { clockCheck } from '../doctor/clock.ts';
import { containerLogCheck } from '../doctor/container-log.ts';
import { daemonCheck } from '../doctor/daemon.ts';
import { machineChecks } from '../doctor/machine.ts';
import { metadataChecks } from '../doctor/metadata.ts';
import { colour, print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl doctor`: what on this machine keeps attestation from working; exits with 1 if anything. */
export async function doctor(settings: CmcctlSettings): Promise<number> {
  const { containerLog, metadata, timeSource } = settings;
  const checks = await withDeadline(
    settings,
    async (signal): Promise<readonly Check[]> => [
      ...(await machineChecks()),
      ...(timeSource === undefined ? [] : [await clockCheck(timeSource)]),
      ...(containerLog === undefined ? [] : [await containerLogCheck(containerLog)]),
      ...(metadata === undefined
        ? []
        : await metadataChecks(metadata, { now: new Date(), signal })),
      await daemonCheck(settings),
    ],
  );
  const healthy = checks.every(({ state }) => state !== 'problem');
  print(settings, { healthy, checks }, checks.flatMap(checkLines));
  return healthy ? EXIT.success : EXIT.attestationFailed;
}

const COLOURS = { ok: 'green', absent: undefined, warning: 'yellow', problem: 'red' } as const;

function checkLines({ id, state, text, remedy }: Check): readonly string[] {
  const code = COLOURS[state];
  const word = state.padEnd(8);
  const line = `${code === undefined ? word : colour(word, code)} ${id.padEnd(14)}${printable(text)}`;
  return remedy === undefined || state === 'ok'
    ? [line]
    : [line, `${' '.repeat(23)}to do: ${printable(remedy)}`];
}
