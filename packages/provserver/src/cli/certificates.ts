import { RevocationReason, type RevocationReasonName } from '@cmc/est';
import { UsageError } from '@cmc/host';
import { ProvError } from '../errors.ts';
import type { CertificateRecord, ListOptions } from '../store/store.ts';
import type { CommandContext } from './program.ts';

type State = NonNullable<ListOptions['state']>;

const STATES: readonly string[] = ['valid', 'expired', 'revoked'] satisfies State[];
const PAGE = 1000;

/** `provserver list`: one line, or one JSON object, for each certificate. */
export async function list({ store, flags, write, now }: CommandContext): Promise<void> {
  const { state, json } = flags;
  if (state !== undefined && !isState(state)) {
    throw new UsageError(`--state: expected ${STATES.join(', ')}, got "${state}"`);
  }
  let after: string | undefined;
  do {
    const page = await store.listCertificates({
      limit: PAGE,
      now,
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    });
    for (const record of page) {
      write(json === true ? `${JSON.stringify(asJson(record, now))}\n` : lineOf(record, now));
    }
    after = page.length < PAGE ? undefined : page.at(-1)?.serial;
  } while (after !== undefined);
}

/** `provserver revoke`: doing it again changes nothing and is no error. */
export async function revoke(
  { store, flags, write, now }: CommandContext,
  serialText = '',
): Promise<void> {
  const serial = serialText.replaceAll(':', '').toLowerCase();
  const reason = String(flags['reason']);
  if (!isReason(reason)) {
    const known = Object.keys(RevocationReason).join(', ');
    throw new UsageError(`--reason: expected one of ${known}, got "${reason}"`);
  }
  const revoked = await store.revokeCertificate(serial, reason, now);
  if (!revoked && (await store.certificate(serial)) === undefined) {
    throw new ProvError('ERR_PROV_UNKNOWN', `no certificate has the serial number ${serial}`);
  }
  const words = `${serial} ${revoked ? 'is revoked' : 'was revoked before'}\n`;
  write(flags['json'] === true ? `${JSON.stringify({ serial, revoked })}\n` : words);
}

function isState(text: unknown): text is State {
  return STATES.includes(String(text));
}

function isReason(text: string): text is RevocationReasonName {
  return Object.hasOwn(RevocationReason, text);
}

function stateOf({ revoked, notAfter }: CertificateRecord, now: Date): State {
  if (revoked !== undefined) return 'revoked';
  return notAfter < now ? 'expired' : 'valid';
}

function asJson({ certificate, ...record }: CertificateRecord, now: Date): object {
  const der = Buffer.from(certificate).toString('base64');
  return { ...record, state: stateOf(record as CertificateRecord, now), certificate: der };
}

function lineOf(record: CertificateRecord, now: Date): string {
  const { serial, notAfter, method, subject, names } = record;
  const parts = [serial, stateOf(record, now), notAfter.toISOString(), method, subject];
  // Names come from requests: nothing in them may steer a terminal.
  return `${[...parts, ...names].join('  ').replaceAll(/\p{C}/gu, '?')}\n`;
}
