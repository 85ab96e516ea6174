import { EXCHANGE_LIFETIME_MS, MAX_RECENT_BYTES, MAX_RECENT_MESSAGES } from './parameters.ts';

interface Recent {
  readonly expiresAt: number;
  reply: Uint8Array | undefined;
}

/**
 * What was received lately and how it was answered, so that a duplicate gets the same answer and
 * is not processed again. Bounded: the oldest messages are forgotten first.
 */
export class RecentMessages {
  readonly #messages = new Map<string, Recent>();
  readonly #now: () => number;
  #replyBytes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether `id` is new; it is remembered from now on. */
  add(id: string): boolean {
    const known = this.#messages.get(id);
    if (known !== undefined && known.expiresAt > this.#now()) return false;
    this.#forget(id);
    this.#messages.set(id, { expiresAt: this.#now() + EXCHANGE_LIFETIME_MS, reply: undefined });
    this.#trim();
    return true;
  }

  /** The latest answer to message `id`. */
  reply(id: string): Uint8Array | undefined {
    return this.#messages.get(id)?.reply;
  }

  setReply(id: string, reply: Uint8Array): void {
    const recent = this.#messages.get(id);
    if (recent === undefined) return;
    this.#replyBytes += reply.length - (recent.reply?.length ?? 0);
    recent.reply = reply;
    this.#trim();
  }

  #trim(): void {
    for (const [id, recent] of this.#messages) {
      const full = this.#messages.size > MAX_RECENT_MESSAGES || this.#replyBytes > MAX_RECENT_BYTES;
      if (!full && recent.expiresAt > this.#now()) return;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#replyBytes -= this.#messages.get(id)?.reply?.length ?? 0;
    this.#messages.delete(id);
  }
}
