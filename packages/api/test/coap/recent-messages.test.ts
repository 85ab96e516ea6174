import { describe, expect, test } from 'vitest';
import { MAX_RECENT_BYTES, MAX_RECENT_MESSAGES } from '../../src/coap/parameters.ts';
import { RecentMessages } from '../../src/coap/recent-messages.ts';

describe('RecentMessages', () => {
  test('forgets the oldest message when there are too many', () => {
    const recent = new RecentMessages(() => 0);
    for (let i = 0; i < MAX_RECENT_MESSAGES; i++) recent.add(`${i}`);
    expect(recent.add('0')).toBe(false);
    recent.add('one more');
    expect(recent.add('1')).toBe(false);
    expect(recent.add('0')).toBe(true);
  });

  test('forgets the oldest messages when their replies hold too many bytes', () => {
    const recent = new RecentMessages(() => 0);
    const half = new Uint8Array(MAX_RECENT_BYTES / 2);
    for (const id of ['a', 'b', 'c']) {
      recent.add(id);
      recent.setReply(id, half);
    }
    expect(recent.reply('a')).toBeUndefined();
    expect(recent.reply('b')).toBe(half);
    expect(recent.reply('c')).toBe(half);
    recent.setReply('c', new Uint8Array(1));
    recent.add('d');
    recent.setReply('d', half.subarray(1));
    expect(recent.reply('b')).toBe(half);
  });

  test('keeps no reply to a message it has forgotten', () => {
    const recent = new RecentMessages(() => 0);
    recent.setReply('never seen', new Uint8Array(8));
    expect(recent.reply('never seen')).toBeUndefined();
  });
});
