import { AttestedTlsError } from './errors.ts';

/** Longest text of a peer that is kept, in characters. */
const MAX_TEXT = 1024;

/** What the peer is told about a failure here: what it can act on, nothing of our causes. */
export function describeForPeer(error: unknown): string {
  if (!(error instanceof AttestedTlsError)) return 'the handshake was aborted';
  // Its own words are of no use to the peer.
  const text = error.code === 'ERR_ATLS_PEER_REPORTED' ? 'the peer gave up' : error.message;
  return `${error.code}: ${text}`;
}

/** Text of a peer, fit for messages and logs: one line of bounded length. */
export function quotePeerText(text: string): string {
  const line = text.slice(0, MAX_TEXT).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return text.length > MAX_TEXT ? `${line}...` : line;
}
