import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  MAX_TRANSFER_BYTES,
  MAX_TRANSFERS,
  MAX_TRANSFERS_PER_PEER,
  TRANSFER_IDLE_MS,
} from '../../src/coap/parameters.ts';
import { Transfers } from '../../src/coap/transfers.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const create = (): Transfers<string> => new Transfers(() => performance.now());

describe('Transfers', () => {
  test('keeps a transfer that is used, and forgets it 30 s after its last use', () => {
    const transfers = create();
    transfers.set('a', 'first', 'peer', 10);
    vi.advanceTimersByTime(TRANSFER_IDLE_MS - 1);
    transfers.set('a', 'first', 'peer', 20);
    expect(transfers.bytes).toBe(20);
    vi.advanceTimersByTime(TRANSFER_IDLE_MS - 1);
    expect(transfers.get('a')).toBe('first');
    vi.advanceTimersByTime(1);
    expect(transfers.get('a')).toBeUndefined();
    expect(transfers.bytes).toBe(0);
  });

  test('frees what is idle without being asked', () => {
    const transfers = create();
    transfers.set('a', 'first', 'peer', 10);
    vi.advanceTimersByTime(2 * TRANSFER_IDLE_MS);
    expect(transfers.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a peer that starts more transfers than it may loses its oldest', () => {
    const transfers = create();
    transfers.set('other', 'other', 'other peer', 1);
    for (let i = 0; i <= MAX_TRANSFERS_PER_PEER; i++) transfers.set(`${i}`, `${i}`, 'peer', 1);
    expect(transfers.get('0')).toBeUndefined();
    expect(transfers.get('1')).toBe('1');
    expect(transfers.get('other')).toBe('other');
  });

  test('silent peers make room for the ones that move on', () => {
    const transfers = create();
    transfers.set('good', 'good', 'good peer', 1);
    for (let i = 0; i < 2 * MAX_TRANSFERS; i++) {
      transfers.set(`${i}`, 'silent', `peer ${i}`, 1);
      transfers.set('good', 'good', 'good peer', i);
    }
    expect(transfers.get('good')).toBe('good');
    expect(transfers.size).toBe(MAX_TRANSFERS);
  });

  test('holds no more bytes than it may', () => {
    const transfers = create();
    for (let i = 0; i < 9; i++) transfers.set(`${i}`, `${i}`, `peer ${i}`, MAX_TRANSFER_BYTES / 8);
    expect(transfers.bytes).toBe(MAX_TRANSFER_BYTES);
    expect(transfers.get('0')).toBeUndefined();
    expect(transfers.get('1')).toBe('1');
    transfers.clear();
    expect(transfers.bytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
