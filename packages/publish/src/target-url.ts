import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** The URL in a setting. @throws {TypeError} none, or one that would send results in the clear */
export function targetUrl(text: string, setting: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isAllowed =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url === undefined || !isAllowed) {
    throw new TypeError(`${setting}: expected an https URL, or http to a loopback address`);
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new TypeError(`${setting}: expected a URL without credentials and fragment`);
  }
  return url;
}

/** A URL for messages: without its query, which may hold a key. */
export function displayUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function isLoopback(hostname: string): boolean {
  const ip = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(ip);
  if (family === 0) return ip === 'localhost';
  return loopback.check(ip, family === 4 ? 'ipv4' : 'ipv6');
}
