import * as v from 'valibot';

/**
 * What each command prints with `--json`. The JSON Schemas in `generated/`, which are published,
 * are made from these; the outputs of the tests are held against these.
 */
const hex = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})*$/));
const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const registers = v.record(v.string(), v.record(v.string(), hex));
const success = v.strictObject({ success: v.boolean() });
const archivedAt = v.exactOptional(time);
const check = v.strictObject({
  id: v.string(),
  pass: v.boolean(),
  detail: v.exactOptional(v.string()),
});
const verdict = v.picklist(['accept', 'reject', 'parse-only']);
const connection = v.strictObject({
  connected: v.boolean(),
  status: v.exactOptional(v.string()),
  reasons: v.array(v.string()),
  httpStatus: v.exactOptional(v.pipe(v.number(), v.integer())),
  answer: v.exactOptional(v.string()),
});
const result = v.looseObject({ status: v.string() });
/** The attestation result: its members as `@cmc/attestationreport` documents them. */
const attestationResult = v.looseObject({
  version: v.string(),
  type: v.string(),
  summary: result,
  prover: v.looseObject({}),
  verifier: v.looseObject({}),
  freshness: result,
  certLevel: v.number(),
  measurements: v.nullable(v.array(v.looseObject({ type: v.string(), summary: result }))),
  metadata: v.looseObject({}),
});

export const OUTPUTS = {
  generate: v.strictObject({ report: v.string(), nonce: v.string(), bytes: count }),
  verify: v.strictObject({
    archivedAt,
    reports: v.array(
      v.strictObject({
        file: v.string(),
        status: v.picklist(['success', 'warn', 'fail', 'unavailable']),
        reasons: v.array(v.string()),
        result: v.exactOptional(attestationResult),
      }),
    ),
  }),
  explain: v.strictObject({
    verdict: v.picklist(['success', 'warn', 'fail']),
    sentence: v.string(),
    host: v.exactOptional(v.string()),
    created: v.exactOptional(v.string()),
    certLevel: v.number(),
    findings: v.array(
      v.strictObject({
        id: v.string(),
        severity: v.picklist(['error', 'warning', 'note']),
        path: v.string(),
        text: v.string(),
        codes: v.array(count),
        expected: v.exactOptional(v.string()),
        got: v.exactOptional(v.string()),
        nearest: v.exactOptional(v.string()),
        title: v.string(),
        meaning: v.string(),
        causes: v.array(v.string()),
        remedy: v.string(),
        link: v.string(),
      }),
    ),
  }),
  diff: v.strictObject({
    kind: v.picklist(['reports', 'results', 'report and manifests']),
    changes: v.array(
      v.strictObject({
        section: v.picklist(['verdict', 'events', 'metadata', 'certificates', 'platform']),
        name: v.string(),
        kind: v.picklist(['added', 'removed', 'changed']),
        from: v.exactOptional(v.string()),
        to: v.exactOptional(v.string()),
      }),
    ),
  }),
  doctor: v.strictObject({
    healthy: v.boolean(),
    checks: v.array(
      v.strictObject({
        id: v.string(),
        state: v.picklist(['ok', 'absent', 'warning', 'problem']),
        text: v.string(),
        remedy: v.exactOptional(v.string()),
      }),
    ),
  }),
  'enroll-key': v.strictObject({ keyId: v.string(), file: v.string() }),
  dial: connection,
  request: connection,
  measure: success,
  'update-certs': success,
  'update-metadata': success,
  token: v.strictObject({
    token: v.string(),
    id: v.string(),
    expiresAt: time,
    allowedNames: v.array(v.string()),
  }),
  'inspect-report': v.strictObject({
    verified: v.literal(false),
    version: v.string(),
    type: v.string(),
    serialization: v.picklist(['json', 'cbor']),
    name: v.exactOptional(v.string()),
    alg: v.string(),
    nonce: hex,
    evidences: v.array(v.strictObject({ type: v.string(), bytes: count })),
    collateral: v.array(v.strictObject({ type: v.string(), certs: count, events: count })),
    digests: v.array(v.string()),
    metadata: v.array(
      v.strictObject({
        digest: v.string(),
        bytes: count,
        type: v.exactOptional(v.string()),
        name: v.exactOptional(v.string()),
      }),
    ),
  }),
  'inspect-eventlog': v.strictObject({
    format: v.picklist(['sha1', 'crypto-agile', 'ccel']),
    registers,
    events: v.array(
      v.strictObject({
        index: count,
        pcr: count,
        type: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{8}$/)),
        name: v.string(),
        digests: v.record(v.string(), hex),
        dataLength: count,
        offset: count,
        matchesData: v.exactOptional(v.boolean()),
        text: v.exactOptional(v.string()),
      }),
    ),
    warnings: v.array(v.string()),
  }),
  'inspect-ima': v.strictObject({
    registers,
    entries: count,
    violations: count,
    templates: v.record(v.string(), count),
    warnings: v.array(v.string()),
  }),
  'inspect-quote': v.strictObject({
    archivedAt,
    attest: v.nullable(
      v.strictObject({
        type: v.picklist(['quote', 'certify', 'creation', 'time']),
        qualifiedSigner: hex,
        extraData: hex,
        clockInfo: v.strictObject({
          clock: v.pipe(v.string(), v.digits()),
          resetCount: count,
          restartCount: count,
          safe: v.boolean(),
        }),
        firmwareVersion: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/)),
        pcrSelection: v.exactOptional(v.record(v.string(), v.array(count))),
        pcrDigest: v.exactOptional(hex),
      }),
    ),
    checks: v.array(check),
    verdict,
  }),
  'inspect-snp': v.strictObject({
    archivedAt,
    report: v.nullable(v.looseObject({ version: count, measurement: hex, reportData: hex })),
    checks: v.array(check),
    verdict,
  }),
  'inspect-cert': v.strictObject({
    archivedAt,
    paddingBytes: v.optional(count),
    endorsement: v.optional(
      v.union([
        v.strictObject({
          vendorId: v.string(),
          vendor: v.string(),
          model: v.string(),
          version: v.string(),
        }),
        v.strictObject({ problem: v.string() }),
      ]),
    ),
    certificate: v.looseObject({
      version: count,
      serialNumber: v.string(),
      issuer: v.looseObject({}),
      subject: v.looseObject({}),
      validity: v.strictObject({ notBefore: v.string(), notAfter: v.string() }),
      publicKey: v.string(),
      sha256: hex,
    }),
    checks: v.array(check),
    verdict,
  }),
} as const;

/** The output of a command, if it is as described. */
export function parseOutput<K extends keyof typeof OUTPUTS>(
  name: K,
  stdout: string,
): v.InferOutput<(typeof OUTPUTS)[K]> {
  return v.parse(OUTPUTS[name], JSON.parse(stdout));
}
