import type { BlockingSigner } from '../../src/index.ts';

export function softSigner(
  pem: string,
  encodePss: (digest: Uint8Array, hash: string, modulusBits: number) => Uint8Array,
): BlockingSigner;
