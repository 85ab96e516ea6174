import { hostname } from 'node:os';
import type { AttestationResult } from '@cmc/attestationreport';
import type { StructSchema } from '@cmc/attestationreport/codec';
import { DecodeError } from '@cmc/bytes';
import {
  type AttestationMode,
  attests,
  modeName,
  modeNumber,
  otherRole,
  type Role,
} from './attestation-mode.ts';
import { type ChannelIdentity, type KeyBinding, peerIdOf, reportNonce } from './channel-binding.ts';
import { AttestedTlsError } from './errors.ts';
import type { FrameChannel } from './frame-channel.ts';
import type { HandshakeTimer } from './handshake-timer.ts';
import {
  ATLS_VERSION,
  type AtlsRequest,
  type AtlsResponse,
  atlsCompleteSchema,
  atlsRequestSchema,
  atlsResponseSchema,
  decodeMessage,
  encodeMessage,
  isComplete,
  MAX_COMPLETE_BYTES,
  MAX_REQUEST_BYTES,
} from './messages.ts';
import type { AttestationSettings, PeerInfo } from './options.ts';
import { OwnDaemon } from './own-daemon.ts';
import { describeForPeer, quotePeerText } from './reasons.ts';

/** What a completed handshake established. */
export interface Attestation {
  readonly mode: AttestationMode;
  /** Lower-case hex SHA-256 of the peer's TLS certificate, empty without one. */
  readonly peerId: string;
  /** What the reports are bound to: the TLS session, or also both TLS keys and the mode. */
  readonly keyBinding: KeyBinding;
  /** Verdict on the peer; absent when the mode does not have it attested. */
  readonly result?: AttestationResult;
}

/** One TLS connection and its ends. */
export interface HandshakeContext {
  readonly role: Role;
  readonly channel: FrameChannel;
  readonly identity: ChannelIdentity;
  /** `host:port` of this end. */
  readonly ownAddress: string;
  /** `host:port` of the other end. */
  readonly peerAddress: string;
  readonly settings: AttestationSettings;
  readonly timer: HandshakeTimer;
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

  const request = await exchangeRequests(context, daemon, peer);
  const keyBinding = chooseBinding(request, settings);
  const nonceOf = (prover: Role): Uint8Array => reportNonce(keyBinding, prover, mode, identity);

  timer.enter('attest');
  const report = attests(role, mode)
    ? await makeReport(context, daemon, nonceOf(role), request.cached ?? [])
    : undefined;
  const response = await exchangeResponses(context, { report });

  const attestation = { mode, peerId: peer.id, keyBinding };
  if (!attests(peerRole, mode)) return attestation;
  const result = await judge(context, daemon, peer, nonceOf(peerRole), response.report);
  return { ...attestation, result };
}

