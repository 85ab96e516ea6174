/** Fields of a template by its name (Linux, security/integrity/ima/ima_template.c). */
const TEMPLATES: ReadonlyMap<string, string> = new Map([
  ['ima', 'd|n'],
  ['ima-ng', 'd-ng|n-ng'],
  ['ima-ngv2', 'd-ngv2|n-ng'],
  ['ima-sig', 'd-ng|n-ng|sig'],
  ['ima-sigv2', 'd-ngv2|n-ng|sig'],
  ['ima-buf', 'd-ng|n-ng|buf'],
  ['ima-modsig', 'd-ng|n-ng|sig|d-modsig|modsig'],
  ['evm-sig', 'd-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode'],
]);

/** How a field looks: in binary its content, in text how it is printed. */
export type FieldKind = 'sha1' | 'digest' | 'typed-digest' | 'text' | 'hex' | 'uint16' | 'uint32';

export interface TemplateField {
  readonly name: string;
  readonly kind: FieldKind;
  /** Empty where the kernel has nothing to say, such as for `boot_aggregate`, which is no file. */
  readonly isOptional: boolean;
}

/** Digests of what was read; every template starts with one of them. */
const FILE_DIGESTS: readonly TemplateField[] = [
  { name: 'd', kind: 'sha1', isOptional: false },
  { name: 'd-ng', kind: 'digest', isOptional: false },
  { name: 'd-ngv2', kind: 'typed-digest', isOptional: false },
];
const OTHER_FIELDS: readonly TemplateField[] = [
  { name: 'n', kind: 'text', isOptional: false },
  { name: 'n-ng', kind: 'text', isOptional: false },
  { name: 'sig', kind: 'hex', isOptional: true },
  { name: 'buf', kind: 'hex', isOptional: true },
  { name: 'd-modsig', kind: 'digest', isOptional: true },
  { name: 'modsig', kind: 'hex', isOptional: true },
  { name: 'evmsig', kind: 'hex', isOptional: true },
  { name: 'xattrnames', kind: 'text', isOptional: true },
  { name: 'xattrlengths', kind: 'hex', isOptional: true },
  { name: 'xattrvalues', kind: 'hex', isOptional: true },
  { name: 'iuid', kind: 'uint32', isOptional: true },
  { name: 'igid', kind: 'uint32', isOptional: true },
  { name: 'imode', kind: 'uint16', isOptional: true },
];
const MAX_FIELDS = 15;
/** What the name of the first template is padded to where it is hashed; it is shorter. */
export const LEGACY_NAME_BYTES = 256;

export interface Template {
  readonly name: string;
  readonly fields: readonly TemplateField[];
  /** The first template: its data has no length in front, and is hashed with a padded name. */
  readonly isLegacy: boolean;
}

/**
 * A template by name, or a list of fields (`d-ng|n-ng|sig`); `undefined` when it is neither.
 *
 * The name is not measured, only the data: were any list taken, the prover could call the digest of
 * a file a signature, and bytes of its own choice (an extended attribute, a buffer) the digest. So
 * the digest stands first and alone, as in all templates of the kernel.
 */
export function templateByName(name: string): Template | undefined {
  const [first, ...rest] = (TEMPLATES.get(name) ?? name).split('|');
  const fileDigest = FILE_DIGESTS.find((field) => field.name === first);
  if (fileDigest === undefined || rest.length >= MAX_FIELDS) return undefined;
  const fields = [fileDigest];
  for (const other of rest) {
    const field = OTHER_FIELDS.find((known) => known.name === other);
    if (field === undefined || fields.includes(field)) return undefined;
    fields.push(field);
  }
  return { name, fields, isLegacy: name === 'ima' };
}

/** The templates that the kernel has a name for. */
export function kernelTemplates(): readonly Template[] {
  return [...TEMPLATES.keys()].flatMap((name) => templateByName(name) ?? []);
}

/** Digest lengths by the names of the kernel's hash algorithms, in its order (hash_info.h). */
export const KERNEL_HASHES: ReadonlyMap<string, number> = new Map([
  ['md4', 16],
  ['md5', 16],
  ['sha1', 20],
  ['rmd160', 20],
  ['sha256', 32],
  ['sha384', 48],
  ['sha512', 64],
  ['sha224', 28],
  ['rmd128', 16],
  ['rmd256', 32],
  ['rmd320', 40],
  ['wp256', 32],
  ['wp384', 48],
  ['wp512', 64],
  ['tgr128', 16],
  ['tgr160', 20],
  ['tgr192', 24],
  ['sm3', 32],
  ['streebog256', 32],
  ['streebog512', 64],
  ['sha3-256', 32],
  ['sha3-384', 48],
  ['sha3-512', 64],
]);
