import { toHex } from '@cmc/bytes';
import { CODE, isRequest, isResponse } from './codes.ts';
import { type Acknowledgement, Confirmables } from './confirmables.ts';
import type { Peer } from './datagram.ts';
import {
  type CoapMessage,
  type CoapOption,
  decodeMessage,
  encodeMessage,
  type MessageType,
} from './message.ts';
import { DEFAULT_TRANSMISSION, type TransmissionParameters } from './parameters.ts';
import { RecentMessages } from './recent-messages.ts';

/** A message without what this layer adds. */
export interface Draft {
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/**
 * A request, or a response that did not come in an acknowledgement. A request of type `ack` also
 * acknowledged a response: clients of the reference ask for the next block in that way, and expect
 * it in a confirmable message.
 */
export interface Incoming {
  readonly message: CoapMessage;
  readonly peer: Peer;
  /** Peer, message id and token: what makes two messages duplicates of each other. */
  readonly id: string;
}

export interface MessageLayerOptions {
  readonly send: (datagram: Uint8Array, peer: Peer) => void;
  /** Called once per message, not for its duplicates. */
  readonly onMessage: (incoming: Incoming) => void;
  readonly transmission?: Partial<TransmissionParameters>;
  /** Monotonic time, ms. */
  readonly now?: () => number;
}

/** A confirmable message on its way. */
export interface Sent {
  readonly acknowledged: Acknowledgement;
  /** Stops retransmission: the message evidently arrived. */
  readonly stop: () => void;
}

const EMPTY_BYTES = new Uint8Array();
const HEADER_BYTES = 4;
const VERSION_AND_TYPE_BITS = 0xf0;
const CONFIRMABLE_OF_VERSION_1 = 0x40;

/** Message layer of RFC 7252 (section 4): message ids, duplicates, confirmation, retransmission. */
export class MessageLayer {
  readonly #options: MessageLayerOptions;
  readonly #recent: RecentMessages;
  readonly #confirmables: Confirmables;
  #nextMessageId = Math.floor(Math.random() * 0x1_0000);

  constructor(options: MessageLayerOptions) {
    const now = options.now ?? (() => performance.now());
    this.#options = options;
    this.#recent = new RecentMessages(now);
    this.#confirmables = new Confirmables({
      send: options.send,
      now,
      transmission: { ...DEFAULT_TRANSMISSION, ...options.transmission },
    });
  }

  /** Takes in one datagram. Never throws for what it holds. */
  receive(datagram: Uint8Array, peer: Peer): void {
    const message = this.#decode(datagram, peer);
    if (message === undefined) return;
    const { type, code, messageId } = message;
    if (type === 'ack') this.#receiveAcknowledgement(message, peer);
    else if (type === 'rst') this.#confirmables.reset(peer, messageId);
    else if (isRequest(code) || isResponse(code)) this.#receiveOnce(message, peer);
    // Empty: a "ping". Anything else: a code of a reserved class.
    else if (type === 'con') this.#sendEmpty('rst', messageId, peer);
  }

  /** Sends a confirmable message. */
  confirm(draft: Draft, peer: Peer): Sent {
    const messageId = this.#takeMessageId();
    const datagram = encodeMessage({ ...draft, type: 'con', messageId });
    return {
      acknowledged: this.#confirmables.send({ peer, messageId, datagram }),
      stop: () => this.#confirmables.acknowledge(peer, messageId, undefined),
    };
  }

  /** Answers a request: in the acknowledgement if it was confirmable, without confirmation if not. */
  reply(incoming: Incoming, draft: Draft): void {
    const confirmable = incoming.message.type === 'con';
    this.#reply(incoming, {
      ...draft,
      type: confirmable ? 'ack' : 'non',
      messageId: confirmable ? incoming.message.messageId : this.#takeMessageId(),
    });
  }

  /** Acknowledges a confirmable message; its response, if there is one, comes separately. */
  acknowledge(incoming: Incoming): void {
    this.#replyEmpty(incoming, 'ack');
  }

  /** Tells the sender that its message makes no sense here. */
  reject(incoming: Incoming): void {
    this.#replyEmpty(incoming, 'rst');
  }

  /** Gives up all outstanding messages. */
  close(error: Error): void {
    this.#confirmables.close(error);
  }

  #decode(datagram: Uint8Array, peer: Peer): CoapMessage | undefined {
    try {
      return decodeMessage(datagram);
    } catch {
      const [first, , high, low] = datagram;
      if (datagram.length < HEADER_BYTES || first === undefined) return undefined;
      if ((first & VERSION_AND_TYPE_BITS) === CONFIRMABLE_OF_VERSION_1) {
        this.#sendEmpty('rst', ((high ?? 0) << 8) | (low ?? 0), peer);
      }
      return undefined;
    }
  }

  #receiveAcknowledgement(message: CoapMessage, peer: Peer): void {
    const { code, messageId } = message;
    const response = isResponse(code) ? message : undefined;
    if (response === undefined && code !== CODE.EMPTY && !isRequest(code)) return;
    const acknowledged = this.#confirmables.acknowledge(peer, messageId, response);
    if (acknowledged && isRequest(code)) this.#options.onMessage(incoming(message, peer));
  }

  #receiveOnce(message: CoapMessage, peer: Peer): void {
    const received = incoming(message, peer);
    if (this.#recent.add(received.id)) {
      this.#options.onMessage(received);
      return;
    }
    const reply = this.#recent.reply(received.id);
    if (reply !== undefined) this.#options.send(reply, peer);
  }

  #replyEmpty(incoming: Incoming, type: 'ack' | 'rst'): void {
    if (incoming.message.type !== 'con') return;
    this.#reply(incoming, emptyMessage(type, incoming.message.messageId));
  }

  #reply(incoming: Incoming, message: CoapMessage): void {
    const datagram = encodeMessage(message);
    this.#recent.setReply(incoming.id, datagram);
    this.#options.send(datagram, incoming.peer);
  }

  #sendEmpty(type: 'ack' | 'rst', messageId: number, peer: Peer): void {
    this.#options.send(encodeMessage(emptyMessage(type, messageId)), peer);
  }

  #takeMessageId(): number {
    const messageId = this.#nextMessageId;
    this.#nextMessageId = (messageId + 1) & 0xffff;
    return messageId;
  }
}

function incoming(message: CoapMessage, peer: Peer): Incoming {
  // The token is in there because a new socket may get the port of an old one.
  return { message, peer, id: `${peer.key} ${message.messageId} ${toHex(message.token)}` };
}

function emptyMessage(type: MessageType, messageId: number): CoapMessage {
  return {
    type,
    code: CODE.EMPTY,
    messageId,
    token: EMPTY_BYTES,
    options: [],
    payload: EMPTY_BYTES,
  };
}
