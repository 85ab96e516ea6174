import { ConfigError } from './config.ts';

/** Host and port of `host:port` or `[ipv6]:port`. @throws {ConfigError} */
export function parseHostPort(
  text: string,
  setting: string,
): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new ConfigError('ERR_CONFIG_VALUE', `${setting}: expected host:port, got "${text}"`);
  }
  return { host, port };
}
