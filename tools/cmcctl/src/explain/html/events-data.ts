import { deflateRawSync } from 'node:zlib';
import { type AttestationResult, type DigestResult, printable } from '@cmc/attestationreport';
import { toBase64, toHex } from '@cmc/bytes';

/** Digits of a digest in the table: enough to find it in the result, few enough for a small page. */
export const SHOWN_DIGITS = 12;
const MAX_NAME = 160;
const MAX_DETAILED = 200;
const MAX_DESCRIPTION = 300;

/** How an event came out; its place in the list is its number in the data. */
export const EVENT_STATES: readonly string[] = [
  'as expected',
  'unknown',
  'missing',
  'not measured, optional',
];

/** All events of a result for the script of the page: columns in JSON, deflated, base64. */
export function encodeEvents(result: AttestationResult): string {
  const rows = (result.measurements ?? []).flatMap(({ artifacts = [] }, measurement) =>
    artifacts.map((artifact) => ({ artifact, measurement })),
  );
  const failed = rows.flatMap(({ artifact }, row) => (artifact.success ? [] : [{ artifact, row }]));
  const columns = {
    states: EVENT_STATES,
    kinds: (result.measurements ?? []).map(({ type }) => printable(type)),
    measurements: rows.map(({ measurement }) => measurement),
    state: rows.map(({ artifact }) => stateOf(artifact)),
    index: rows.map(({ artifact }) => artifact.index),
    name: rows.map(({ artifact }) => printable((artifact.name ?? '').slice(0, MAX_NAME))),
    digest: rows.map(({ artifact }) => shortDigest(artifact)),
    details: Object.fromEntries(
      failed.slice(0, MAX_DETAILED).map(({ artifact, row }) => [row, detailsOf(artifact)]),
    ),
  };
  const json = new TextEncoder().encode(JSON.stringify(columns));
  return toBase64(deflateRawSync(json, { level: 9 }));
}

function stateOf({ success, launched }: DigestResult): number {
  if (launched) return success ? 0 : 1;
  return success ? 3 : 2;
}

function shortDigest({ digest }: DigestResult): string {
  return digest === undefined ? '' : toHex(digest.subarray(0, SHOWN_DIGITS / 2));
}

function detailsOf({ digest, measured, description }: DigestResult): string {
  const texts = [
    digest === undefined ? undefined : toHex(digest),
    measured === undefined ? undefined : `measured ${measured}`,
    description?.slice(0, MAX_DESCRIPTION),
  ];
  return printable(texts.filter((text) => text !== undefined).join(' '));
}
