import { decodeUtf8, encodeUtf8, fromBase64url, toBase64url } from '@cmc/bytes';

/** A text in manifests that {@link tamper} changes. */
export const TAMPER_MARK = 'Testbed Developer';

const OPENING_BRACE = 0x7b;

/**
 * A signed item with one byte of its payload changed, in a text that means nothing: it still parses,
 * and would still fit the software, so that nothing but the signature is wrong.
 */
export function tamper(signed: Uint8Array): Uint8Array {
  if (signed[0] !== OPENING_BRACE) return changeMark(signed);
  const jws: { payload: string } = JSON.parse(decodeUtf8(signed));
  jws.payload = toBase64url(changeMark(fromBase64url(jws.payload)));
  return encodeUtf8(JSON.stringify(jws));
}

function changeMark(bytes: Uint8Array): Uint8Array {
  const mark = encodeUtf8(TAMPER_MARK);
  const at = bytes.findIndex((_, start) => mark.every((byte, i) => bytes[start + i] === byte));
  if (at < 0) throw new Error(`no ${TAMPER_MARK} in the payload`);
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
