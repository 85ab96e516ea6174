import { randomUUID } from 'node:crypto';
import type { AttestationResult, DigestResult, Endpoint } from '@cmc/attestationreport';
import { toHex } from '@cmc/bytes';
import { packageVersion } from '@cmc/host';
import { MAX_TEXT_LENGTH } from './limits.ts';

/** Detection Finding of the Open Cybersecurity Schema Framework 1.8.0, class 2004. */
export interface DetectionFinding {
  readonly action_id: number;
  readonly activity_id: number;
  readonly category_uid: number;
  readonly class_uid: number;
  readonly type_uid: number;
  readonly confidence_id: number;
  readonly disposition_id: number;
  readonly status_id: number;
  readonly is_alert: boolean;
  readonly severity_id: number;
  readonly device: {
    readonly type_id: number;
    readonly type: string;
    readonly hostname: string;
    readonly ip?: string;
    /** UUID. */
    readonly uid?: string;
  };
  /** RFC 3339, as in the result. */
  readonly time: string;
  readonly message: string;
  readonly finding_info: { readonly uid: string; readonly title: string; readonly desc: string };
  readonly evidences: readonly [{ readonly file: { readonly hashes: readonly Fingerprint[] } }];
  readonly metadata: {
    readonly version: string;
    readonly product: {
      readonly name: string;
      readonly version: string;
      readonly vendor_name: string;
    };
    readonly profiles: readonly string[];
  };
}

interface Fingerprint {
  readonly algorithm?: string;
  readonly algorithm_id: number;
  /** Hex. */
  readonly value: string;
}

const PRODUCT = Object.freeze({
  name: 'CMC for Node.js',
  version: packageVersion(import.meta.url),
  vendor_name: 'CMC',
});

/** Identifiers of the object fingerprint. */
const ALGORITHM_IDS: ReadonlyMap<string, number> = new Map([
  ['SHA-1', 2],
  ['SHA-256', 3],
  ['SHA-384', 9],
  ['SHA-512', 4],
]);
const UNKNOWN_ALGORITHM = 0;
const OTHER_ALGORITHM = 99;

/** What ran on the prover without being allowed; nothing when the verdict is success. */
export function unauthorizedArtifacts(result: AttestationResult): readonly DigestResult[] {
  if (result.summary.status === 'success') return [];
  return (result.measurements ?? [])
    .flatMap(({ artifacts }) => artifacts ?? [])
    .filter(({ launched, success }) => launched && !success);
}

/** The finding about one artifact of {@link unauthorizedArtifacts}. */
export function detectionFinding(
  artifact: DigestResult,
  { prover, created = '' }: AttestationResult,
): DetectionFinding {
  const hostname = bounded(prover.hostname ?? '');
  const what = bounded(artifact.name || 'unnamed software');
  return {
    action_id: 3, // observed
    activity_id: 1, // create
    category_uid: 2, // findings
    class_uid: 2004, // detection finding
    type_uid: 200401,
    confidence_id: 3, // high
    disposition_id: 19, // alert
    status_id: 1, // new
    is_alert: true,
    severity_id: 4, // high
    device: deviceOf(prover, hostname),
    time: created,
    message: `${hostname} runs software that no manifest allows: ${what}`,
    finding_info: {
      uid: randomUUID(),
      title: `Software without a manifest: ${what}`,
      desc: bounded(artifact.description || `its digest is in no manifest of ${hostname}`),
    },
    evidences: [{ file: { hashes: fingerprintsOf(artifact) } }],
    metadata: { version: '1.8.0', product: PRODUCT, profiles: ['security_control'] },
  };
}

function deviceOf({ ip, peerId = '' }: Endpoint, hostname: string): DetectionFinding['device'] {
  return {
    type_id: 1,
    type: 'server',
    hostname,
    ...(ip ? { ip: withoutPort(ip) } : {}),
    ...(/^[0-9a-f]{32,}$/i.test(peerId) ? { uid: uuidOf(peerId) } : {}),
  };
}

/** `[ipv6]:port` and `host:port` have one; a bare IPv6 address has several colons. */
function withoutPort(address: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$|^([^:]*):\d+$/.exec(address);
  return match?.[1] ?? match?.[2] ?? address;
}

/** UUID of the first 16 bytes. */
function uuidOf(hex: string): string {
  const at = (from: number, to: number): string => hex.slice(from, to).toLowerCase();
  return [at(0, 8), at(8, 12), at(12, 16), at(16, 20), at(20, 32)].join('-');
}

function fingerprintsOf({ hashAlg, digest }: DigestResult): readonly Fingerprint[] {
  if (digest === undefined) return [];
  const value = toHex(digest);
  if (!hashAlg) return [{ algorithm_id: UNKNOWN_ALGORITHM, value }];
  const id = ALGORITHM_IDS.get(hashAlg) ?? OTHER_ALGORITHM;
  return [{ algorithm: bounded(hashAlg), algorithm_id: id, value }];
}

/** Texts of the prover, of whatever length it likes. */
function bounded(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH - 1)}…` : text;
}
