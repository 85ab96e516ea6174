import type { Message } from '../src/messages.ts';
import * as messages from '../src/messages.ts';
import { DIGEST, KEY_ID, SAMPLE_EVENT, SAMPLE_RESULT } from './fake-cmc.ts';

const FOUR_BYTES = Uint8Array.of(1, 2, 3, 4);

/** A value of every message, with every member set. */
export const SAMPLES: ReadonlyMap<Message<unknown, unknown>, unknown> = new Map<
  Message<unknown, unknown>,
  unknown
>([
  [messages.attestationRequest, { nonce: new Uint8Array(8), cached: [DIGEST] }],
  [messages.attestationResponse, { report: FOUR_BYTES }],
  [
    messages.verificationRequest,
    {
      nonce: new Uint8Array(32),
      report: FOUR_BYTES,
      peer: DIGEST,
      peerAddr: '[::1]:443',
      policies: new TextEncoder().encode('true'),
    },
  ],
  [messages.verificationResponse, { result: SAMPLE_RESULT }],
  [
    messages.tlsCreateRequest,
    {
      keyConfig: { type: 'sw', alg: 'EC256', cn: 'a', dnsNames: ['a.b'], ipAddresses: ['::1'] },
    },
  ],
  [messages.tlsCreateResponse, { keyId: KEY_ID }],
  [
    messages.tlsSignRequest,
    {
      keyId: KEY_ID,
      content: new Uint8Array(32),
      hashAlg: 'SHA-256',
      message: FOUR_BYTES,
      scheme: 'rsa-pss',
    },
  ],
  [messages.tlsSignResponse, { signedContent: FOUR_BYTES }],
  [messages.tlsCertRequest, { keyId: KEY_ID }],
  [messages.tlsCertResponse, { certificate: [FOUR_BYTES, FOUR_BYTES] }],
  [messages.peerCacheRequest, { peer: DIGEST }],
  [messages.peerCacheResponse, { cache: [DIGEST, DIGEST] }],
  [messages.measureRequest, { event: SAMPLE_EVENT }],
  [messages.measureResponse, { success: true }],
  [messages.updateCertsRequest, {}],
  [messages.updateCertsResponse, { success: true }],
  [messages.updateMetadataRequest, {}],
  [messages.updateMetadataResponse, { success: false }],
]);
