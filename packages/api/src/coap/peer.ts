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
