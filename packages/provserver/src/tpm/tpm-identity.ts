import {
  type Certificate,
  DerReader,
  ExtensionOid,
  readName,
  Tag,
} from '@cmc/attestationreport/x509';
import { fromHex } from '@cmc/bytes';

/** Which TPM an endorsement certificate is for (TCG EK Credential Profile 2.3, section 3.2.9). */
export interface TpmIdentity {
  /** Id in the TCG vendor registry, 8 upper-case hex digits: `53544D20`. */
  readonly vendorId: string;
  /** The id as text, where it is one: `STM`. */
  readonly vendor: string;
  readonly model: string;
  /** Firmware when the TPM was made, upper-case hex digits. */
  readonly version: string;
}

const MANUFACTURER = '2.23.133.2.1';
const MODEL = '2.23.133.2.2';
const VERSION = '2.23.133.2.3';
const DIRECTORY_NAME = 0xa4;

/**
 * What the alternative name of an endorsement certificate says about the TPM; `undefined` when it
 * does not have all three attributes, each once. @throws {DecodeError} malformed names
 */
export function tpmIdentityOf({ extensions }: Certificate): TpmIdentity | undefined {
  const names = extensions.find(({ oid }) => oid === ExtensionOid.subjectAlternativeName);
  if (names === undefined) return undefined;
  const attributes = directoryAttributes(names.value);
  const only = (wanted: string): string => {
    const [value = '', ...more] = attributes.filter(({ oid }) => oid === wanted);
    return value === '' || more.length > 0 ? '' : value.value;
  };
  const vendorId = /^id:([0-9a-f]{8})$/i.exec(only(MANUFACTURER))?.[1]?.toUpperCase();
  const version = /^id:([0-9a-f]{1,16})$/i.exec(only(VERSION))?.[1]?.toUpperCase();
  const model = only(MODEL);
  if (vendorId === undefined || version === undefined || model === '') return undefined;
  return { vendorId, vendor: vendorText(vendorId), model, version };
}

function directoryAttributes(value: Uint8Array): readonly { oid: string; value: string }[] {
  const outer = new DerReader(value, 'subjectAltName');
  const names = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const attributes: { oid: string; value: string }[] = [];
  while (!names.done) {
    const name = names.enterOptional(DIRECTORY_NAME, 'directoryName');
    if (name === undefined) {
      names.skip('generalName');
      continue;
    }
    attributes.push(...readName(name, 'directoryName').attributes);
    name.end();
  }
  return attributes;
}

/** Four characters, padded with spaces or zeros. */
function vendorText(vendorId: string): string {
  const text = String.fromCharCode(...fromHex(vendorId)).replace(/[ \0]+$/, '');
  return /^[\x21-\x7e]{2,4}$/.test(text) ? text : vendorId;
}
