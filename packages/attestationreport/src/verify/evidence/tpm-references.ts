import type { HashName } from '../../crypto/index.ts';
import type { Component } from '../../types/report.ts';
import type { DigestResult } from '../../types/result.ts';
import { hashOf, propertyOf } from './components.ts';
import { DigestMap } from './digest-map.ts';
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
  /** Those that stand for events, by PCR and digest. */
  readonly #events = new Map<number, DigestMap<Expected>>();
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

  /** The reference for an event; `null` when none is left, `undefined` when there never was one. */
  take(index: number, digest: Uint8Array): Component | null | undefined {
    const expected = this.#events.get(index)?.get(digest);
    if (expected === undefined) return undefined;
    expected.seen += 1;
    const isLeft = expected.isOptional || expected.seen <= expected.allowed;
    return isLeft ? expected.component : null;
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
    if (component.name === PCR_SUMMARY) {
      if (!isOptional) this.#require(index, { component, isOptional, allowed: 1, seen: 0 });
      return;
    }
    if (digest.every((byte) => byte === 0xff)) {
      const problem = 'its digest is what IMA extends when it could not measure';
      this.#faults.push(`${component.name} of manifest ${manifest}: ${problem}`);
      return;
    }
    const expected = this.#eventOf(index, digest, component);
    expected.allowed += 1;
    if (isOptional) return;
    expected.component = component;
    this.#require(index, expected);
  }

  #eventOf(index: number, digest: Uint8Array, component: Component): Expected {
    const events = this.#events.get(index) ?? new DigestMap<Expected>();
    this.#events.set(index, events);
    const known = events.get(digest);
    if (known !== undefined) return known;
    const isOptional = component.optional === true;
    const expected: Expected = { component, isOptional, allowed: 0, seen: 0 };
    events.add(digest, expected);
    return expected;
  }

  #require(index: number, expected: Expected): void {
    const mandatory = this.#mandatory.get(index);
    if (mandatory === undefined) this.#mandatory.set(index, new Set([expected]));
    else mandatory.add(expected);
  }
}
