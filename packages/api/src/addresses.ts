import { BlockList, isIP } from 'node:net';
import { ApiError } from './errors.ts';

/** Where an API listens or is reached. */
export type ApiAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Longest path of a Unix socket, bytes (`sun_path` of Linux without the final zero). */
export const MAX_SOCKET_PATH_BYTES = 107;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Parses `unix:///path`, `unix:path`, `tcp://host:port`, `host:port`, or a path. As in the
 * reference, a text without a scheme is `host:port` when it holds a colon and a path otherwise.
 * IPv6 addresses stand in brackets.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export function parseAddress(text: string): ApiAddress {
  if (text.startsWith('unix://')) return unixAddress(text.slice('unix://'.length), text);
  if (text.startsWith('unix:')) return unixAddress(text.slice('unix:'.length), text);
  if (text.startsWith('tcp://')) return tcpAddress(text.slice('tcp://'.length), text);
  return text.includes(':') ? tcpAddress(text, text) : unixAddress(text, text);
}

/** `host:port` of a TCP address, `unix://path` of a Unix socket. */
export function formatAddress(address: ApiAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether only this machine can reach `ip`. */
export function isLoopback(ip: string): boolean {
  const family = isIP(ip);
  return family !== 0 && loopback.check(ip, family === 4 ? 'ipv4' : 'ipv6');
}

function unixAddress(path: string, text: string): ApiAddress {
  const length = Buffer.byteLength(path);
  if (length === 0 || path.includes('\0')) {
    throw new ApiError('ERR_API_ADDRESS', `${JSON.stringify(text)}: expected a socket path`);
  }
  if (length > MAX_SOCKET_PATH_BYTES) {
    throw new ApiError(
      'ERR_API_ADDRESS',
      `${JSON.stringify(text)}: a socket path has at most ${MAX_SOCKET_PATH_BYTES} bytes, this one ${length}`,
    );
  }
  return { kind: 'unix', path };
}

function tcpAddress(hostPort: string, text: string): ApiAddress {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]/]+)):([0-9]{1,5})$/.exec(hostPort);
  const [, ipv6, name, digits] = match ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (ipv6 !== undefined && isIP(ipv6) !== 6)) {
    throw new ApiError(
      'ERR_API_ADDRESS',
      `${JSON.stringify(text)}: expected unix:///path, tcp://host:port, host:port or a path`,
    );
  }
  return { kind: 'tcp', host, port };
}
