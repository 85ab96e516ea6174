import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { DecodeError } from '@cmc/bytes';
import { ApiError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { exchange, type WholeRequest, type WholeResponse } from './block-client.ts';
import { type Peer, plainBytes } from './datagram.ts';
import type { TransmissionParameters } from './parameters.ts';
import { Requester } from './requester.ts';

export interface CallPeerOptions {
  readonly peer: Peer;
  readonly transmission: Partial<TransmissionParameters>;
  readonly signal: AbortSignal;
  /** Called for every datagram of the peer. */
  readonly onAnswer: () => void;
}

/**
 * One exchange, over a socket of its own: calls do not wait for each other, and a random port
 * comes on top of the random token.
 *
 * @throws {ApiError} ERR_API_UNAVAILABLE, ERR_API_PROTOCOL, ERR_API_LIMIT; the reason of the signal
 */
export async function callPeer(
  request: WholeRequest,
  options: CallPeerOptions,
): Promise<WholeResponse> {
  const { peer, transmission, signal, onAnswer } = options;
  const socket = createSocket(isIPv6(peer.address) ? 'udp6' : 'udp4');
  const requester = new Requester({
    peer,
    transmission,
    send: (datagram) => socket.send(datagram),
  });
  const onAbort = (): void => requester.close(signal.reason);
  signal.addEventListener('abort', onAbort);
  socket.on('message', (datagram) => {
    onAnswer();
    requester.receive(plainBytes(datagram));
  });
  try {
    // Connected: the kernel passes on what this peer sends, and says so when nobody is there.
    socket.connect(peer.port, peer.address);
    await once(socket, 'connect', { signal });
    socket.on('error', (cause) => requester.close(unavailable(peer, cause)));
    return await exchange(request, {
      request: (draft) => requester.request(draft),
      maxResponseBytes: MAX_MESSAGE_BYTES,
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof DecodeError) {
      throw new ApiError('ERR_API_PROTOCOL', error.message, { cause: error });
    }
    throw error instanceof ApiError ? error : unavailable(peer, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    requester.close(new ApiError('ERR_API_UNAVAILABLE', 'CoAP: the call is over'));
    socket.close();
  }
}

function unavailable(peer: Peer, cause: unknown): ApiError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ApiError('ERR_API_UNAVAILABLE', `CoAP: ${peer.key}: ${reason}`, { cause });
}
