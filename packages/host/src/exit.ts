import { CmcError } from '@cmc/bytes';

/** Exit codes of every program here; scripts rely on them. */
export const EXIT: {
  readonly success: 0;
  readonly attestationFailed: 1;
  readonly usage: 2;
  readonly unavailable: 3;
} = Object.freeze({
  /** It worked; for a verification: the attestation holds. */
  success: 0,
  /** The attestation, of the peer or in a report, failed. */
  attestationFailed: 1,
  /** The call, the configuration or an input file is wrong. */
  usage: 2,
  /** A peer, a daemon or collateral could not be had; trying again may help. */
  unavailable: 3,
});

/** The command line or an input is wrong: the person calling can mend it. */
export class UsageError extends CmcError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_USAGE', message, options);
  }
}

const UNAVAILABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
]);

/**
 * The exit code for an error that ended a program. Looks through `cause`, so that a refused
 * connection is found below the error that reports it.
 */
export function exitCodeOf(error: unknown): number {
  for (let current = error; current instanceof Error; current = current.cause) {
    for (const code of codesOf(current)) {
      if (/_ATTESTATION$|_PEER_REPORTED$|_KDS_INVALID$/.test(code)) return EXIT.attestationFailed;
      if (UNAVAILABLE.has(code) || /_(UNAVAILABLE|TIMEOUT|CLOSED)$/.test(code)) {
        return EXIT.unavailable;
      }
    }
  }
  return EXIT.usage;
}

/** The code of an error, and the one that a daemon gave to it. */
function codesOf(error: Error): readonly string[] {
  const { code, remoteCode } = error as { readonly code?: unknown; readonly remoteCode?: unknown };
  return [code, remoteCode].flatMap((each) => (each === undefined ? [] : String(each)));
}

/** Message of an error and of its causes, with the code in front where there is one. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current !== undefined; ) {
    if (!(current instanceof Error)) {
      parts.push(String(current));
      break;
    }
    const code = current instanceof CmcError ? `${current.code}: ` : '';
    const text = `${code}${current.message}`;
    if (!parts.some((part) => part.includes(current instanceof Error ? current.message : ''))) {
      parts.push(text);
    }
    current = current.cause;
  }
  return parts.join(': ');
}
