import { isIPv6 } from 'node:net';

/** The other end of datagrams. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** `address:port`, to look things up. */
  readonly key: string;
}

export function createPeer(address: string, port: number): Peer {
  return { address, port, key: isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}` };
}

/** The same memory as a plain array: `slice` of a Buffer does not copy, `slice` of this does. */
export function plainBytes({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
