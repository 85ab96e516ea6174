/** A public key that node:crypto holds. */
export interface NodePublicKey {
  readonly type: 'public' | 'private' | 'secret';
}

/** What is used of node:crypto. */
export interface NodeCrypto {
  hash(algorithm: string, data: Uint8Array, encoding: 'buffer'): Uint8Array;
  createPublicKey(key: {
    readonly key: Uint8Array;
    readonly format: 'der';
    readonly type: 'spki';
  }): NodePublicKey;
  verify(
    algorithm: string | null,
    data: Uint8Array,
    key: {
      readonly key: NodePublicKey;
      readonly dsaEncoding?: 'ieee-p1363';
      readonly padding?: number;
      readonly saltLength?: number;
    },
    signature: Uint8Array,
  ): boolean;
}

interface MaybeNode {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown };
}

/** node:crypto, twice as fast as WebCrypto, without an import that bundlers for browsers trip over. */
export const nodeCrypto: NodeCrypto | undefined = (
  globalThis as MaybeNode
).process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined;
