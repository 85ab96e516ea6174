import { toHex } from '@cmc/bytes';
import { parseEventData, parseEventLog, replay, secureBootState } from '@cmc/eventlog';

export function describeLog(bytes: Uint8Array): readonly string[] {
  const log = parseEventLog(bytes);
  const lines = log.events.map((event) => {
    const { stringcontent } = parseEventData(event);
    return `${event.pcr} ${event.typeName} ${stringcontent ?? ''}`.trimEnd();
  });
  for (const [pcr, value] of replay(log, 'SHA-256')) lines.push(`PCR ${pcr} = ${toHex(value)}`);
  const state = secureBootState(log, 'SHA-256');
  lines.push(state.ok ? `Secure Boot ${state.enabled ? 'on' : 'off'}` : state.reason);
  return lines;
}
