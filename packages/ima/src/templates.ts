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
export type FieldKind = 'sha1' | 'digest' | 'text' | 'hex' | 'uint16' | 'uint32';

const FIELDS: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  ['d', 'sha1'],
  ['n', 'text'],
  ['d-ng', 'digest'],
  ['d-ngv2', 'digest'],
  ['d-modsig', 'digest'],
  ['n-ng', 'text'],
  ['sig', 'hex'],
  ['buf', 'hex'],
  ['modsig', 'hex'],
  ['evmsig', 'hex'],
  ['xattrnames', 'text'],
  ['xattrlengths', 'hex'],
  ['xattrvalues', 'hex'],
  ['iuid', 'uint32'],
  ['igid', 'uint32'],
  ['imode', 'uint16'],
]);
const MAX_FIELDS = 15;

export interface TemplateField {
  readonly name: string;
  readonly kind: FieldKind;
}

export interface Template {
  readonly name: string;
  readonly fields: readonly TemplateField[];
  /** The first template: its data has no length in front, and is hashed with a padded name. */
  readonly isLegacy: boolean;
}

/** A template by name, or a list of fields (`d-ng|n-ng|sig`); `undefined` when it is neither. */
export function templateByName(name: string): Template | undefined {
  const names = (TEMPLATES.get(name) ?? name).split('|');
  if (names.length > MAX_FIELDS) return undefined;
  const fields: TemplateField[] = [];
  for (const field of names) {
    const kind = FIELDS.get(field);
    if (kind === undefined) return undefined;
    fields.push({ name: field, kind });
  }
  return { name, fields, isLegacy: name === 'ima' };
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
]);
