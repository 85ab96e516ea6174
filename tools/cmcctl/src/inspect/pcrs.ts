import { decodeUtf8, fromHex } from '@cmc/bytes';
import { UsageError } from '@cmc/host';
import type { HashName, PcrValues } from 'tpm2-ts/verify';
import * as v from 'valibot';

const BANKS: ReadonlyMap<string, HashName> = new Map([
  ['sha1', 'SHA-1'],
  ['sha256', 'SHA-256'],
  ['sha384', 'SHA-384'],
  ['sha512', 'SHA-512'],
]);

const pcrsSchema = v.record(
  v.string(),
  v.record(
    v.pipe(v.string(), v.regex(/^(?:\d|1\d|2[0-3])$/)),
    v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/i)),
  ),
);

/** PCR values of a file: `{ "sha256": { "0": "hex", … }, … }`. @throws {UsageError} */
export function readPcrs(bytes: Uint8Array, file: string): PcrValues {
  const values = v.safeParse(pcrsSchema, parse(bytes, file));
  if (!values.success) throw new UsageError(expected(file, values.issues[0].message));
  return new Map(
    Object.entries(values.output).map(([name, pcrs]) => {
      const bank = BANKS.get(name);
      if (bank === undefined) throw new UsageError(expected(file, `bank "${name}"`));
      const entries = Object.entries(pcrs);
      return [
        bank,
        new Map(entries.map(([pcr, hex]) => [Number(pcr), fromHex(hex.toLowerCase())])),
      ];
    }),
  );
}

function parse(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new UsageError(expected(file, 'no JSON'), { cause });
  }
}

function expected(file: string, got: string): string {
  return `pcrs: expected {"sha256":{"0":"hex",…},…} in ${file}, got: ${got}`;
}
