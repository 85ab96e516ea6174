import type { ByteWriter, JsonReader } from '@cmc/bytes';
import type { CborReader } from './cbor-reader.ts';

/**
 * How one type of value looks in JSON and in CBOR. Structures are described by kinds once; readers
 * and writers of both encodings follow the description.
 */
export interface Kind<T> {
  /** Meaning of a member that is not there; `undefined` when it must be there. */
  readonly zero: T | undefined;
  /** Whether an optional member with this value is left out. */
  readonly isEmpty: (value: T) => boolean;
  readonly readJson: (reader: JsonReader) => T;
  readonly readCbor: (reader: CborReader) => T;
  /** JSON text of `value`. @throws {TypeError | RangeError} not a value of this kind */
  readonly toJson: (value: T) => string;
  /** Appends the canonical CBOR item. @throws {TypeError | RangeError} not a value of this kind */
  readonly writeCbor: (writer: ByteWriter, value: T) => void;
}
