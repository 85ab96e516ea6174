import type { StructSchema } from '@cmc/attestationreport/codec';
import { DecodeError } from '@cmc/bytes';
import type { Role } from './attestation-mode.ts';
import type { ChannelIdentity } from './channel-binding.ts';
import {
  AttestedTlsError,
  type AttestedTlsErrorCode,
  type AttestedTlsErrorOptions,
} from './errors.ts';
import type { FrameChannel } from './frame-channel.ts';
import type { HandshakeTimer } from './handshake-timer.ts';
import type { ServerNameCheck } from './key-proof-problem.ts';
import { atlsCompleteSchema, decodeMessage, encodeMessage, isComplete } from './messages.ts';
import type { AttestationSettings } from './options.ts';
import { quotePeerText } from './reasons.ts';

/** One TLS connection and its ends. */
export interface HandshakeContext {
  readonly role: Role;
  readonly channel: FrameChannel;
  readonly identity: ChannelIdentity;
  /** `host:port` of this end. */
  readonly ownAddress: string;
  /** `host:port` of the other end. */
  readonly peerAddress: string;
  /** Of a client: what is wrong with the name in a certificate of its server. */
  readonly checkServerName: ServerNameCheck | undefined;
  readonly settings: AttestationSettings;
  readonly timer: HandshakeTimer;
}

/** Sends one message. */
export async function send<T>(
  { channel, settings }: HandshakeContext,
  schema: StructSchema<T>,
  message: T,
): Promise<void> {
  await channel.write(encodeMessage(schema, message, settings.serialization));
}

/** The message that is due. A Complete in its place is the peer giving up. */
export async function receive<T>(
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
  return decode(context, schema, body);
}

/** @throws {AttestedTlsError} ERR_ATLS_PROTOCOL */
export function decode<T>(context: HandshakeContext, schema: StructSchema<T>, body: Uint8Array): T {
  try {
    return decodeMessage(schema, body);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    const message = `the peer sent what is no ${schema.name}`;
    throw failure(context, 'ERR_ATLS_PROTOCOL', message, { cause });
  }
}

/** The peer said that it gives up. */
export function peerReported(
  context: HandshakeContext,
  text: string | undefined,
): AttestedTlsError {
  const reason = quotePeerText(text ?? '');
  return failure(context, 'ERR_ATLS_PEER_REPORTED', `the peer gave up: ${reason}`, { reason });
}

/** An error of the phase that the handshake is in. */
export function failure(
  { timer }: HandshakeContext,
  code: AttestedTlsErrorCode,
  message: string,
  details: AttestedTlsErrorOptions = {},
): AttestedTlsError {
  return new AttestedTlsError(code, message, { ...details, phase: timer.phase });
}
