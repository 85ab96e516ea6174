import { printable } from '@cmc/attestationreport';
import { decodeReport, decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { CmcError, toHex } from '@cmc/bytes';
import { EXIT } from '@cmc/host';
import type { Inspection } from './index.ts';

/** A report as it says of itself; nothing in it is verified. */
export async function inspectReport(bytes: Uint8Array): Promise<Inspection> {
  const { report, serialization } = decodeReport(bytes);
  const { context } = report;
  const metadata = [...(context.metadata ?? [])].map(([digest, item]) => ({
    digest,
    bytes: item.length,
    ...describe(item),
  }));
  const outcome = {
    verified: false,
    version: report.version,
    type: report.type,
    serialization,
    ...(report.name === undefined ? {} : { name: report.name }),
    alg: context.alg,
    nonce: toHex(context.nonce ?? new Uint8Array()),
    evidences: (report.evidences ?? []).map(({ type, evidence }) => ({
      type,
      bytes: evidence?.length ?? 0,
    })),
    collateral: (context.collateral ?? []).map(({ type, certs = [], artifacts = [] }) => ({
      type,
      certs: certs.length,
      events: artifacts.reduce((sum, { events = [] }) => sum + events.length, 0),
    })),
    digests: context.digests ?? [],
    metadata,
  };
  const lines = [
    `Report ${outcome.version} in ${serialization}${report.name === undefined ? '' : ` of ${report.name}`}; nothing in it is verified.`,
    `Nonce ${outcome.nonce}, digests by ${outcome.alg}`,
    ...outcome.evidences.map(({ type, bytes: size }) => `Evidence ${type}: ${size} bytes`),
    ...outcome.collateral.map(
      ({ type, certs, events }) => `Collateral ${type}: ${certs} certificates, ${events} events`,
    ),
    ...metadata.map(({ digest, type = 'unreadable', name = '' }) => `${type} ${name} ${digest}`),
  ].map(printable);
  return { exitCode: EXIT.success, outcome, lines };
}

function describe(item: Uint8Array): { readonly type?: string; readonly name?: string } {
  try {
    const { value } = decodeStruct(metadataSchema, extractPayload(item).payload);
    return { type: value.type, ...(value.name === undefined ? {} : { name: value.name }) };
  } catch (error) {
    // One item that cannot be read does not hide the others.
    if (error instanceof CmcError) return {};
    throw error;
  }
}
