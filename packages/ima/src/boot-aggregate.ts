import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { digest, type HashName, nodeHashName } from '@cmc/bytes/hash';
import type { ImaEntry } from './entry.ts';
import { kernelTemplates, type TemplateField } from './templates.ts';

const PATH = encodeUtf8('boot_aggregate\0');

/** A value that the first entry of a list, `boot_aggregate`, may have. */
export interface BootAggregate {
  /** The last PCR it covers; the first is 0. */
  readonly lastPcr: number;
  readonly digest: Uint8Array;
}

/**
 * Last PCR by definition, the most covering first. Linux 5.8 moved to the bank of the IMA hash, and
 * soon after took in what boot loaders measure (PCR 8 and 9) in all banks but SHA-1; there are
 * kernels between the two.
 */
const LAST_PCRS: readonly number[] = [9, 7];
const LAST_PCRS_OF_SHA1: readonly number[] = [7];

/**
 * The digests that the first entry of a list can have for these PCR values of one bank, all of them
 * from the same quote: one for each definition whose PCRs are there. The bank is that of the
 * entry's own digest (`sha1` up to Linux 5.7, whatever the quote uses).
 */
export function bootAggregates(
  pcrs: ReadonlyMap<number, Uint8Array>,
  bank: HashName,
): readonly BootAggregate[] {
  const candidates: BootAggregate[] = [];
  for (const lastPcr of bank === 'SHA-1' ? LAST_PCRS_OF_SHA1 : LAST_PCRS) {
    const values = Array.from({ length: lastPcr + 1 }, (_, pcr) => pcrs.get(pcr));
    const known = values.filter((value) => value !== undefined);
    if (known.length === values.length) {
      candidates.push({ lastPcr, digest: digest(bank, concatBytes(...known)) });
    }
  }
  return candidates;
}

/**
 * The entry for an aggregate in every template of the kernel that names the algorithm. It is of no
 * file: what templates say of files besides digest and name is empty (ima_template_lib.c).
 */
export function bootAggregateEntries(
  aggregate: Uint8Array,
  bank: HashName,
): readonly Pick<ImaEntry, 'template' | 'fields' | 'isViolation'>[] {
  const contentOf = ({ name, kind, isOptional }: TemplateField): Uint8Array => {
    if (name === 'n-ng') return PATH;
    if (isOptional) return new Uint8Array();
    const type = kind === 'typed-digest' ? 'ima:' : '';
    return concatBytes(encodeUtf8(`${type}${nodeHashName(bank)}:\0`), aggregate);
  };
  return kernelTemplates()
    .filter(({ isLegacy }) => !isLegacy)
    .map(({ name, fields }) => ({
      template: name,
      fields: new Map(fields.map((field) => [field.name, contentOf(field)])),
      isViolation: false,
    }));
}
