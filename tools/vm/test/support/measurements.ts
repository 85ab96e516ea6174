import { equalBytes, fromHex } from '@cmc/bytes';
import type { HashName } from '@cmc/ima';
import type { Agent } from '../../src/index.ts';

const EVENT_LOG = '/sys/kernel/security/tpm0/binary_bios_measurements';
const IMA_LIST = '/sys/kernel/security/ima/binary_runtime_measurements';
const MAX_ATTEMPTS = 5;
export const BANKS: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384'];

/** Logs and PCR values of one moment. */
export interface Measurements {
  readonly eventLog: Uint8Array;
  readonly imaList: Uint8Array;
  /** By bank, as tpm2-tools read them. */
  readonly pcrs: ReadonlyMap<HashName, ReadonlyMap<number, Uint8Array>>;
}

/** What a guest has measured; asked again while programs that were not run before are measured. */
export async function readMeasurements(agent: Agent): Promise<Measurements> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const before = await agent.read(IMA_LIST);
    const pcrs = await readPcrs(agent);
    const imaList = await agent.read(IMA_LIST);
    if (!equalBytes(before, imaList)) continue;
    return { eventLog: await agent.read(EVENT_LOG), imaList, pcrs };
  }
  throw new Error('the IMA list does not come to rest');
}

async function readPcrs(agent: Agent): Promise<Measurements['pcrs']> {
  const names = BANKS.map((bank) => `${bank.replace('-', '').toLowerCase()}:all`);
  const { code, stdout, stderr } = await agent.run('tpm2', ['pcrread', names.join('+')], {
    env: { TPM2TOOLS_TCTI: 'device:/dev/tpmrm0' },
  });
  if (code !== 0) throw new Error(`tpm2 pcrread: ${stderr}`);
  const sections = stdout.split(/^ {2}sha\d+:$/m).slice(1);
  return new Map(
    BANKS.map((bank, i) => {
      const lines = [...(sections[i] ?? '').matchAll(/^ +(\d+) *: 0x([0-9A-F]+)$/gm)];
      const values = lines.map(([, pcr, hex = '']) => [Number(pcr), fromHex(hex.toLowerCase())]);
      return [bank, new Map(values as [number, Uint8Array][])];
    }),
  );
}
