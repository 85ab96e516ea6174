import { hostname } from 'node:os';
import type { AttestationResult } from '@cmc/attestationreport';
import {
  type AttestationMode,
  attests,
  modeName,
  modeNumber,
  otherRole,
} from './attestation-mode.ts';
import { type KeyBinding, peerIdOf, reportNonces } from './channel-binding.ts';
import {
  judgeKeyProof,
  keyProtectionOf,
  type PeerKeyProof,
  proofKeyFor,
} from './handshake-key-proof.ts';
import {
  decode,
  failure,
  type HandshakeContext,
  peerReported,
  receive,
  send,
} from './handshake-messages.ts';
import { createKeyProof, KEY_PROOF_NAME } from './key-proof.ts';
import {
  ATLS_VERSION,
  type AtlsRequest,
  type AtlsResponse,
  atlsCompleteSchema,
  atlsRequestSchema,
  atlsResponseSchema,
  encodeMessage,
  MAX_CACHED_DIGESTS,
  MAX_COMPLETE_BYTES,
  MAX_REQUEST_BYTES,
} from './messages.ts';
import type { AttestationSettings, PeerInfo } from './options.ts';
import { OwnDaemon, raceAbort } from './own-daemon.ts';
import type { KeyProtection } from './own-keys.ts';
import { describeForPeer, quotePeerText } from './reasons.ts';

const HEX_DIGEST = /^(?:[0-9a-f]{2}){1,64}$/i;

/** What a completed handshake established. */
export interface Attestation {
  readonly mode: AttestationMode;
  /** Lower-case hex SHA-256 of the peer's TLS certificate, empty without one. */
  readonly peerId: string;
  /** What the reports are bound to: the TLS session, or also both TLS keys and the mode. */
  readonly keyBinding: KeyBinding;
  /** Where the private key of this end's certificate is; absent when this end sent none. */
  readonly keyProtection?: KeyProtection;
  /** What the peer proved besides its TLS key; absent when it sent no proof. */
  readonly peerKeyProof?: PeerKeyProof;
  /** Verdict on the peer; absent when the mode does not have it attested. */
  readonly result?: AttestationResult;
}

/**
 * Exchanges Requests and Responses and judges the peer: everything up to the Complete messages,
 * whose exchange must follow however this ends.
 */
export async function exchange(context: HandshakeContext): Promise<Attestation> {
  const { role, identity, settings, timer } = context;
  const { mode } = settings;
  const peerRole = otherRole(role);
  const peer: PeerInfo = {
    role: peerRole,
    id: peerIdOf(identity.certificates[peerRole]),
    address: context.peerAddress,
  };
  const daemon = new OwnDaemon(settings.cmc, timer);

  // Listening while own work goes on: a peer that gives up is noticed at once. Its message is judged
  // when the own one is out, so that the peer can come to the same judgement by itself.
  const [, request] = await Promise.all([
    sendRequest(context, daemon, peer),
    receive(context, atlsRequestSchema, MAX_REQUEST_BYTES),
  ]);
  checkVersion(context, request.version);
  checkRequest(context, request);
  const keyBinding = chooseBinding(context, request);
  const proofKeyId = proofKeyFor(context, request);
  const keyProtection = keyProtectionOf(context, proofKeyId);
  const nonces = reportNonces(keyBinding, mode, identity);

  timer.enter('attest');
  // Both at once also because two peers that first wrote large reports would block each other.
  const [, response] = await Promise.all([
    sendResponse(context, daemon, { nonce: nonces[role], request, proofKeyId }),
    receiveResponse(context),
  ]);
  checkVersion(context, response.version);

  const peerKeyProof = await judgeKeyProof(context, response);
  const attestation = {
    mode,
    peerId: peer.id,
    keyBinding,
    ...(keyProtection === undefined ? {} : { keyProtection }),
    ...(peerKeyProof === undefined ? {} : { peerKeyProof }),
  };
  if (!attests(peerRole, mode)) return attestation;
  const result = await judge(context, daemon, peer, nonces[peerRole], response.report);
  return { ...attestation, result };
}

/** Tells the peer that this side is content, and requires that the peer is. */
export async function complete(context: HandshakeContext): Promise<void> {
  context.timer.enter('complete');
  await send(context, atlsCompleteSchema, { version: ATLS_VERSION, success: true });
  const body = await context.channel.read(MAX_COMPLETE_BYTES);
  const message = decode(context, atlsCompleteSchema, body);
  if (!message.success) throw peerReported(context, message.error);
  checkVersion(context, message.version);
}

/** Body of the message that tells the peer why this side gives up. */
export function encodeFailure(settings: AttestationSettings, error: unknown): Uint8Array {
  const message = { version: ATLS_VERSION, success: false, error: describeForPeer(error) };
  return encodeMessage(atlsCompleteSchema, message, settings.serialization);
}

async function sendRequest(
  context: HandshakeContext,
  daemon: OwnDaemon,
  peer: PeerInfo,
): Promise<void> {
  const { mode, peerKeyProofs } = context.settings;
  // Nameless peers share one entry in caches of the reference: what it holds may be another's.
  const { cache: cached } =
    attests(peer.role, mode) && peer.id !== ''
      ? await daemon.call('PeerCache', (cmc, options) => cmc.peerCache({ peer: peer.id }, options))
      : { cache: [] };
  const attest = modeNumber(mode);
  const bindings = ['spki-v1', ...(peerKeyProofs.verifies ? [KEY_PROOF_NAME] : [])];
  const request = { version: ATLS_VERSION, attest, cached, bindings };
  await send(context, atlsRequestSchema, request);
}

