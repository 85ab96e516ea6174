import type { ClientSocket } from './client-socket.ts';
import { type DialOptions, dial } from './dial.ts';
import { type AttestationOptions, resolveAttestation, withoutAttestation } from './options.ts';
import { clientTlsOptions } from './tls-options.ts';

/** Options of `tls.connect` and of attestation. */
export interface ConnectOptions extends DialOptions, AttestationOptions {}

type SecureConnectListener = () => void;

/**
 * Connects as `tls.connect` does. `secureConnect` comes when both ends have attested each other as
 * the mode says; until then nothing can be read, and what is written waits in the socket's buffer.
 * Errors of TCP and TLS are Node's own, those of attestation are `AttestedTlsError`s.
 * @throws {TypeError | RangeError} an option is wrong, or would weaken the connection
 */
export function connect(options: ConnectOptions, listener?: SecureConnectListener): ClientSocket;
export function connect(
  port: number,
  host?: string,
  options?: ConnectOptions,
  listener?: SecureConnectListener,
): ClientSocket;
export function connect(
  port: number,
  options?: ConnectOptions,
  listener?: SecureConnectListener,
): ClientSocket;
export function connect(
  path: string,
  options?: ConnectOptions,
  listener?: SecureConnectListener,
): ClientSocket;
export function connect(...args: readonly unknown[]): ClientSocket {
  const { options, listener } = parseArguments(args);
  const settings = resolveAttestation(options);
  const socket = dial(clientTlsOptions(withoutAttestation(options), options.mtls), settings);
  const closeDaemon = (): void => settings.cmc?.close();
  socket.once('secureConnect', closeDaemon);
  socket.once('close', closeDaemon);
  if (listener !== undefined) socket.once('secureConnect', listener);
  return socket;
}

interface ParsedArguments {
  readonly options: ConnectOptions;
  readonly listener: SecureConnectListener | undefined;
}

/** `[port or path] [host] [options] [listener]`, as `node:tls` takes them. */
function parseArguments(args: readonly unknown[]): ParsedArguments {
  const rest = [...args];
  const last = rest.at(-1);
  const listener = typeof last === 'function' ? (last as SecureConnectListener) : undefined;
  const target = rest[0];
  let where: ConnectOptions = {};
  if (typeof target === 'number') {
    where = typeof rest[1] === 'string' ? { port: target, host: rest[1] } : { port: target };
  } else if (typeof target === 'string') {
    where = { path: target };
  }
  const options = rest.find((arg) => typeof arg === 'object' && arg !== null);
  return { options: { ...where, ...options }, listener };
}
