import { attests, otherRole } from './attestation-mode.ts';
import { failure, type HandshakeContext } from './handshake-messages.ts';
import { KEY_PROOF_NAME } from './key-proof.ts';
import type { AtlsRequest, AtlsResponse } from './messages.ts';
import type { KeyProtection } from './own-keys.ts';
import { quotePeerText } from './reasons.ts';

/** A key besides that of TLS that has signed for a connection. */
export interface PeerKeyProof {
  /**
   * Of the key, DER. Its chain and purpose were verified; it is for the name that was connected to,
   * or has the names of the TLS certificate of a client that sent one.
   */
  readonly certificate: Uint8Array;
}

/** Id of the key that signs for a connection; `undefined` where none can, or the peer takes none. */
export function proofKeyFor(
  { settings }: HandshakeContext,
  request: AtlsRequest,
): string | undefined {
  return request.bindings?.includes(KEY_PROOF_NAME) ? settings.proofKeyId : undefined;
}

/**
 * How the own TLS key is protected on a connection, once the peer has completed; `undefined` when
 * this end sent no certificate.
 * @throws {AttestedTlsError} ERR_ATLS_KEY_PROOF: not as required
 */
export function keyProtectionOf(
  context: HandshakeContext,
  proofKeyId: string | undefined,
): KeyProtection | undefined {
  const { role, identity, settings } = context;
  const own = identity.certificates[role];
  if (own === undefined) return undefined;
  const isBound = proofKeyId !== undefined || attests(role, settings.mode);
  const protection = settings.ownKeys.protectionOf(own, isBound);
  if (settings.ownKeys.suffices(protection)) return protection;
  const lack =
    settings.proofKeyId === undefined ? 'there is no keyProof' : 'the peer verifies no key proofs';
  const message = `requireKeyProtection: in mode ${settings.mode} nothing vouches for the local TLS key: ${lack}`;
  throw failure(context, 'ERR_ATLS_KEY_PROOF', message);
}

/**
 * What the key proof of the peer proves; `undefined` without one, or without roots to verify it.
 * @throws {AttestedTlsError} ERR_ATLS_KEY_PROOF: it is wrong, or missing and required
 */
export async function judgeKeyProof(
  context: HandshakeContext,
  { keyProof }: AtlsResponse,
): Promise<PeerKeyProof | undefined> {
  const { role, identity, settings, checkServerName } = context;
  const { peerKeyProofs, mode } = settings;
  if (keyProof === undefined) {
    if (!peerKeyProofs.required) return undefined;
    throw failure(
      context,
      'ERR_ATLS_KEY_PROOF',
      'the peer sent no key proof, which is required here',
    );
  }
  if (!peerKeyProofs.verifies) return undefined;
  const channel = { role: otherRole(role), mode, identity };
  const problem = await peerKeyProofs.problem(keyProof, { channel, checkServerName });
  const [certificate] = keyProof.certificates;
  if (problem === undefined && certificate !== undefined) return { certificate };
  const message = `the key proof of the peer is refused: ${quotePeerText(problem ?? '')}`;
  throw failure(context, 'ERR_ATLS_KEY_PROOF', message);
}
