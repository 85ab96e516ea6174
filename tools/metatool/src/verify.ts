import type { Metadata, Result, SignatureResult } from '@cmc/attestationreport';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { verifySigned } from '@cmc/attestationreport/sign';
import { EXIT, UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { commaList, readCertificates, readInput } from './files.ts';

interface VerifyFlags {
  readonly in: string;
  readonly roots: string;
  readonly at?: string;
  readonly minimumSigners: string;
  readonly json?: boolean;
}

/** One thing that was checked, in words. */
interface Check {
  readonly check: string;
  readonly pass: boolean;
  readonly details?: string;
}

/** Adds `verify`. */
export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('check the signatures and the validity of a signed metadata item')
    .requiredOption('--in <file>', 'signed item')
    .requiredOption('--roots <ca.pem,…>', 'CA certificates that signers must chain to')
    .option('--minimum-signers <n>', 'signatures by different keys that are needed', '1')
    .option('--at <time>', 'check as of this RFC 3339 time instead of now')
    .option('--json', 'print the result for machines')
    .action(async (flags: VerifyFlags) => {
      const { metadata, checks } = await checkItem(flags);
      const ok = checks.every(({ pass }) => pass);
      process.stdout.write(
        flags.json === true ? asJson(ok, metadata, checks) : asText(metadata, checks),
      );
      process.exitCode = ok ? EXIT.success : EXIT.attestationFailed;
    });
}

async function checkItem(
  flags: VerifyFlags,
): Promise<{ readonly metadata?: Metadata; readonly checks: readonly Check[] }> {
  const now = flags.at === undefined ? new Date() : new Date(flags.at);
  if (Number.isNaN(now.getTime())) throw new UsageError(`--at: expected a time, got "${flags.at}"`);
  const minimumSigners = Number(flags.minimumSigners);
  if (!(Number.isInteger(minimumSigners) && minimumSigners >= 1)) {
    throw new UsageError(`--minimum-signers: expected a number, got "${flags.minimumSigners}"`);
  }
  const roots = await readCertificates(commaList(flags.roots));
  const item = await verifySigned(await readInput(flags.in), {
    trust: { roots },
    now,
    purpose: 'metadata',
    minimumSigners,
  });
  const checks = item.signatures.map(signatureCheck);
  if (!item.ok) {
    checks.push({
      check: 'signatures',
      pass: false,
      ...(item.details && { details: item.details }),
    });
  }
  if (item.payload === undefined) return { checks };
  try {
    const metadata = decodeStruct(metadataSchema, item.payload).value;
    return { metadata, checks: [...checks, validityCheck(metadata, now)] };
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    return { checks: [...checks, { check: 'content', pass: false, details }] };
  }
}

function signatureCheck(signature: SignatureResult, index: number): Check {
  const { signatureVerification, certChainValidation, certs } = signature;
  const signer = certs?.[0]?.[0]?.subject.commonName ?? 'unknown signer';
  const faults = [signatureVerification, certChainValidation].filter(
    ({ status }) => status !== 'success',
  );
  const check = `signature ${index + 1} by ${signer}`;
  if (faults.length === 0) return { check, pass: true };
  return { check, pass: false, details: faults.map(describe).join('; ') };
}

function describe(result: Result): string {
  return (
    result.details ?? `not reached, or failed with code ${result.errorCodes?.join(', ') ?? '-'}`
  );
}

function validityCheck({ validity }: Metadata, now: Date): Check {
  const check = 'validity';
  const period = `valid from ${validity?.notBefore} to ${validity?.notAfter}`;
  const notBefore = Date.parse(validity?.notBefore ?? '');
  const notAfter = Date.parse(validity?.notAfter ?? '');
  // Comparing with NaN is false: an item without readable dates fails.
  const pass = now.getTime() >= notBefore && now.getTime() <= notAfter;
  return { check, pass, details: pass ? period : `${period}, the clock says ${now.toISOString()}` };
}

function asJson(ok: boolean, metadata: Metadata | undefined, checks: readonly Check[]): string {
  const { type, name, version } = metadata ?? {};
  return `${JSON.stringify({ ok, type, name, version, checks })}\n`;
}

function asText(metadata: Metadata | undefined, checks: readonly Check[]): string {
  const title =
    metadata === undefined
      ? []
      : [`${metadata.type} "${metadata.name}", version ${metadata.version}`];
  const lines = checks.map(
    ({ check, pass, details }) =>
      `${pass ? 'ok  ' : 'FAIL'} ${check}${details === undefined ? '' : `: ${details}`}`,
  );
  return `${[...title, ...lines].join('\n')}\n`;
}
