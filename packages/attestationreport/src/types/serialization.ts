/** The two encodings of every message: JSON text and canonical CBOR. */
export type Serialization = 'json' | 'cbor';