/** Tells the peer that this side is content, and requires that the peer is. */
export async function complete(context: HandshakeContext): Promise<void> {
  context.timer.waitForPeer('complete');
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

async function exchangeRequests(
  context: HandshakeContext,
  daemon: OwnDaemon,
  peer: PeerInfo,
): Promise<AtlsRequest> {
  const { settings, timer } = context;
  timer.enter('request');
  // Nameless peers share one entry in caches of the reference: what it holds may be another's.
  const cached =
    attests(peer.role, settings.mode) && peer.id !== ''
      ? await daemon.call('PeerCache', (cmc, options) => cmc.peerCache({ peer: peer.id }, options))
      : { cache: [] };
  timer.waitForPeer('request');
  await send(context, atlsRequestSchema, {
    version: ATLS_VERSION,
    attest: modeNumber(settings.mode),
    cached: cached.cache,
    bindings: ['spki-v1'],
  });
  const request = await receive(context, atlsRequestSchema, MAX_REQUEST_BYTES);
  if (request.attest !== modeNumber(settings.mode)) {
    const message = `attestation mode is ${settings.mode} here and ${modeName(request.attest)} at the peer`;
    throw failure(context, 'ERR_ATLS_MODE_MISMATCH', message);
  }
  return request;
}

function chooseBinding(request: AtlsRequest, settings: AttestationSettings): KeyBinding {
  if (request.bindings?.includes('spki-v1')) return 'spki-v1';
  if (!settings.requireBinding) return 'exporter';
  const message = 'the peer does not offer the key binding spki-v1, which is required here';
  throw new AttestedTlsError('ERR_ATLS_BINDING', message, { phase: 'request' });
}

async function makeReport(
  context: HandshakeContext,
  daemon: OwnDaemon,
  nonce: Uint8Array,
  cached: readonly string[],
): Promise<Uint8Array> {
  const { serialization } = context.settings;
  try {
    const made = await daemon.call('Attest', (cmc, options) =>
      cmc.attest({ nonce, cached }, { ...options, serialization }),
    );
    return made.report;
  } catch (error) {
    // The peer waits for a Response: this one lets it end at once, with the reason.
    const response = { version: ATLS_VERSION, error: describeForPeer(error) };
    await send(context, atlsResponseSchema, response);
    throw error;
  }
}

async function exchangeResponses(
  context: HandshakeContext,
  own: { readonly report: Uint8Array | undefined },
): Promise<AtlsResponse> {
  const { role, settings, timer } = context;
  const peerSendsReport = attests(otherRole(role), settings.mode);
  const maxBytes = peerSendsReport ? settings.maxFrameBytes : MAX_COMPLETE_BYTES;
  timer.waitForPeer('attest');
  // Both at once: two peers that first wrote two large reports would wait for each other for ever.
  const [, response] = await Promise.all([
    send(context, atlsResponseSchema, {
      version: ATLS_VERSION,
      ...(own.report === undefined ? {} : { report: own.report }),
    }),
    receive(context, atlsResponseSchema, maxBytes),
  ]);
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
    settings.onResult(result, peer);
  } catch (cause) {
    const message = 'the onResult callback refused the peer';
    throw new AttestedTlsError('ERR_ATLS_CALLBACK', message, { cause, phase: 'verify' });
  }
  const { status } = result.summary;
  if (status === 'success' || status === 'warn') return result;
  const message = `the attestation report of the peer did not pass: status ${quotePeerText(status)}`;
  throw new AttestedTlsError('ERR_ATLS_PEER_ATTESTATION', message, { result, phase: 'verify' });
}

async function send<T>(
  { channel, settings }: HandshakeContext,
  schema: StructSchema<T>,
  message: T,
): Promise<void> {
  await channel.write(encodeMessage(schema, message, settings.serialization));
}

/** The message that is due. A Complete in its place is the peer giving up. */
async function receive<T extends { readonly version: string }>(
  context: HandshakeContext,
  schema: StructSchema<T>,
  maxBytes: number,
): Promise<T> {
  const body = await context.channel.read(Math.min(maxBytes, context.settings.maxFrameBytes));
  if (isComplete(body)) {
    const early = decode(context, atlsCompleteSchema, body);
    if (!early.success) throw peerReported(context, early.error);
    throw failure(context, 'ERR_ATLS_PROTOCOL', `the peer completed before ${schema.name}`);
  }
  const message = decode(context, schema, body);
  checkVersion(context, message.version);
  return message;
}

function decode<T>(context: HandshakeContext, schema: StructSchema<T>, body: Uint8Array): T {
  try {
    return decodeMessage(schema, body);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    const message = `the peer sent what is no ${schema.name}`;
    const { phase } = context.timer;
    throw new AttestedTlsError('ERR_ATLS_PROTOCOL', message, { cause, phase });
  }
}

function checkVersion(context: HandshakeContext, version: string): void {
  // The reference compares without regard to case.
  if (version.toLowerCase() === ATLS_VERSION) return;
  const message = `expected attestation protocol ${ATLS_VERSION}, the peer has ${quotePeerText(version)}`;
  throw failure(context, 'ERR_ATLS_VERSION', message);
}

function peerReported(context: HandshakeContext, text: string | undefined): AttestedTlsError {
  const reason = quotePeerText(text ?? '');
  const { phase } = context.timer;
  const message = `the peer gave up: ${reason}`;
  return new AttestedTlsError('ERR_ATLS_PEER_REPORTED', message, { reason, phase });
}

function failure(
  { timer }: HandshakeContext,
  code: 'ERR_ATLS_MODE_MISMATCH' | 'ERR_ATLS_PROTOCOL' | 'ERR_ATLS_VERSION',
  message: string,
): AttestedTlsError {
  return new AttestedTlsError(code, message, { phase: timer.phase });
}