function chooseBinding(context: HandshakeContext, request: AtlsRequest): KeyBinding {
  if (request.bindings?.includes('spki-v1')) return 'spki-v1';
  if (!context.settings.requireBinding) return 'exporter';
  const message = 'the peer does not offer the key binding spki-v1, which is required here';
  throw failure(context, 'ERR_ATLS_BINDING', message);
}

/** Digests that need not be sent. The cache of a peer that does not know our name is not ours. */
function cachedOf({ identity, role }: HandshakeContext, request: AtlsRequest): readonly string[] {
  return identity.certificates[role] === undefined ? [] : (request.cached ?? []);
}

/** What this end shows the peer of itself. */
interface OwnProofs {
  readonly nonce: Uint8Array;
  readonly request: AtlsRequest;
  /** Key of the daemon that signs for the connection, if one does. */
  readonly proofKeyId: string | undefined;
}

async function sendResponse(
  context: HandshakeContext,
  daemon: OwnDaemon,
  { nonce, request, proofKeyId }: OwnProofs,
): Promise<void> {
  const { role, identity, settings } = context;
  const { mode, serialization } = settings;
  try {
    const [attested, keyProof] = await Promise.all([
      attests(role, mode)
        ? daemon.call('Attest', (cmc, options) =>
            cmc.attest(
              { nonce, cached: cachedOf(context, request) },
              { ...options, serialization },
            ),
          )
        : {},
      proofKeyId === undefined
        ? undefined
        : createKeyProof(daemon, proofKeyId, { role, mode, identity }),
    ]);
    await send(context, atlsResponseSchema, {
      version: ATLS_VERSION,
      ...attested,
      ...(keyProof === undefined ? {} : { keyProof }),
    });
  } catch (error) {
    // The peer waits for a Response: this one lets it end at once, with the reason. Whether it gets
    // out makes no difference here.
    const response = { version: ATLS_VERSION, error: describeForPeer(error) };
    send(context, atlsResponseSchema, response).catch(() => {});
    throw error;
  }
}

async function receiveResponse(context: HandshakeContext): Promise<AtlsResponse> {
  const { role, settings } = context;
  const sendsReport = attests(otherRole(role), settings.mode);
  const maxBytes = sendsReport ? settings.maxFrameBytes : MAX_COMPLETE_BYTES;
  const response = await receive(context, atlsResponseSchema, maxBytes);
  if (response.error !== undefined) throw peerReported(context, response.error);
  return response;
}

async function judge(
  context: HandshakeContext,
  daemon: OwnDaemon,
  peer: PeerInfo,
  nonce: Uint8Array,
  report: Uint8Array | undefined,
): Promise<AttestationResult> {
  const { settings, timer } = context;
  if (report === undefined) {
    const message = `the peer must attest itself in mode ${settings.mode}, but sent no report`;
    throw failure(context, 'ERR_ATLS_PROTOCOL', message);
  }
  timer.enter('verify');
  const request = {
    nonce,
    report,
    peer: peer.id,
    peerAddr: peer.address,
    ...(settings.policies === undefined ? {} : { policies: settings.policies }),
  };
  const verdict = await daemon.call('Verify', (cmc, options) => cmc.verify(request, options));
  const verifier = { ...verdict.result.verifier, hostname: hostname(), ip: context.ownAddress };
  const result = { ...verdict.result, verifier };
  try {
    await raceAbort(timer.signal, async () => settings.onResult(result, peer));
  } catch (cause) {
    timer.signal.throwIfAborted();
    const message = 'the onResult callback refused the peer';
    throw failure(context, 'ERR_ATLS_CALLBACK', message, { cause });
  }
  const { status } = result.summary;
  if (status === 'success' || status === 'warn') return result;
  const message = `the attestation report of the peer did not pass: status ${quotePeerText(status)}`;
  throw failure(context, 'ERR_ATLS_PEER_ATTESTATION', message, { result });
}

function checkVersion(context: HandshakeContext, version: string): void {
  // The reference compares without regard to case.
  if (version.toLowerCase() === ATLS_VERSION) return;
  const message = `expected attestation protocol ${ATLS_VERSION}, the peer has ${quotePeerText(version)}`;
  throw failure(context, 'ERR_ATLS_VERSION', message);
}

function checkRequest(context: HandshakeContext, { attest, cached = [] }: AtlsRequest): void {
  const { mode } = context.settings;
  if (attest !== modeNumber(mode)) {
    const message = `attestation mode is ${mode} here and ${modeName(attest)} at the peer`;
    throw failure(context, 'ERR_ATLS_MODE_MISMATCH', message);
  }
  if (cached.length > MAX_CACHED_DIGESTS) {
    const message = `the peer lists ${cached.length} cached digests, at most ${MAX_CACHED_DIGESTS} are allowed`;
    throw failure(context, 'ERR_ATLS_LIMIT', message);
  }
  if (!cached.every((digest) => HEX_DIGEST.test(digest))) {
    throw failure(context, 'ERR_ATLS_PROTOCOL', 'the peer lists a cached digest that is not hex');
  }
}
