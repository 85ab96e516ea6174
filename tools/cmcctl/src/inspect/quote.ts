import { createPublicKey } from 'node:crypto';
import { printable } from '@cmc/attestationreport';
import { type Certificate, parsePemCertificates, verifyChain } from '@cmc/attestationreport/x509';
import { CmcError, decodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { EXIT, readSettingFile, UsageError } from '@cmc/host';
import { decodeTpmsAttest, type PcrValues, type TpmsAttest, verifyQuote } from 'tpm2-ts/verify';
import type { CmcctlSettings } from '../settings.ts';
import { archiveTime } from '../time.ts';
import { bankKey } from './bank.ts';
import { parseCertificates } from './certificates.ts';
import type { Inspection } from './index.ts';
import { readPcrs } from './pcrs.ts';

const PUBLIC_KEY = '-----BEGIN PUBLIC KEY-----';

interface Check {
  readonly id: string;
  readonly pass: boolean;
  readonly detail?: string;
}

/** A TPM quote: what it says, and whether the key signed it over the nonce and PCR values given. */
export async function inspectQuote(
  attest: Uint8Array,
  settings: CmcctlSettings,
): Promise<Inspection> {
  const { signature, key: keyFile, nonce: nonces, pcrs: pcrFile, roots } = settings;
  if (signature === undefined) throw new UsageError('inspect quote needs signature');
  if (keyFile === undefined) throw new UsageError('inspect quote needs key');
  // Shows what a quote was worth at a time; nothing is admitted on the strength of it.
  const at = archiveTime({ ...settings, archived: true });
  const key = parseKey(new Uint8Array(await readSettingFile(keyFile, 'key')));
  const decoded = decode(attest);
  const checks = await checkQuote({
    attest,
    decoded,
    signature: new Uint8Array(await readSettingFile(signature, 'signature')),
    spki: key.spki,
    ...(nonces === undefined ? {} : { nonce: parseNonce(nonces) }),
    ...(pcrFile === undefined
      ? {}
      : { pcrs: readPcrs(await readSettingFile(pcrFile, 'pcrs'), pcrFile) }),
  });
  if (roots !== undefined) checks.push(await checkChain(key.certificates, roots, at ?? new Date()));
  const passed = checks.every(({ pass }) => pass);
  const verdict = passed ? 'accept' : 'reject';
  const outcome = {
    ...(at === undefined ? {} : { archivedAt: at.toISOString() }),
    attest: decoded === undefined ? null : fieldsOf(decoded),
    checks,
    verdict,
  };
  const lines = [
    ...Object.entries(outcome.attest ?? {}).map(
      ([name, value]) =>
        `${name.padEnd(16)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    ),
    ...checks.map(({ id, pass, detail = '' }) =>
      `${pass ? 'pass' : 'FAIL'} ${id.padEnd(20)} ${detail}`.trimEnd(),
    ),
    ...(nonces === undefined ? ['The nonce is not compared: none was given.'] : []),
    ...(pcrFile === undefined ? ['PCR values are not compared: none were given.'] : []),
    `Verdict ${verdict}${at === undefined ? '' : `, as of ${at.toISOString()}`}`,
  ].map(printable);
  return { exitCode: passed ? EXIT.success : EXIT.attestationFailed, outcome, lines };
}

interface QuoteInput {
  readonly attest: Uint8Array;
  readonly decoded: TpmsAttest | undefined;
  readonly signature: Uint8Array;
  readonly spki: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly pcrs?: PcrValues;
}

async function checkQuote({ decoded, nonce, spki, ...input }: QuoteInput): Promise<Check[]> {
  const banks = decoded?.type === 'quote' ? decoded.pcrSelect.map(({ bank }) => bank) : [];
  const own = decoded?.extraData ?? new Uint8Array();
  const { checks } = await verifyQuote({
    ...input,
    key: { spki },
    // The nonce of the quote itself stands in for one that is not given; the check is not shown then.
    nonce: nonce ?? (own.length === 0 ? Uint8Array.of(0) : own),
    ...(banks.length === 0 ? {} : { banks: [...new Set(banks)] }),
  });
  return checks
    .filter(({ id }) => id !== 'nonce' || nonce !== undefined || own.length === 0)
    .map(({ id, ok, details }) => ({
      id,
      pass: ok,
      ...(details === undefined ? {} : { detail: details }),
    }));
}

async function checkChain(
  [leaf, ...intermediates]: readonly Certificate[],
  rootFiles: readonly string[],
  now: Date,
): Promise<Check> {
  if (leaf === undefined) throw new UsageError('roots: the key is no certificate');
  const texts = await Promise.all(rootFiles.map((path) => readSettingFile(path, 'roots')));
  const roots = texts.flatMap((text) => parsePemCertificates(decodeUtf8(text)));
  const chain = await verifyChain({ leaf, intermediates, roots, now });
  return { id: 'chain', pass: chain.ok, ...(chain.ok ? {} : { detail: chain.reason }) };
}

function decode(attest: Uint8Array): TpmsAttest | undefined {
  try {
    return decodeTpmsAttest(attest);
  } catch (error) {
    // The check of the same name says why.
    if (error instanceof CmcError) return undefined;
    throw error;
  }
}

function fieldsOf(attest: TpmsAttest): object {
  const { clock, ...clockInfo } = attest.clockInfo;
  return {
    type: attest.type,
    qualifiedSigner: toHex(attest.qualifiedSigner),
    extraData: toHex(attest.extraData),
    clockInfo: { clock: String(clock), ...clockInfo },
    firmwareVersion: `0x${attest.firmwareVersion.toString(16).padStart(16, '0')}`,
    ...(attest.type === 'quote' && {
      pcrSelection: Object.fromEntries(
        attest.pcrSelect.map(({ bank, pcrs }) => [bankKey(bank), pcrs]),
      ),
      pcrDigest: toHex(attest.pcrDigest),
    }),
  };
}

interface QuoteKey {
  readonly spki: Uint8Array;
  /** Leaf first; none for a bare key. */
  readonly certificates: readonly Certificate[];
}

/** A certificate (DER, or PEM with others of its chain), or a public key in PEM. */
function parseKey(bytes: Uint8Array): QuoteKey {
  try {
    if (isPublicKey(bytes)) {
      const spki = createPublicKey(decodeUtf8(bytes)).export({ type: 'spki', format: 'der' });
      return { spki: new Uint8Array(spki), certificates: [] };
    }
    const certificates = parseCertificates(bytes);
    const [leaf] = certificates;
    if (leaf === undefined) throw new CmcError('ERR_DECODE_MISSING', 'there is no certificate');
    return { spki: leaf.spki, certificates };
  } catch (cause) {
    throw new UsageError('key: expected a certificate, or a public key in PEM', { cause });
  }
}

function isPublicKey(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, PUBLIC_KEY.length)) === PUBLIC_KEY;
}

function parseNonce(nonces: readonly string[]): Uint8Array {
  const [text = ''] = nonces;
  if (nonces.length === 1 && /^(?:[0-9a-f]{2}){1,64}$/i.test(text)) {
    return fromHex(text.toLowerCase());
  }
  throw new UsageError('nonce: expected one, 2 to 128 hex digits');
}
