import { equalBytes, toHex } from '@cmc/bytes';
import { resetValue } from '@cmc/eventlog';
import { replayPcr } from '@cmc/ima';
import { digestLength, type HashName } from '../../crypto/index.ts';
import type { Artifact, Component } from '../../types/report.ts';
import type { DigestResult } from '../../types/result.ts';
import { hashOf, propertyOf } from './components.ts';
import type { FileSignatures, FileSigner } from './tpm-ima.ts';
import type { TpmReferences } from './tpm-references.ts';

/** What a measurement log of one PCR comes to. */
export interface PcrOutcome {
  readonly index: number;
  /** Value that all events give: what the TPM must have quoted. */
  readonly measured: Uint8Array;
  /** Value that the events with a reference, or of a file that is signed, give. */
  readonly verified: Uint8Array;
  readonly events: readonly DigestResult[];
  /** Why the log cannot be as it is, whatever the reference values are. */
  readonly problems: readonly string[];
}

/** Not an event: the value that the PCR has before the first one. */
export const INIT_VALUE = 'TPM_PCR_INIT_VALUE';
export const PCR_SUMMARY = 'PCR Summary';
/** Value of PCR 0 after start-up from these localities (TCG PC Client, section 3.3.4). */
const STARTUP_LOCALITIES: ReadonlySet<number> = new Set([0, 3, 4]);
const MAX_PROBLEMS = 8;

/** Follows the events of one PCR, and looks each up among the reference values and signatures. */
export function appraiseEventLog(
  { index, events = [] }: Artifact,
  hash: HashName,
  references: TpmReferences,
  signatures?: FileSignatures,
): PcrOutcome {
  const problems: string[] = [];
  const complain = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(`PCR ${index}: ${problem}`);
  };
  let measured = replayPcr(hash, resetValue(index, hash));
  /** The same replay until the first event that is unknown. */
  let verified = measured;
  const results: DigestResult[] = [];
  events.forEach((event, position) => {
    const value = hashOf(event, hash);
    if (value?.length !== digestLength(hash)) {
      complain(`event ${position}, ${event.name}, has no ${hash} digest of its length`);
      return;
    }
    const stated = propertyOf(event, 'cmc.index');
    if (stated !== undefined && stated !== String(index)) {
      complain(`event ${position}, ${event.name}, says that it is of PCR ${stated}`);
      return;
    }
    if (event.name === INIT_VALUE) {
      const problem = initProblem(value, index, position);
      if (problem !== undefined) complain(problem);
      else measured = verified = replayPcr(hash, value);
      return;
    }
    const reference = references.take(index, value);
    const signer =
      reference === undefined ? signatures?.signerOf(event, index, value, hash) : undefined;
    if (reference) results.push(knownEvent(event, reference, value, index, hash));
    else if (signer !== undefined) results.push(signedEvent(signer, value, index, hash));
    else results.push(unknownEvent(event, value, index, hash));
    const isUnknown = !reference && signer === undefined;
    if (isUnknown && verified === measured) verified = replayPcr(hash, measured.value());
    measured.extend(value);
    if (!isUnknown && verified !== measured) verified.extend(value);
  });
  return {
    index,
    measured: measured.value(),
    verified: verified.value(),
    events: results,
    problems,
  };
}

/** The start value is a fact of the platform; the prover may only say from which locality. */
function initProblem(value: Uint8Array, index: number, position: number): string | undefined {
  if (position !== 0) return `a start value at position ${position}, behind other events`;
  const expected = resetValue(index, 'SHA-256').subarray(0, 1);
  const locality = value.at(-1) ?? 0;
  const isFixed = value.every((byte) => byte === expected[0]);
  const isLocality =
    index === 0 &&
    value.subarray(0, -1).every((byte) => byte === 0) &&
    STARTUP_LOCALITIES.has(locality);
  return isFixed || isLocality ? undefined : `no PCR starts with ${toHex(value)}`;
}

function knownEvent(
  event: Component,
  reference: Component,
  value: Uint8Array,
  index: number,
  hashAlg: HashName,
): DigestResult {
  const isSameName =
    event.name === reference.name || event.name.toLowerCase() === reference.name.toLowerCase();
  return {
    success: true,
    launched: true,
    type: 'Verified',
    name: isSameName ? reference.name : `${reference.name}: ${event.name}`,
    index,
    digest: value,
    hashAlg,
    ...described(reference),
  };
}

/** What the prover says besides the entry counts for nothing: its name is not measured. */
function signedEvent(
  { path, keyId }: FileSigner,
  value: Uint8Array,
  index: number,
  hashAlg: HashName,
): DigestResult {
  return {
    success: true,
    launched: true,
    type: 'Verified',
    name: path.slice(path.lastIndexOf('/') + 1),
    index,
    digest: value,
    hashAlg,
    description: path,
    imaKeyId: keyId,
  };
}

function unknownEvent(
  event: Component,
  value: Uint8Array,
  index: number,
  hashAlg: HashName,
): DigestResult {
  return {
    success: false,
    launched: true,
    type: 'Measurement',
    name: event.name,
    index,
    digest: value,
    hashAlg,
    ...described(event),
    ...(event.eventdata === undefined ? {} : { eventData: event.eventdata }),
    ...(event.ctrData === undefined ? {} : { ctrDetails: event.ctrData }),
  };
}

function described({ description, version, purl }: Component): Partial<DigestResult> {
  return {
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
    ...(purl === undefined ? {} : { purl }),
  };
}

/** A PCR of which only the value is reported: the reference values must give it, in their order. */
export function appraiseSummary(
  { index, events = [] }: Artifact,
  hash: HashName,
  references: TpmReferences,
): PcrOutcome {
  const start = resetValue(index, hash);
  const [event, ...more] = events;
  const reported = event === undefined ? undefined : hashOf(event, hash);
  if (event === undefined || more.length > 0 || reported?.length !== digestLength(hash)) {
    const problems = [`PCR ${index}: expected one ${hash} value in its summary`];
    return { index, measured: start, verified: start, events: [], problems };
  }
  let value = replayPcr(hash, start);
  const problems: string[] = [];
  const used = references.ofPcr(index);
  used.forEach(({ component }, position) => {
    const content = hashOf(component, hash);
    if (content?.length !== digestLength(hash)) {
      problems.push(`PCR ${index}: the reference ${component.name} has no ${hash} digest`);
    } else if (component.name === INIT_VALUE || component.name === PCR_SUMMARY) {
      // The reference value of a whole PCR stands alone.
      if (position > 0) problems.push(`PCR ${index}: ${component.name} behind other references`);
      else value = replayPcr(hash, content);
    } else {
      value.extend(content);
    }
  });
  const verified = value.value();
  const success = problems.length === 0 && used.length > 0 && equalBytes(verified, reported);
  const results = used.map(({ component }): DigestResult => {
    const content = hashOf(component, hash);
    return {
      success,
      launched: success,
      name: component.name,
      index,
      ...(content === undefined ? {} : { digest: content }),
      hashAlg: hash,
      ...described(component),
    };
  });
  return { index, measured: reported, verified, events: results, problems };
}
