import { isIP } from 'node:net';

const MAX_DNS_NAME = 253;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;

/** Whether `text` is a host name: letters, digits, hyphens and dots; `*.` may stand in front. */
export function isDnsName(text: string): boolean {
  if (text.length === 0 || text.length > MAX_DNS_NAME || isIP(text) !== 0) return false;
  const labels = text.replace(/^\*\./, '').split('.');
  return labels.every((label) => LABEL.test(label));
}

/** Octets of an IP address as a certificate has them: 4 or 16. Undefined for another text. */
export function ipOctets(text: string): Uint8Array | undefined {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split('.').map(Number));
    case 6:
      return text.includes('%') ? undefined : ipv6Octets(text);
    default:
      return undefined;
  }
}

/** Text of the 4 or 16 octets of an IP address, in its shortest form. */
export function ipText(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  );
  return shortIpv6(groups.join(':'));
}

/** One spelling per name: lower case, IP addresses in their shortest form. */
export function normalName(text: string): string {
  const octets = ipOctets(text);
  return (octets === undefined ? undefined : ipText(octets)) ?? text.toLowerCase();
}

function ipv6Octets(text: string): Uint8Array {
  const [head = '', tail] = shortIpv6(text).split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  const groups = [...left, ...zeros, ...right];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** RFC 5952 form; the URL parser is the one in the platform that makes it. */
function shortIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}
