import { encodeUtf8, toHex } from '@cmc/bytes';
import { ApiError, errorText } from '../errors.ts';
import { CODE } from './codes.ts';
import type { CoapMessage } from './message.ts';
import type { Draft, Incoming } from './message-layer.ts';
import { OPTION } from './options.ts';

/** Options that differ between the messages of one exchange. */
const PER_MESSAGE = new Set<number>([OPTION.BLOCK1, OPTION.BLOCK2, OPTION.SIZE1, OPTION.SIZE2]);

/** What the messages of one block-wise exchange have in common: peer, method and options. */
export function requestKey(incoming: Incoming): string {
  const { code, options } = incoming.message;
  const common = options.filter((option) => !PER_MESSAGE.has(option.number));
  const described = common.map(({ number, value }) => `${number}=${toHex(value)}`);
  return `${incoming.peer.key} ${code} ${described.join(' ')}`;
}

/** Codes that say that a limit was reached; the others say that the client broke the protocol. */
const LIMITS = new Set<number>([CODE.REQUEST_ENTITY_TOO_LARGE, CODE.SERVICE_UNAVAILABLE]);

/** An error response to `message`, with a coded text as all errors of the API have it. */
export function refuse(message: CoapMessage, code: number, text: string): Draft {
  const error = new ApiError(LIMITS.has(code) ? 'ERR_API_LIMIT' : 'ERR_API_PROTOCOL', text);
  return { code, token: message.token, options: [], payload: encodeUtf8(errorText(error)) };
}
