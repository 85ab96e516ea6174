import { ipOctets, ipText } from '@cmc/est';

const IPV6_NETWORK_BYTES = 8;
const MAPPED_PREFIX = '::ffff:';

/**
 * What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, of which every
 * customer has at least one.
 */
export function addressGroup(address: string): string {
  const [bare = ''] = address.split('%');
  if (bare.startsWith(MAPPED_PREFIX) && bare.includes('.')) return bare.slice(MAPPED_PREFIX.length);
  const octets = ipOctets(bare);
  if (octets?.length !== 16) return bare;
  return `${ipText(octets.map((octet, i) => (i < IPV6_NETWORK_BYTES ? octet : 0)))}/64`;
}
