import { describe, expect, test } from 'vitest';
import { ByteBudget } from '../src/byte-budget.ts';

describe('ByteBudget', () => {
  const full = expect.objectContaining({ code: 'ERR_API_LIMIT' });

  test('R46 gives out no more than there is, over all shares', () => {
    const budget = new ByteBudget(100);
    const [first, second] = [budget.share(), budget.share()];
    first.hold(60);
    second.hold(40);
    expect(() => first.hold(61)).toThrow(full);
    first.hold(30);
    second.hold(70);
    expect(() => budget.share().hold(1)).toThrow(full);
  });

  test('keeps what a share had when it is refused more', () => {
    const budget = new ByteBudget(100);
    const share = budget.share();
    share.hold(50);
    expect(() => share.hold(101)).toThrow(full);
    expect(() => budget.share().hold(51)).toThrow(full);
    budget.share().hold(50);
  });

  test('takes back what a share had, once, and gives it nothing afterwards', () => {
    const budget = new ByteBudget(100);
    const share = budget.share();
    share.hold(100);
    share.release();
    share.release();
    share.hold(100);
    budget.share().hold(100);
    expect(() => budget.share().hold(1)).toThrow(full);
  });
});
