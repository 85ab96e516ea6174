import { toHex } from '@cmc/bytes';
import type { HashName } from '../../crypto/index.ts';
import type { Component } from '../../types/report.ts';
import type { DigestResult } from '../../types/result.ts';
import { hashOf, propertyOf } from './components.ts';
import type { Reference } from './evidence-verifier.ts';
import { INIT_VALUE, PCR_SUMMARY } from './tpm-log.ts';

const INDEX = /^(?:[0-9]|1[0-9]|2[0-3])$/;

/** A reference value that stands for an event. */
interface Expected {
  /** The mandatory one, when there are several of one digest. */
  component: Component;
  readonly isOptional: boolean;
  /** How often it may be measured, and how often it was. */
  allowed: number;
  seen: number;
}

/**
 * The reference values of the TPM by PCR and digest. A mandatory value may be measured as often as it
 * stands in the manifests, an optional one (a file that may be run) any number of times.
 */
export class TpmReferences {
  readonly #byDigest = new Map<string, Expected>();
  readonly #byPcr = new Map<number, Reference[]>();
  /** What must be measured into a PCR. */
  readonly #mandatory = new Map<number, Set<Expected>>();
  readonly #faults: string[] = [];
  readonly #hash: HashName;

  constructor(references: readonly Reference[], hash: HashName) {
    this.#hash = hash;
    for (const reference of references) this.#add(reference);
  }

  /** References that are of no PCR, a sentence each. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** PCRs that have references. */
  get indices(): readonly number[] {
    return [...this.#byPcr.keys()].sort((a, b) => a - b);
  }

  ofPcr(index: number): readonly Reference[] {
    return this.#byPcr.get(index) ?? [];
  }

  /** Whether there is a reference for an event, even if none is left. */
  knows(index: number, digest: Uint8Array): boolean {
    return this.#byDigest.has(keyOf(index, digest));
  }

  /** The reference for an event; `undefined` when there is none, or none is left. */
  take(index: number, digest: Uint8Array): Component | undefined {
    const expected = this.#byDigest.get(keyOf(index, digest));
    if (expected === undefined) return undefined;
    expected.seen += 1;
    if (!expected.isOptional && expected.seen > expected.allowed) return undefined;
    return expected.component;
  }

  /** The mandatory references of a PCR whose events have not come. */
  missing(index: number): readonly DigestResult[] {
    return [...(this.#mandatory.get(index) ?? [])]
      .filter(({ seen }) => seen === 0)
      .map(({ component }) => this.absent(component, index));
  }

  /** Result of a reference that was not measured. */
  absent(component: Component, index: number): DigestResult {
    const digest = hashOf(component, this.#hash);
    const { description, version, purl, name } = component;
    return {
      success: component.optional === true,
      launched: false,
      type: 'TPM',
      name,
      index,
      ...(digest === undefined ? {} : { digest }),
      hashAlg: this.#hash,
      ...(description === undefined ? {} : { description }),
      ...(version === undefined ? {} : { version }),
      ...(purl === undefined ? {} : { purl }),
    };
  }

  #add(reference: Reference): void {
    const { component, manifest } = reference;
    const text = propertyOf(component, 'cmc.index');
    if (text === undefined || !INDEX.test(text)) {
      this.#faults.push(`${component.name} of manifest ${manifest}: expected a PCR, got ${text}`);
      return;
    }
    const index = Number(text);
    const list = this.#byPcr.get(index);
    if (list === undefined) this.#byPcr.set(index, [reference]);
    else list.push(reference);
    const digest = hashOf(component, this.#hash);
    if (digest === undefined) {
      const problem = `no ${this.#hash} digest, the bank that is quoted`;
      if (component.optional !== true) {
        this.#faults.push(`${component.name} of manifest ${manifest}: ${problem}`);
      }
      return;
    }
    // The value of a whole PCR stands for no event: with a log, it is one that is missing.
    if (component.name === INIT_VALUE) return;
    const isOptional = component.optional === true;
    const isEvent = component.name !== PCR_SUMMARY;
    const key = keyOf(index, digest);
    const known = isEvent ? this.#byDigest.get(key) : undefined;
    if (known !== undefined) known.allowed += 1;
    const expected = known ?? { component, isOptional, allowed: 1, seen: 0 };
    if (isEvent && known === undefined) this.#byDigest.set(key, expected);
    if (isOptional) return;
    expected.component = component;
    this.#require(index, expected);
  }

  #require(index: number, expected: Expected): void {
    const mandatory = this.#mandatory.get(index);
    if (mandatory === undefined) this.#mandatory.set(index, new Set([expected]));
    else mandatory.add(expected);
  }
}

function keyOf(index: number, digest: Uint8Array): string {
  return `${index}:${toHex(digest)}`;
}
