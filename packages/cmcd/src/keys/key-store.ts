import type { TlsKeyConfig } from '@cmc/api';

/** A TLS key with its certificates. */
export interface StoredKey {
  /** PKCS #8 in PEM, or the JSON of a TPM key. */
  readonly privateKey: string;
  /** Certificates, PEM, leaf first, one after another. */
  readonly certificates: string;
}

/** A key that has no certificate yet. */
export interface PendingKey {
  readonly id: string;
  /** PKCS #8 in PEM, or the JSON of a TPM key. */
  readonly privateKey: string;
  readonly config: TlsKeyConfig;
}

/** A key that is there with its certificate. */
export interface KnownKey {
  readonly id: string;
  /** What was asked for, when nobody was told the id: an enrolment that outlived its caller. */
  readonly unclaimed?: TlsKeyConfig;
}

/** Where TLS keys are kept. Ids are UUIDs that were checked. */
export interface KeyStore {
  list(): Promise<readonly KnownKey[]>;
  /** Keys whose enrolment did not end before the process did. */
  pending(): Promise<readonly PendingKey[]>;
  addPending(key: PendingKey): Promise<void>;
  /** Makes a pending key and its certificates known, both in one moment. It is unclaimed then. */
  publish(id: string, certificates: string): Promise<void>;
  /** Forgets a pending key. */
  discard(id: string): Promise<void>;
  /** Notes that somebody was told the id. */
  claim(id: string): Promise<void>;
  /** @throws {CmcdError} ERR_KEY_STORE the key is there without its certificates */
  read(id: string): Promise<StoredKey | undefined>;
  /** Replaces the certificates of a known key, in one moment. */
  replaceCertificates(id: string, certificates: string): Promise<void>;
}

/** Keeps keys until the process ends. */
export function memoryKeyStore(): KeyStore {
  const pending = new Map<string, PendingKey>();
  const known = new Map<string, StoredKey>();
  return {
    list: async () => [],
    pending: async () => [],
    addPending: async (key) => void pending.set(key.id, key),
    publish: async (id, certificates) => {
      const key = pending.get(id);
      if (key !== undefined) known.set(id, { privateKey: key.privateKey, certificates });
      pending.delete(id);
    },
    discard: async (id) => void pending.delete(id),
    claim: async () => {},
    read: async (id) => known.get(id),
    replaceCertificates: async (id, certificates) => {
      const key = known.get(id);
      if (key !== undefined) known.set(id, { ...key, certificates });
    },
  };
}
