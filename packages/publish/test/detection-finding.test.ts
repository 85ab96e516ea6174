import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { detectionFinding, unauthorizedArtifacts } from '../src/index.ts';
import {
  ALLOWED_CONTAINER,
  MISSING_CONTAINER,
  resultWith,
  UNKNOWN_CONTAINER,
} from './support/result.ts';

const uuid = v.pipe(v.string(), v.uuid());
const text = v.pipe(v.string(), v.nonEmpty());

/** Class 2004 of OCSF 1.8.0 with the values that findings of attestation have; nothing else. */
const schema = v.strictObject({
  action_id: v.literal(3),
  activity_id: v.literal(1),
  category_uid: v.literal(2),
  class_uid: v.literal(2004),
  type_uid: v.literal(200401),
  confidence_id: v.literal(3),
  disposition_id: v.literal(19),
  status_id: v.literal(1),
  is_alert: v.literal(true),
  severity_id: v.literal(4),
  time: v.pipe(v.string(), v.isoTimestamp()),
  message: text,
  finding_info: v.strictObject({ uid: uuid, title: text, desc: text }),
  evidences: v.strictTuple([
    v.strictObject({
      file: v.strictObject({
        hashes: v.array(
          v.strictObject({
            algorithm: v.exactOptional(text),
            algorithm_id: v.picklist([0, 2, 3, 4, 9, 99]),
            value: v.pipe(v.string(), v.regex(/^[0-9a-f]+$/)),
          }),
        ),
      }),
    }),
  ]),
  device: v.strictObject({
    type_id: v.literal(1),
    type: v.literal('server'),
    hostname: text,
    ip: v.exactOptional(v.pipe(v.string(), v.ip())),
    uid: v.exactOptional(uuid),
  }),
  metadata: v.strictObject({
    version: v.literal('1.8.0'),
    product: v.strictObject({ name: text, version: text, vendor_name: text }),
    profiles: v.strictTuple([v.literal('security_control')]),
  }),
});

const result = resultWith([UNKNOWN_CONTAINER]);

describe('detectionFinding', () => {
  test('has every member that the class demands, and no other', () => {
    const finding = detectionFinding(UNKNOWN_CONTAINER, result);
    expect(v.safeParse(schema, JSON.parse(JSON.stringify(finding))).issues).toBeUndefined();
  });

  test('says which software runs on which device, and since when it is known', () => {
    expect(detectionFinding(UNKNOWN_CONTAINER, result)).toMatchObject({
      time: '2026-01-15T00:00:00.000Z',
      message: 'node-7.example.org runs software that no manifest allows: miner',
      finding_info: { desc: 'no manifest has this container' },
      evidences: [
        { file: { hashes: [{ algorithm: 'SHA-256', algorithm_id: 3, value: 'ab'.repeat(32) }] } },
      ],
      device: {
        hostname: 'node-7.example.org',
        ip: '192.0.2.7',
        uid: '00112233-4455-6677-8899-aabbccddeeff',
      },
    });
  });

  test('is another finding each time', () => {
    const uid = (): string => detectionFinding(UNKNOWN_CONTAINER, result).finding_info.uid;
    expect(uid()).not.toBe(uid());
  });

  test.each([
    ['SHA-1', 2],
    ['SHA-256', 3],
    ['SHA-384', 9],
    ['SHA-512', 4],
    ['SM3', 99],
  ])('numbers %s as %i', (hashAlg, id) => {
    const finding = detectionFinding({ ...UNKNOWN_CONTAINER, hashAlg }, result);
    expect(finding.evidences[0].file.hashes).toMatchObject([
      { algorithm: hashAlg, algorithm_id: id },
    ]);
    expect(v.is(schema, finding)).toBe(true);
  });

  test('an artifact without algorithm, digest, name and description is a finding too', () => {
    const bare = { success: false, launched: true, index: 0 };
    const finding = detectionFinding(bare, result);
    expect(v.is(schema, finding)).toBe(true);
    expect(finding.evidences[0].file.hashes).toEqual([]);
    const unnamed = detectionFinding({ ...bare, digest: Uint8Array.of(1) }, result);
    expect(unnamed.evidences[0].file.hashes).toEqual([{ algorithm_id: 0, value: '01' }]);
  });

  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7:443', '192.0.2.7'],
    ['[2001:db8::7]:443', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
  ])('the device of a prover at %s has the address %s', (ip, expected) => {
    const finding = detectionFinding(
      UNKNOWN_CONTAINER,
      resultWith([], { prover: { hostname: 'node', ip } }),
    );
    expect(finding.device).toEqual({ type_id: 1, type: 'server', hostname: 'node', ip: expected });
  });

  test.each(['', 'aabb', 'g'.repeat(64)])('a peer id %j gives the device no uid', (peerId) => {
    const prover = { hostname: 'node', peerId };
    expect(
      detectionFinding(UNKNOWN_CONTAINER, resultWith([], { prover })).device,
    ).not.toHaveProperty('uid');
  });

  test('texts of the prover have bounds', () => {
    const long = 'x'.repeat(100_000);
    const artifact = { ...UNKNOWN_CONTAINER, name: long, description: long, hashAlg: long };
    const prover = { hostname: long };
    const finding = detectionFinding(artifact, resultWith([], { prover }));
    expect(JSON.stringify(finding).length).toBeLessThan(10_000);
  });
});

describe('unauthorizedArtifacts', () => {
  const all = [ALLOWED_CONTAINER, UNKNOWN_CONTAINER, MISSING_CONTAINER];

  test('are those that ran without being allowed', () => {
    expect(unauthorizedArtifacts(resultWith(all))).toEqual([UNKNOWN_CONTAINER]);
    const warned = resultWith(all, { summary: { status: 'warn' } });
    expect(unauthorizedArtifacts(warned)).toEqual([UNKNOWN_CONTAINER]);
  });

  test('are none when the verdict is success, or when nothing was measured', () => {
    const success = resultWith(all, { summary: { status: 'success' } });
    expect(unauthorizedArtifacts(success)).toEqual([]);
    expect(unauthorizedArtifacts(resultWith([], { measurements: null }))).toEqual([]);
  });
});
